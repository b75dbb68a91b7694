// The controller's certificate: renewed in one step, with the same names.
#include "controller/identity/renew.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "common/identity/ossl.h"
#include "common/identity/secrets.h"
#include "common/status/error.h"
#include "controller/identity/ca.h"
#include "controller/identity/init.h"
#include "tests/unit/identity/test_support.h"

namespace mailquench::controller {
namespace {

namespace ossl = identity::ossl;

class RenewTest : public testing::Test {
 protected:
  void SetUp() override {
    InitOptions options;
    options.dir = dir_;
    options.trust_domain = "mail.example";
    options.names = {{"mq.mail.example", "localhost"}, {"127.0.0.1", "2001:db8::1"}};
    ASSERT_TRUE(InitController(options, &clock_).ok());
  }
  static std::string Names(const std::string& pem) {
    const ossl::Cert certificate = *ossl::ReadCert(pem);
    const ossl::Bio out(BIO_new(BIO_s_mem()));
    const int at = X509_get_ext_by_NID(certificate.get(), NID_subject_alt_name, -1);
    X509V3_EXT_print(out.get(), X509_get_ext(certificate.get(), at), 0, 0);
    char* data = nullptr;
    const long size = BIO_get_mem_data(out.get(), &data);
    return {data, static_cast<std::size_t>(size)};
  }
  std::string Read(const std::string& name) { return *identity::ReadFile(dir_ + "/" + name); }

  test::TemporaryFolder folder_;
  test::FakeClock clock_;
  const std::string dir_ = folder_.At("c");
  const ControllerFiles files_{dir_, dir_ + "/controller.key", dir_ + "/controller.pem"};
};

TEST_F(RenewTest, TheNamesAndTheKeyAreTheSameAndTheCaIsBehindIt) {
  const std::string before = Read("controller.pem");
  const std::string key = Read("controller.key");
  clock_.now += absl::Hours(24 * 500);  // It has ended.
  const auto renewed = RenewController(files_, &clock_);
  ASSERT_TRUE(renewed.ok()) << renewed.status();
  const std::string after = Read("controller.pem");
  EXPECT_NE(after, before);
  EXPECT_EQ(Read("controller.key"), key);
  EXPECT_TRUE(identity::CheckKeyMatches(key, after).ok());
  EXPECT_TRUE(identity::CheckIssuedBy(after, Read("ca.pem"), clock_.now).ok());
  EXPECT_EQ(after.substr(after.find("-----BEGIN", 1)), Read("ca.pem"));
  EXPECT_EQ(Names(after), Names(before));
  EXPECT_THAT(Names(after), testing::HasSubstr("2001:DB8:0:0:0:0:0:1"));
  EXPECT_NE(renewed->after.serial, renewed->before.serial);
  EXPECT_EQ(renewed->after.id.ToUri(), "spiffe://mail.example/controller/main");
  EXPECT_GT(renewed->after.not_after, clock_.now + absl::Hours(24 * 396));
  EXPECT_EQ(test::ModeOf(files_.certificate), 0644);
}

TEST_F(RenewTest, WhatDoesNotBelongTogetherIsLeftAsItIs) {
  const std::string pem = Read("controller.pem");
  const auto refused = [&](const ControllerFiles& files) {
    const std::string at_first = *identity::ReadFile(files.certificate);
    std::string reason = ReasonOf(RenewController(files, &clock_).status());
    EXPECT_EQ(*identity::ReadFile(files.certificate), at_first);
    return reason;
  };
  EXPECT_EQ(refused({dir_, dir_ + "/admin.key", files_.certificate}), "KEY_MISMATCH");
  EXPECT_EQ(refused({dir_, dir_ + "/admin.key", dir_ + "/admin.pem"}), "NOT_A_CONTROLLER");
  const auto other = *CertificateAuthority::Create("mail.example", &clock_);
  const auto foreign = *other->IssueController("main", {});
  ASSERT_TRUE(identity::WriteSecretFile(folder_.At("f.key"), foreign.key_pem).ok());
  ASSERT_TRUE(identity::WritePublicFile(folder_.At("f.pem"), foreign.certificate_pem).ok());
  EXPECT_EQ(refused({dir_, folder_.At("f.key"), folder_.At("f.pem")}), "CERTIFICATE_FOREIGN");
  EXPECT_FALSE(RenewController({dir_, files_.key, dir_ + "/missing.pem"}, &clock_).ok());
  EXPECT_EQ(Read("controller.pem"), pem);
}

TEST_F(RenewTest, KilledAtAnyMomentTheFilesBelongTogether) {
  for (int i = 0; i < 40; ++i) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      while (true) {
        if (!RenewController(files_, &clock_).ok()) ::_exit(1);
      }
    }
    ::usleep(static_cast<useconds_t>(2000 + i * 317));
    ::kill(pid, SIGKILL);
    int status = 0;
    ::waitpid(pid, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "a renewal failed";
    const std::string pem = Read("controller.pem");
    ASSERT_TRUE(identity::CheckKeyMatches(Read("controller.key"), pem).ok());
    ASSERT_TRUE(identity::CheckIssuedBy(pem, Read("ca.pem"), clock_.now).ok());
    ASSERT_EQ(pem.substr(pem.find("-----BEGIN", 1)), Read("ca.pem"));
  }
}

TEST_F(RenewTest, TheWarningBeginsThirtyDaysBeforeTheEnd) {
  const absl::Time end = identity::ParseCertificate(Read("controller.pem"))->not_after;
  const auto at = [&](absl::Duration left) { return WarningOfEnd(files_.certificate, end - left); };
  EXPECT_EQ(at(kWarnBefore), "");
  EXPECT_THAT(at(kWarnBefore - absl::Seconds(1)), testing::HasSubstr("ends in 29 days"));
  EXPECT_THAT(at(absl::Hours(1)), testing::HasSubstr("ends in less than a day"));
  EXPECT_THAT(at(absl::ZeroDuration()), testing::HasSubstr("ended at"));
  EXPECT_THAT(at(absl::Hours(1)), testing::HasSubstr("certificate renew"));
  EXPECT_THAT(WarningOfEnd(dir_ + "/missing.pem", end), testing::HasSubstr("cannot tell"));
}

}  // namespace
}  // namespace mailquench::controller
