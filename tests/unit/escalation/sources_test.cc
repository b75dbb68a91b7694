// Tokens of sources: shown once, kept as a hash, ended by a word.
#include "controller/escalation/sources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <fstream>
#include <sstream>
#include <thread>

#include "common/identity/secrets.h"
#include "common/status/error.h"
#include "tests/unit/identity/test_support.h"

namespace mailquench::controller {
namespace {

using testing::HasSubstr;
using testing::Not;

class Sources : public testing::Test {
 protected:
  Sources() : store_(*Store::Open(folder_.At("store.db"))) { Open(); }
  void Open() { sources_ = *AlertSources::Open(store_.get(), &clock_); }
  absl::StatusOr<v1::CreateSourceResponse> Create(const std::string& name,
                                                  v1::SourceKind kind = v1::SOURCE_KIND_GENERIC) {
    v1::CreateSourceRequest request;
    request.set_name(name);
    request.set_kind(kind);
    return sources_->Create(request, "ann");
  }
  // As it stands in the store, after all that was to be written.
  v1::AlertSource Kept(const std::string& name) {
    sources_.reset();
    Open();
    for (const v1::AlertSource& source : sources_->All()) {
      if (source.name() == name) return source;
    }
    return {};
  }

  test::TemporaryFolder folder_;
  test::FakeClock clock_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<AlertSources> sources_;
};

TEST_F(Sources, ATokenIsAdmittedAlsoAfterARestart) {
  const auto created = Create("prom", v1::SOURCE_KIND_ALERTMANAGER);
  ASSERT_TRUE(created.ok()) << created.status();
  const std::string& token = created->token();
  EXPECT_THAT(token, testing::StartsWith("mqs.prom."));
  EXPECT_EQ(token.size(), sizeof "mqs.prom." - 1 + 64);
  EXPECT_EQ(created->source().created_by(), "ann");
  for (int i = 0; i < 2; ++i) {
    const auto admitted = sources_->Admit(token);
    ASSERT_TRUE(admitted.ok()) << admitted.status();
    EXPECT_EQ(admitted->name(), "prom");
    EXPECT_EQ(admitted->kind(), v1::SOURCE_KIND_ALERTMANAGER);
    Open();
  }
}

TEST_F(Sources, TheStoreHasNoSecret) {
  const std::string token = Create("prom")->token();
  const std::string secret = token.substr(token.rfind('.') + 1);
  EXPECT_TRUE(sources_->Admit(token).ok());
  sources_.reset();
  store_.reset();
  std::string all;
  for (const char* name : {"store.db", "store.db-wal"}) {
    std::ifstream file(folder_.At(name), std::ios::binary);
    std::stringstream bytes;
    bytes << file.rdbuf();
    all += bytes.str();
  }
  EXPECT_THAT(all, HasSubstr(identity::Sha256Hex(secret)));
  EXPECT_THAT(all, Not(HasSubstr(secret)));
}

TEST_F(Sources, EveryWrongTokenIsRefusedInTheSameWords) {
  const std::string token = Create("prom")->token();
  const std::string other = Create("other")->token();
  ASSERT_TRUE(Create("gone").ok());
  const std::string revoked = Create("left")->token();
  ASSERT_TRUE(sources_->Revoke("left").ok());
  const std::string secret = token.substr(token.rfind('.'));
  std::string last = token;
  last.back() = last.back() == '0' ? '1' : '0';
  const absl::Status refused = sources_->Admit("").status();
  EXPECT_EQ(ReasonOf(refused), "BAD_TOKEN");
  for (const std::string& wrong :
       {std::string("mqs"), std::string("mqs."), std::string("mqs.."), std::string("mqs.prom"),
        std::string("mqs.prom."), "mqs.other" + secret, "mqs.nobody" + secret, "mqs" + secret,
        "mqs." + secret, "mqt.prom" + secret, "MQS.prom" + secret, token + " ", " " + token, last,
        token.substr(0, token.size() - 1), token + token, revoked, std::string(100'000, '.'),
        std::string("mqs.prom\0", 9) + secret}) {
    const auto admitted = sources_->Admit(wrong);
    EXPECT_EQ(admitted.status(), refused) << wrong.substr(0, 100);
  }
  EXPECT_TRUE(sources_->Admit(token).ok());
  EXPECT_TRUE(sources_->Admit(other).ok());
}

TEST_F(Sources, ARevokedOneIsOutAtOnceAndForGood) {
  const std::string token = Create("prom")->token();
  EXPECT_TRUE(sources_->Admit(token).ok());  // Its use may be written behind the revocation.
  const auto revoked = sources_->Revoke("prom");
  ASSERT_TRUE(revoked.ok()) << revoked.status();
  EXPECT_TRUE(revoked->revoked());
  EXPECT_FALSE(sources_->Admit(token).ok());
  EXPECT_TRUE(sources_->Revoke("prom").ok());  // Once more is the same.
  EXPECT_TRUE(Kept("prom").revoked());
  EXPECT_FALSE(sources_->Admit(token).ok());
  EXPECT_EQ(ReasonOf(Create("prom").status()), "SOURCE_EXISTS");
  EXPECT_EQ(ReasonOf(sources_->Revoke("nobody").status()), "SOURCE_NOT_FOUND");
}

TEST_F(Sources, NamesAndKindsAreChecked) {
  for (const std::string& name :
       {std::string(), std::string("own"), std::string("operator"), std::string("a.b"),
        std::string("A"), std::string("a/b"), std::string("-a"), std::string("_a"),
        std::string("a b"), std::string("a\n"), std::string(64, 'a'), std::string("\xc3\xa4")}) {
    EXPECT_EQ(ReasonOf(Create(name).status()), "BAD_SOURCE_NAME") << name;
  }
  EXPECT_EQ(ReasonOf(Create("a", v1::SOURCE_KIND_UNSPECIFIED).status()), "BAD_SOURCE_KIND");
  EXPECT_EQ(ReasonOf(Create("a", static_cast<v1::SourceKind>(99)).status()), "BAD_SOURCE_KIND");
  EXPECT_TRUE(Create(std::string(63, 'a')).ok());
  EXPECT_TRUE(Create("0-a_b").ok());
  EXPECT_EQ(ReasonOf(Create("0-a_b").status()), "SOURCE_EXISTS");
  EXPECT_EQ(sources_->All().size(), 2U);
}

TEST_F(Sources, TheLastUseIsKeptToTheMinute) {
  const std::string token = Create("prom")->token();
  EXPECT_FALSE(Kept("prom").has_last_use_time());
  const std::int64_t first = absl::ToUnixSeconds(clock_.now);
  EXPECT_EQ(sources_->Admit(token)->last_use_time().seconds(), first);
  clock_.now += absl::Seconds(50);
  EXPECT_EQ(sources_->Admit(token)->last_use_time().seconds(), first);
  EXPECT_EQ(Kept("prom").last_use_time().seconds(), first);
  clock_.now += absl::Seconds(20);
  EXPECT_EQ(sources_->Admit(token)->last_use_time().seconds(), first + 70);
  EXPECT_EQ(Kept("prom").last_use_time().seconds(), first + 70);
  EXPECT_FALSE(sources_->Admit(token + "x").ok());
}

// The disk may be as slow as it likes: here another process has the database locked.
TEST_F(Sources, AdmittingDoesNotWaitForTheStore) {
  const std::string token = Create("prom")->token();
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(folder_.At("store.db").c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  const absl::Time before = absl::Now();
  for (int i = 0; i < 1000; ++i) {
    clock_.now += absl::Minutes(2);
    EXPECT_TRUE(sources_->Admit(token).ok());
  }
  EXPECT_LT(absl::Now() - before, absl::Seconds(2));
  ASSERT_EQ(sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(other);
  EXPECT_EQ(Kept("prom").last_use_time().seconds(), absl::ToUnixSeconds(clock_.now));
}

TEST_F(Sources, ManyThreadsAtOnceLeaveARevokedOneRevoked) {
  const std::string token = Create("prom")->token();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this, &token]() {
      for (int n = 0; n < 500; ++n) sources_->Admit(token).status().IgnoreError();
    });
  }
  threads.emplace_back([this]() { EXPECT_TRUE(sources_->Revoke("prom").ok()); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(sources_->Admit(token).ok());
  EXPECT_TRUE(Kept("prom").revoked());
}

}  // namespace
}  // namespace mailquench::controller
