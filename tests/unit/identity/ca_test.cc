#include "controller/identity/ca.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/x509v3.h>

#include <set>

#include "common/identity/certificate.h"
#include "common/identity/ossl.h"
#include "common/identity/secrets.h"
#include "common/status/error.h"
#include "tests/unit/identity/test_support.h"

namespace mailquench::controller {
namespace {

namespace ossl = identity::ossl;

class CaTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = CertificateAuthority::Create("mail.example", &clock_);
    ASSERT_TRUE(made.ok()) << made.status();
    ca_ = *std::move(made);
  }
  static uint32_t ExtendedUsage(const std::string& pem) {
    return X509_get_extended_key_usage(ossl::ReadCert(pem)->get());
  }

  test::FakeClock clock_;
  std::unique_ptr<CertificateAuthority> ca_;
};

TEST_F(CaTest, IsACaOfTenYearsThatMaySignAndNothingElse) {
  const auto ca = ossl::ReadCert(ca_->ca_pem());
  ASSERT_TRUE(ca.ok());
  EXPECT_EQ(X509_check_ca(ca->get()), 1);
  EXPECT_EQ(X509_get_pathlen(ca->get()), 0);
  EXPECT_EQ(X509_get_key_usage(ca->get()), static_cast<uint32_t>(KU_KEY_CERT_SIGN | KU_CRL_SIGN));
  EXPECT_GT(ossl::ToTime(X509_get0_notAfter(ca->get())), clock_.now + absl::Hours(24 * 3650));
  EXPECT_EQ(ca_->fingerprint(), *identity::CertificateSpkiSha256(ca_->ca_pem()));
}

TEST_F(CaTest, GivesAnAgentTheIdentityThatTheControllerChoseForSevenDays) {
  const std::string key = *identity::NewKeyPem();
  const std::string uuid = identity::RandomUuid();
  const auto pem = ca_->IssueAgent(*identity::MakeCsrDer(key), uuid);
  ASSERT_TRUE(pem.ok()) << pem.status();
  const auto info = identity::ParseCertificate(*pem);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->id.ToUri(), "spiffe://mail.example/agent/" + uuid);
  EXPECT_EQ(info->spki_sha256, *identity::KeySpkiSha256(key));
  EXPECT_LT(absl::AbsDuration(info->not_before - (clock_.now - absl::Minutes(1))),
            absl::Seconds(2));
  EXPECT_LT(absl::AbsDuration(info->not_after - (clock_.now + absl::Hours(7 * 24))),
            absl::Seconds(2));
  EXPECT_TRUE(identity::CheckKeyMatches(key, *pem).ok());
  EXPECT_TRUE(identity::CheckIssuedBy(*pem, ca_->ca_pem(), clock_.now).ok());
  EXPECT_EQ(ExtendedUsage(*pem), static_cast<uint32_t>(XKU_SSL_CLIENT));
  EXPECT_EQ(X509_check_ca(ossl::ReadCert(*pem)->get()), 0);
}

