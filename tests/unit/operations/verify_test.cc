// What a contain asks after its start, and how often.
#include <gtest/gtest.h>

#include "common/status/error.h"
#include "tests/unit/operations/rig.h"

namespace mailquench::agent {
namespace {
constexpr char kContain[] = R"({"incidentId":"i"})";

std::string ReasonIn(const v1::OperationReport& report) {
  return ReasonOf(FromProto(report.error()));
}

TEST(Verify, ADirectoryThatShowsTheLockLateIsAskedAgain) {
  Rig rig;
  rig.mail->organisation_wide = true;
  rig.mail->dialogue_fails = true;
  rig.clock.on_sleep = [&, n = 0]() mutable {
    if (++n == 3) rig.mail->dialogue_fails = false;
  };
  const auto report = rig.Do("a", "contain", kContain);
  EXPECT_EQ(report.outcome(), v1::OUTCOME_SUCCEEDED) << report.DebugString();
  EXPECT_EQ(rig.mail->Get("running"), "1");
}

TEST(Verify, OneThatStaysOpenIsStoppedAfterAMinute) {
  Rig rig;
  rig.mail->organisation_wide = true;
  rig.mail->dialogue_fails = true;
  const absl::Time began = rig.clock.Now();
  const auto report = rig.Do("a", "contain", kContain);
  EXPECT_EQ(ReasonIn(report), "STILL_OPEN");
  EXPECT_EQ(rig.mail->Get("running"), "0");
  EXPECT_GT(rig.clock.Now() - began, absl::Seconds(50));
  EXPECT_LE(rig.clock.Now() - began, absl::Seconds(60));
}

TEST(Verify, NoListenerAtAllIsNoneThatAnswers) {
  Rig rig;
  rig.mail->listens = false;
  EXPECT_EQ(ReasonIn(rig.Do("a", "contain", kContain)), "NO_LISTENER_ANSWERS");
  EXPECT_EQ(rig.mail->Get("running"), "0");
}

TEST(Verify, AnInactiveComponentKeepsItsLock) {
  Rig rig;
  rig.mail->start_error = "COMPONENT_INACTIVE";
  EXPECT_EQ(ReasonIn(rig.Do("a", "contain", kContain)), "COMPONENT_INACTIVE");
  EXPECT_EQ(rig.mail->Get("relay"), "locked\n");
  EXPECT_FALSE(rig.executor->Alarm().empty());
}

TEST(Verify, AMailSystemOutOfReachIsAskedAgainInTheMiddle) {
  Rig rig;
  rig.mail->unavailable = 3;
  const auto report = rig.Do("a", "contain", kContain);
  EXPECT_EQ(report.outcome(), v1::OUTCOME_SUCCEEDED) << report.DebugString();
  EXPECT_EQ(rig.mail->unavailable, 0);
  EXPECT_EQ(rig.mail->Get("running"), "1");
}

TEST(Turn, ASelectionThroughAShellMakesWayAndOneOfFilesDoesNot) {
  for (const bool slow : {true, false}) {
    Rig rig;
    rig.mail->scans_delay_sweeps = slow;
    rig.mail->Put("ndrs", "5");
    rig.mail->on_select = [&] { rig.executor->Expect(rig.Make("urgent", "contain", kContain)); };
    const auto report =
        rig.Do("q", "queue.quarantine", R"({"incidentId":"i","filter":{"senders":["<>"]}})");
    EXPECT_EQ(ReasonIn(report), slow ? "MADE_WAY" : "") << report.DebugString();
  }
}

}  // namespace
}  // namespace mailquench::agent
