#include "controller/identity/tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "common/identity/certificate.h"
#include "common/identity/secrets.h"
#include "common/status/error.h"
#include "tests/unit/identity/test_support.h"

namespace mailquench::controller {
namespace {

class MemoryTokenStore final : public TokenStore {
 public:
  absl::Status Insert(const TokenRecord& record) override {
    const std::lock_guard lock(mutex_);
    return records_.emplace(record.id, record).second ? absl::OkStatus()
                                                      : absl::AlreadyExistsError("token");
  }
  absl::StatusOr<TokenRecord> Find(const std::string& id) override {
    const std::lock_guard lock(mutex_);
    const auto found = records_.find(id);
    if (found == records_.end()) return absl::NotFoundError("token");
    return found->second;
  }
  absl::StatusOr<TokenRecord> MarkUsed(const std::string& id,
                                       const TokenUse& use,
                                       const std::string&) override {
    if (before_mark) before_mark();
    const std::lock_guard lock(mutex_);
    const auto found = records_.find(id);
    if (found == records_.end()) return absl::NotFoundError("token");
    if (!found->second.use.has_value() && !found->second.revoked) found->second.use = use;
    return found->second;
  }
  absl::StatusOr<std::vector<TokenRecord>> List() override {
    const std::lock_guard lock(mutex_);
    std::vector<TokenRecord> out;
    for (const auto& [id, record] : records_) out.push_back(record);
    return out;
  }
  absl::Status Revoke(const std::string& id) override {
    const std::lock_guard lock(mutex_);
    const auto found = records_.find(id);
    if (found == records_.end()) return absl::NotFoundError("token");
    found->second.revoked = true;
    return absl::OkStatus();
  }
  std::function<void()> before_mark;

 private:
  std::mutex mutex_;
  std::map<std::string, TokenRecord> records_;
};

class TokensTest : public testing::Test {
 protected:
  void SetUp() override {
    ca_ = *CertificateAuthority::Create("mail.example", &clock_);
    tokens_ = std::make_unique<Tokens>(&store_, ca_.get(), &clock_);
    csr_ = NewCsr();
  }
  static std::string NewCsr() { return *identity::MakeCsrDer(*identity::NewKeyPem()); }
  NewToken Make(absl::Duration life = absl::ZeroDuration()) {
    const auto token = tokens_->Create({{"site", "a"}}, life, "jo");
    EXPECT_TRUE(token.ok()) << token.status();
    return *token;
  }
  std::string Refusal(const std::string& text, const std::string& csr) {
    const auto answer = tokens_->Enrol(text, csr, "h1");
    EXPECT_FALSE(answer.ok());
    EXPECT_TRUE(absl::IsPermissionDenied(answer.status())) << answer.status();
    return ReasonOf(answer.status());
  }

