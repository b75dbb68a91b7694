#include "controller/identity/init.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <filesystem>
#include <map>

#include "common/identity/certificate.h"
#include "common/identity/secrets.h"
#include "common/status/error.h"
#include "tests/unit/identity/test_support.h"

namespace mailquench::controller {
namespace {

class InitTest : public testing::Test {
 protected:
  InitTest() {
    options_.dir = folder_.At("state");
    options_.trust_domain = "mail.example";
    options_.names = {{"localhost"}, {"127.0.0.1"}};
  }
  std::string At(const char* name) const { return options_.dir + "/" + name; }
  std::map<std::string, std::string> Contents() const {
    std::map<std::string, std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(options_.dir)) {
      out[entry.path().filename().string()] = *identity::ReadFile(entry.path().string());
    }
    return out;
  }

  test::TemporaryFolder folder_;
  SystemClock clock_;
  InitOptions options_;
};

TEST_F(InitTest, WritesEverythingWithTheRightModes) {
  const auto result = InitController(options_, &clock_);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(test::ModeOf(options_.dir), 0700);
  for (const char* key : {"ca.key", "controller.key", "admin.key"}) {
    EXPECT_EQ(test::ModeOf(At(key)), 0600) << key;
  }
  EXPECT_EQ(Contents().size(), 9u);
  const auto ca = CertificateAuthority::Load(options_.dir, &clock_);
  ASSERT_TRUE(ca.ok()) << ca.status();
  EXPECT_EQ((*ca)->fingerprint(), result->ca_fingerprint);
  const auto admin = identity::ParseCertificate(*identity::ReadFile(At("admin.pem")));
  ASSERT_TRUE(admin.ok());
  EXPECT_EQ(admin->id.ToUri(), "spiffe://mail.example/operator/admin/admin");
  EXPECT_GT(admin->not_after, clock_.Now() + absl::Hours(24 * 29));
  EXPECT_TRUE(identity::CheckKeyMatches(*identity::ReadFile(At("controller.key")),
                                        *identity::ReadFile(At("controller.pem")))
                  .ok());
}

TEST_F(InitTest, WritesAConfigurationThatReadsBack) {
  options_.listen = "[::]:9443";
  options_.store_path = folder_.At("a \"quoted\": path.db");
  ASSERT_TRUE(InitController(options_, &clock_).ok());
  const YAML::Node config = YAML::LoadFile(At("controller.yaml"));
  EXPECT_EQ(config["listen"].as<std::string>(), "[::]:9443");
  EXPECT_EQ(config["enrolment_listen"].as<std::string>(), "0.0.0.0:7444");
  EXPECT_EQ(config["store"].as<std::string>(), options_.store_path);
  EXPECT_EQ(config["trust_domain"].as<std::string>(), "mail.example");
  for (const char* key : {"key", "certificate", "ca"}) {
    EXPECT_TRUE(std::filesystem::exists(config[key].as<std::string>())) << key;
  }
}

TEST_F(InitTest, ASecondRunIsRefusedAndTouchesNothing) {
  ASSERT_TRUE(InitController(options_, &clock_).ok());
  const auto before = Contents();
  const auto again = InitController(options_, &clock_);
  EXPECT_TRUE(absl::IsAlreadyExists(again.status())) << again.status();
  EXPECT_EQ(ReasonOf(again.status()), "ALREADY_INITIALISED");
  EXPECT_EQ(Contents(), before);
  ASSERT_TRUE(std::filesystem::remove(At("ca.pem")));
  EXPECT_EQ(ReasonOf(InitController(options_, &clock_).status()), "ALREADY_INITIALISED");
  EXPECT_EQ(*identity::ReadFile(At("ca.key")), before.at("ca.key"));
}

TEST_F(InitTest, BadWishesLeaveNoFolder) {
  options_.listen = "nonsense";
  EXPECT_EQ(ReasonOf(InitController(options_, &clock_).status()), "BAD_LISTEN_ADDRESS");
  options_.listen = "0.0.0.0:1";
  options_.trust_domain = "Not A Domain";
  EXPECT_EQ(ReasonOf(InitController(options_, &clock_).status()), "BAD_TRUST_DOMAIN");
  EXPECT_FALSE(std::filesystem::exists(options_.dir));
}

}  // namespace
}  // namespace mailquench::controller
