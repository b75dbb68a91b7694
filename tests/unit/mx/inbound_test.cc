// Port 25 of a new address, asked by the controller and from a host of the fleet.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controller/mx/preflight.h"
#include "tests/unit/notify/smtp_server.h"

namespace mailquench::controller::mx {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class InboundTest : public ::testing::Test {
 protected:
  void SetUp() override {
    options_.smtp_port = server_.port();
    options_.smtp_limit = absl::Seconds(5);
    wish_.address = "127.0.0.1";
    wish_.outbound = false;
    wish_.inbound = true;
  }
  std::map<std::string, v1::Check> Checks() {
    Lookups lookups({"127.0.0.9:9"}, {absl::Milliseconds(100), 1});
    std::map<std::string, v1::Check> checks;
    for (const v1::Check& one : RunPreflight(options_, &lookups, hands_, wish_, absl::Now()))
      checks[one.check_id()] = one;
    return checks;
  }

  mailquench::test::SmtpServer server_;
  Options options_;
  PreflightHands hands_;
  PreflightWish wish_;
};

TEST_F(InboundTest, AClosedRelayPassesWithoutAMail) {
  server_.Answer("RCPT", "554 5.7.1 Relay access denied\r\n");
  auto checks = Checks();
  EXPECT_EQ(checks["port25"].state(), v1::CHECK_STATE_PASSED) << checks["port25"].DebugString();
  EXPECT_EQ(checks["relay"].state(), v1::CHECK_STATE_PASSED);
  EXPECT_THAT(server_.Messages(), IsEmpty());
}

TEST_F(InboundTest, AnOpenRelayFails) {
  auto checks = Checks();
  EXPECT_EQ(checks["port25"].state(), v1::CHECK_STATE_PASSED);
  EXPECT_EQ(checks["relay"].state(), v1::CHECK_STATE_FAILED);
  EXPECT_FALSE(checks["relay"].remedy().empty());
  EXPECT_THAT(server_.Messages(), IsEmpty());
}

TEST_F(InboundTest, ARefusalThatIsNotOfRelayingIsNoProof) {
  server_.Answer("RCPT", "550 5.1.1 No such user\r\n");
  EXPECT_EQ(Checks()["relay"].state(), v1::CHECK_STATE_UNKNOWN);
  server_.Answer("RCPT", "450 4.7.1 Greylisted\r\n");
  EXPECT_EQ(Checks()["relay"].state(), v1::CHECK_STATE_UNKNOWN);
}

TEST_F(InboundTest, OneThatDoesNotGreetFails) {
  server_.Answer("connect", "554 No mail here\r\n");
  auto checks = Checks();
  EXPECT_EQ(checks["port25"].state(), v1::CHECK_STATE_FAILED);
  EXPECT_THAT(checks["port25"].found(), HasSubstr("554 No mail here"));
  EXPECT_EQ(checks["relay"].state(), v1::CHECK_STATE_UNKNOWN);
  options_.smtp_port = 9;
  EXPECT_EQ(Checks()["port25"].state(), v1::CHECK_STATE_FAILED);
}

TEST_F(InboundTest, AHostOfTheFleetAsksInstead) {
  wish_.vantage = "outside";
  std::string asked;
  v1::ListenerProbe probe;
  probe.set_banner("220 mx2.test ESMTP");
  probe.set_verdict(v1::RELAY_VERDICT_CLOSED);
  probe.set_reply("554 5.7.1 Relay access denied");
  wish_.actor = "ada";
  hands_.probe = [&](const std::string& host, const std::string& target, const std::string& actor) {
    asked = absl::StrCat(actor, ": ", host, " ", target);
    return probe;
  };
  auto checks = Checks();
  EXPECT_EQ(asked, absl::StrCat("ada: outside 127.0.0.1:", server_.port()));
  EXPECT_EQ(checks["port25"].state(), v1::CHECK_STATE_PASSED);
  EXPECT_EQ(checks["relay"].state(), v1::CHECK_STATE_PASSED);
  EXPECT_THAT(server_.Lines(), IsEmpty());
  probe.set_verdict(v1::RELAY_VERDICT_OPEN);
  EXPECT_EQ(Checks()["relay"].state(), v1::CHECK_STATE_FAILED);
  probe.clear_banner();
  probe.set_verdict(v1::RELAY_VERDICT_UNKNOWN);
  EXPECT_EQ(Checks()["port25"].state(), v1::CHECK_STATE_FAILED);
  hands_.probe = [](const std::string&, const std::string&,
                    const std::string&) -> absl::StatusOr<v1::ListenerProbe> {
    return absl::UnavailableError("outside is away");
  };
  checks = Checks();
  EXPECT_EQ(checks["port25"].state(), v1::CHECK_STATE_UNKNOWN);
  EXPECT_THAT(checks["relay"].found(), HasSubstr("outside is away"));
}

}  // namespace
}  // namespace mailquench::controller::mx