  test::FakeClock clock_;
  MemoryTokenStore store_;
  std::unique_ptr<CertificateAuthority> ca_;
  std::unique_ptr<Tokens> tokens_;
  std::string csr_;
};

TEST_F(TokensTest, ExchangesATokenForACertificateOfANewHost) {
  const NewToken token = Make();
  EXPECT_EQ(token.text.substr(token.text.rfind('.') + 1), ca_->fingerprint());
  const auto answer = tokens_->Enrol(token.text, csr_, "h1");
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_FALSE(answer->repeated);
  EXPECT_EQ(answer->labels.at("site"), "a");
  EXPECT_EQ(answer->trust_domain, "mail.example");
  EXPECT_TRUE(identity::CheckIssuedBy(answer->certificate_pem, answer->ca_pem, clock_.now).ok());
  const auto info = identity::ParseCertificate(answer->certificate_pem);
  EXPECT_EQ(info->id.kind, identity::Kind::kAgent);
  EXPECT_EQ(info->id.name, answer->host_id);
}

TEST_F(TokensTest, KeepsNoSecret) {
  const NewToken token = Make();
  const std::string secret = token.text.substr(21, 64);
  const TokenRecord record = tokens_->List()->at(0);
  EXPECT_EQ(record.secret_sha256, identity::Sha256Hex(secret));
  EXPECT_NE(record.secret_sha256, secret);
  EXPECT_NE(record.id, secret);
}

TEST_F(TokensTest, TheSameKeyGetsTheSameAnswerWithinTheTokensLife) {
  const NewToken token = Make();
  const auto first = tokens_->Enrol(token.text, csr_, "h1");
  clock_.now += absl::Minutes(14);
  const auto second = tokens_->Enrol(token.text, csr_, "h1");
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_TRUE(second->repeated);
  EXPECT_EQ(second->certificate_pem, first->certificate_pem);
  EXPECT_EQ(second->host_id, first->host_id);
  clock_.now += absl::Minutes(1);
  EXPECT_EQ(Refusal(token.text, csr_), "TOKEN_EXPIRED");
}

TEST_F(TokensTest, AnotherKeyIsRefused) {
  const NewToken token = Make();
  ASSERT_TRUE(tokens_->Enrol(token.text, csr_, "h1").ok());
  EXPECT_EQ(Refusal(token.text, NewCsr()), "TOKEN_USED");
}

TEST_F(TokensTest, ExpiredUnknownAndRevokedTokensAreToldApart) {
  const NewToken old = Make();
  clock_.now += absl::Minutes(15);
  EXPECT_EQ(Refusal(old.text, csr_), "TOKEN_EXPIRED");
  const NewToken revoked = Make();
  ASSERT_TRUE(tokens_->Revoke(revoked.record.id).ok());
  EXPECT_EQ(Refusal(revoked.text, csr_), "TOKEN_REVOKED");
  EXPECT_EQ(Refusal("rubbish", csr_), "TOKEN_UNKNOWN");
  NewToken wrong = Make();
  wrong.text[21] = wrong.text[21] == '0' ? '1' : '0';
  EXPECT_EQ(Refusal(wrong.text, csr_), "TOKEN_UNKNOWN");
  wrong.text[4] = wrong.text[4] == '0' ? '1' : '0';
  EXPECT_EQ(Refusal(wrong.text, csr_), "TOKEN_UNKNOWN");
}

TEST_F(TokensTest, ABadRequestDoesNotSpendTheToken) {
  const NewToken token = Make();
  EXPECT_EQ(ReasonOf(tokens_->Enrol(token.text, "junk", "h1").status()), "BAD_CSR");
  EXPECT_TRUE(tokens_->Enrol(token.text, csr_, "h1").ok());
}

TEST_F(TokensTest, ABannedKeyIsRefusedAndTheTokenStaysUnspent) {
  const NewToken token = Make();
  const std::string banned = identity::VerifyCsr(csr_)->spki_sha256;
  Tokens guarded(&store_, ca_.get(), &clock_, [&](const std::string& key) {
    return key == banned ? Error(absl::StatusCode::kPermissionDenied, "HOST_BANNED", "no")
                         : absl::OkStatus();
  });
  EXPECT_EQ(ReasonOf(guarded.Enrol(token.text, csr_, "h1").status()), "HOST_BANNED");
  EXPECT_TRUE(guarded.Enrol(token.text, NewCsr(), "h1").ok());
}

TEST_F(TokensTest, ATokenThatIsRevokedMeanwhileGivesNothing) {
  const NewToken token = Make();
  store_.before_mark = [&] { ASSERT_TRUE(store_.Revoke(token.record.id).ok()); };
  EXPECT_EQ(Refusal(token.text, csr_), "TOKEN_REVOKED");
}

TEST_F(TokensTest, LivesAreLimited) {
  EXPECT_EQ(Make().record.expires_at, clock_.now + absl::Minutes(15));
  EXPECT_EQ(Make(absl::Hours(24)).record.expires_at, clock_.now + absl::Hours(24));
  for (const absl::Duration life : {absl::Hours(24) + absl::Seconds(1), -absl::Seconds(1)}) {
    EXPECT_EQ(ReasonOf(tokens_->Create({}, life, "jo").status()), "BAD_LIFE");
  }
}

TEST_F(TokensTest, OfManyKeysAtOnceOneWins) {
  const NewToken token = Make();
  std::atomic<int> won = 0;
  std::atomic<int> used = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, csr = NewCsr()] {
      const auto answer = tokens_->Enrol(token.text, csr, "h");
      if (answer.ok()) ++won;
      if (ReasonOf(answer.status()) == "TOKEN_USED") ++used;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(won, 1);
  EXPECT_EQ(used, 7);
}

TEST_F(TokensTest, TheSameKeyTwiceAtOnceIsOneHost) {
  const NewToken token = Make();
  std::string inner;
  bool nested = false;
  store_.before_mark = [&] {
    if (nested) return;
    nested = true;
    inner = tokens_->Enrol(token.text, csr_, "h1")->host_id;
  };
  const auto outer = tokens_->Enrol(token.text, csr_, "h1");
  ASSERT_TRUE(outer.ok());
  EXPECT_EQ(outer->host_id, inner);
  EXPECT_TRUE(outer->repeated);
}

}  // namespace
}  // namespace mailquench::controller
