// What a mail system says beside its results, and what is refused where it cannot do it.
#include <gmock/gmock.h>

#include "common/status/error.h"
#include "tests/unit/operations/rig.h"

namespace mailquench::agent {
namespace {

TEST(Notice, OfWhatTakesNoMailIsInTheStatusAndInTheErrorOfAStart) {
  Rig rig;
  rig.mail->Put("running", "0");
  rig.mail->status_notice = "HubTransport is Inactive";
  EXPECT_EQ(rig.Do("t", "service.status").result().service_status().instances(0).notice(),
            "HubTransport is Inactive");
  rig.mail->start_fails = true;
  const auto report = rig.Do("s", "service.start");
  EXPECT_EQ(report.outcome(), v1::OUTCOME_FAILED);
  EXPECT_THAT(report.error().message(), ::testing::HasSubstr("HubTransport is Inactive"));
}

TEST(Notice, IsInTheErrorOfAContainThatCannotStart) {
  Rig rig;
  rig.mail->start_fails = true;
  rig.mail->status_notice = "HubTransport is Inactive";
  const auto report = rig.Do("c", "contain");
  EXPECT_EQ(report.outcome(), v1::OUTCOME_FAILED);
  EXPECT_THAT(report.error().message(), ::testing::HasSubstr("HubTransport is Inactive"));
  EXPECT_THAT(rig.executor->Alarm(), ::testing::HasSubstr("HubTransport is Inactive"));
}

TEST(Notice, OfASuccessIsToldAsProgress) {
  Rig rig;
  rig.mail->Put("running", "0");
  rig.mail->status_notice = "one component starts yet";
  std::string progress;
  const auto report =
      rig.executor->Execute(rig.Make("s", "service.start"), false,
                            [&](const std::string&, const std::string& text) { progress += text; });
  EXPECT_EQ(report.outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_THAT(progress, ::testing::HasSubstr("one component starts yet"));
}

TEST(Isolate, IsRefusedWhereTheMailSystemCannotAndNothingIsReleased) {
  Rig rig;
  const char* json = R"({"quarantineId":"q-1","isolate":true})";
  EXPECT_TRUE(rig.executor->Plan(rig.Make("p", "quarantine.release", json)).has_refused());
  const auto report = rig.Do("r", "quarantine.release", json);
  EXPECT_EQ(report.outcome(), v1::OUTCOME_REFUSED);
  EXPECT_EQ(ReasonOf(FromProto(report.error())), "NO_ISOLATION");
  EXPECT_EQ(rig.mail->Acts("release"), 0);
}

TEST(Isolate, IsLeftToAMailSystemThatCanAndThePlanSaysIt) {
  Rig rig;
  rig.mail->isolates = true;
  const char* json = R"({"quarantineId":"q-1","isolate":true})";
  const auto planned = rig.executor->Plan(rig.Make("p", "quarantine.release", json));
  EXPECT_THAT(planned.plan().steps(),
              ::testing::Contains(::testing::HasSubstr("cut this host off")));
  EXPECT_THAT(planned.plan().warnings(), ::testing::Contains("never tried"));
  EXPECT_EQ(rig.Do("r", "quarantine.release", json).outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(rig.mail->Acts("release"), 1);
}

}  // namespace
}  // namespace mailquench::agent