TEST_F(CaTest, GivesAControllerBothUsesAndItsNames) {
  const auto pair = ca_->IssueController("main", {{"ctl.mail.example"}, {"127.0.0.1", "::1"}});
  ASSERT_TRUE(pair.ok()) << pair.status();
  EXPECT_EQ(ExtendedUsage(pair->certificate_pem),
            static_cast<uint32_t>(XKU_SSL_CLIENT | XKU_SSL_SERVER));
  const auto certificate = ossl::ReadCert(pair->certificate_pem);
  EXPECT_EQ(X509_check_host(certificate->get(), "ctl.mail.example", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_ip_asc(certificate->get(), "::1", 0), 1);
  EXPECT_EQ(X509_check_host(certificate->get(), "other.example", 0, 0, nullptr), 0);
  EXPECT_EQ(identity::ParseCertificate(pair->certificate_pem)->id.ToUri(),
            "spiffe://mail.example/controller/main");
}

TEST_F(CaTest, LimitsAnOperatorsLife) {
  const auto usual = ca_->IssueOperator("jo", identity::Role::kResponder);
  ASSERT_TRUE(usual.ok());
  const auto info = identity::ParseCertificate(usual->certificate_pem);
  EXPECT_EQ(info->id.ToUri(), "spiffe://mail.example/operator/responder/jo");
  EXPECT_LE(info->not_after, clock_.now + absl::Hours(12));
  EXPECT_TRUE(ca_->IssueOperator("jo", identity::Role::kAdmin, absl::Hours(24 * 30)).ok());
  EXPECT_EQ(
      ReasonOf(ca_->IssueOperator("jo", identity::Role::kAdmin, absl::Hours(24 * 31)).status()),
      "BAD_LIFE");
}

TEST_F(CaTest, RefusesNamesThatWouldAddToACertificate) {
  EXPECT_EQ(ReasonOf(ca_->IssueOperator("jo,URI:x", identity::Role::kViewer).status()), "BAD_NAME");
  EXPECT_EQ(ReasonOf(ca_->IssueController("main", {{"a,URI:spiffe://x"}, {}}).status()),
            "BAD_DNS_NAME");
  EXPECT_EQ(ReasonOf(ca_->IssueController("main", {{}, {"1.2.3.4,DNS:x"}}).status()),
            "BAD_IP_ADDRESS");
  EXPECT_EQ(
      ReasonOf(ca_->IssueAgent(*identity::MakeCsrDer(*identity::NewKeyPem()), "web1").status()),
      "BAD_HOST_ID");
  EXPECT_EQ(ReasonOf(CertificateAuthority::Create("a/b", &clock_).status()), "BAD_TRUST_DOMAIN");
}

TEST_F(CaTest, SerialsAreOf128BitsAndNeverTheSame) {
  std::set<std::string> seen;
  const std::string csr = *identity::MakeCsrDer(*identity::NewKeyPem());
  for (int i = 0; i < 50; ++i) {
    const auto pem = ca_->IssueAgent(csr, identity::RandomUuid());
    const std::string serial = identity::ParseCertificate(*pem)->serial;
    EXPECT_EQ(serial.size(), 32u);
    EXPECT_EQ(serial.find_first_not_of("0123456789abcdef"), std::string::npos);
    EXPECT_TRUE(seen.insert(serial).second);
  }
}

TEST_F(CaTest, TellsForeignExpiredAndFutureCertificatesApart) {
  const auto other = CertificateAuthority::Create("mail.example", &clock_);
  const auto pair = ca_->IssueOperator("jo", identity::Role::kViewer);
  const std::string& pem = pair->certificate_pem;
  EXPECT_EQ(ReasonOf(identity::CheckIssuedBy(pem, (*other)->ca_pem(), clock_.now)),
            "CERTIFICATE_FOREIGN");
  EXPECT_EQ(ReasonOf(identity::CheckIssuedBy(pem, ca_->ca_pem(), clock_.now + absl::Hours(13))),
            "CERTIFICATE_EXPIRED");
  EXPECT_EQ(ReasonOf(identity::CheckIssuedBy(pem, ca_->ca_pem(), clock_.now - absl::Hours(1))),
            "CERTIFICATE_NOT_YET_VALID");
  EXPECT_EQ(ReasonOf(identity::CheckKeyMatches(*identity::NewKeyPem(), pem)), "KEY_MISMATCH");
}

TEST_F(CaTest, NoCertificateOutlivesItsCa) {
  clock_.now += CertificateAuthority::kCaLife - absl::Hours(1);
  const auto pair = ca_->IssueOperator("jo", identity::Role::kViewer);
  ASSERT_TRUE(pair.ok());
  EXPECT_LE(identity::ParseCertificate(pair->certificate_pem)->not_after,
            clock_.now + absl::Hours(1));
  clock_.now += absl::Hours(2);
  EXPECT_EQ(ReasonOf(ca_->IssueOperator("jo", identity::Role::kViewer).status()), "CA_EXPIRED");
}

TEST_F(CaTest, IsTheSameAfterSaveAndLoad) {
  const test::TemporaryFolder folder;
  ASSERT_TRUE(ca_->Save(folder.path()).ok());
  EXPECT_EQ(test::ModeOf(folder.At("ca.key")), 0600);
  const auto again = CertificateAuthority::Load(folder.path(), &clock_);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ((*again)->trust_domain(), "mail.example");
  EXPECT_EQ((*again)->fingerprint(), ca_->fingerprint());
  const auto pair = (*again)->IssueOperator("jo", identity::Role::kViewer);
  EXPECT_TRUE(identity::CheckIssuedBy(pair->certificate_pem, ca_->ca_pem(), clock_.now).ok());
}

TEST_F(CaTest, DoesNotLoadAnotherKeyOrALeaf) {
  const test::TemporaryFolder folder;
  EXPECT_TRUE(absl::IsNotFound(CertificateAuthority::Load(folder.path(), &clock_).status()));
  ASSERT_TRUE(ca_->Save(folder.path()).ok());
  ASSERT_TRUE(identity::WriteSecretFile(folder.At("ca.key"), *identity::NewKeyPem()).ok());
  EXPECT_EQ(ReasonOf(CertificateAuthority::Load(folder.path(), &clock_).status()), "KEY_MISMATCH");
  const auto leaf = ca_->IssueController("main", {});
  ASSERT_TRUE(identity::WriteSecretFile(folder.At("ca.key"), leaf->key_pem).ok());
  ASSERT_TRUE(identity::WritePublicFile(folder.At("ca.pem"), leaf->certificate_pem).ok());
  EXPECT_EQ(ReasonOf(CertificateAuthority::Load(folder.path(), &clock_).status()), "BAD_CA");
}

}  // namespace
}  // namespace mailquench::controller
