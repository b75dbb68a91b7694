// A contain in parts whose next part does not come, or comes late.
#include <gmock/gmock.h>

#include "agent/app/lease_keeper.h"
#include "common/status/error.h"
#include "tests/unit/operations/rig.h"

namespace mailquench::agent {
namespace {
constexpr char kStoppedLeased[] =
    R"({"incidentId":"i","until":"CONTAIN_UNTIL_STOPPED","lease":"60s"})";
constexpr char kSweptLeased[] = R"({"incidentId":"i","until":"CONTAIN_UNTIL_SWEPT","lease":"60s"})";

v1::OperationReport OfRun(Rig& rig, const std::string& id, const char* json) {
  v1::Command command = rig.Make(id, "contain", json);
  command.set_run_id("run-1");
  return rig.executor->Execute(command, false, nullptr);
}

TEST(PartsLease, AtItsEndSweepsAndLocksAtOnceAndStartsWhenTheOthersHaveSettled) {
  Rig rig;
  ASSERT_EQ(OfRun(rig, "a", kStoppedLeased).outcome(), v1::OUTCOME_SUCCEEDED);
  rig.clock.Sleep(absl::Seconds(59));
  EXPECT_TRUE(rig.executor->EndDueLeases(nullptr).empty());
  rig.clock.Sleep(absl::Seconds(2));
  ASSERT_EQ(rig.executor->EndDueLeases(nullptr).size(), 1u);
  EXPECT_EQ(rig.mail->Get("running"), "0") << "another host may hold copies of its spam yet";
  EXPECT_EQ(rig.mail->Get("queue"), "0");
  EXPECT_EQ(rig.mail->Get("relay"), "locked\n");
  rig.Open();  // A restart keeps the settling time.
  rig.clock.Sleep(absl::Seconds(118));
  EXPECT_TRUE(rig.executor->EndDueLeases(nullptr).empty());
  EXPECT_EQ(rig.mail->Get("running"), "0");
  rig.clock.Sleep(absl::Seconds(2));
  const auto reports = rig.executor->EndDueLeases(nullptr);
  ASSERT_EQ(reports.size(), 1u);
  ASSERT_EQ(reports[0].outcome(), v1::OUTCOME_SUCCEEDED) << reports[0].DebugString();
  EXPECT_EQ(reports[0].command_id(), "a.lease-contain");
  const v1::ContainResult& result = reports[0].result().contain();
  EXPECT_EQ(result.evidence().instances(0).messages(), 20000);
  EXPECT_EQ(result.quarantine().quarantines_size(), 1);
  EXPECT_EQ(result.lock().snapshot_id(), "a.lock");
  EXPECT_EQ(rig.mail->Get("running"), "1");
  EXPECT_EQ(rig.mail->Get("ndr"), "silent\n");
  EXPECT_EQ(rig.mail->Acts("sweep"), 1);
  EXPECT_TRUE(rig.journal->Leases()->empty());
  EXPECT_TRUE(rig.executor->EndDueLeases(nullptr).empty());
}

TEST(PartsLease, ThatEndedWhileTheHostWasDownSettlesFromItsSweepOn) {
  Rig rig;
  OfRun(rig, "a", kStoppedLeased);
  rig.clock.Sleep(absl::Hours(5));  // As after a power cut of the whole group.
  rig.Open();
  rig.executor->EndDueLeases(nullptr);
  EXPECT_EQ(rig.mail->Get("queue"), "0");
  EXPECT_EQ(rig.mail->Get("running"), "0");
  rig.clock.Sleep(absl::Minutes(2));
  rig.executor->EndDueLeases(nullptr);
  EXPECT_EQ(rig.mail->Get("running"), "1");
}

TEST(PartsLease, EndsThoughTheClockWasAheadWhenItSwept) {
  Rig rig;
  OfRun(rig, "a", kStoppedLeased);
  rig.clock.Sleep(absl::Hours(48));
  rig.executor->EndDueLeases(nullptr);
  rig.clock.Sleep(-absl::Hours(48));
  rig.executor->EndDueLeases(nullptr);
  rig.clock.Sleep(absl::Minutes(4));
  rig.executor->EndDueLeases(nullptr);
  EXPECT_EQ(rig.mail->Get("running"), "1");
}

TEST(PartsLease, AChangeThatIsNotUrgentIsDoneWhileTheOthersSettle) {
  Rig rig;
  OfRun(rig, "a", kStoppedLeased);
  rig.clock.Sleep(absl::Seconds(61));
  rig.executor->EndDueLeases(nullptr);
  rig.executor->ExpectDueLeases(/*controller_is_gone=*/true);
  EXPECT_EQ(rig.Do("r", "quarantine.release").outcome(), v1::OUTCOME_SUCCEEDED);
}

TEST(PartsLease, IsRenewedAsThatOfAStop) {
  Rig rig;
  OfRun(rig, "a", kSweptLeased);
  ASSERT_EQ(rig.journal->Leases()->size(), 1u);
  EXPECT_EQ(LeaseLength(rig.journal->Leases()->front().stop()).seconds(), 60);
  ASSERT_TRUE(rig.journal->RenewLease("a", rig.clock.Now() + absl::Minutes(10)).ok());
  rig.clock.Sleep(absl::Minutes(9));
  EXPECT_TRUE(rig.executor->EndDueLeases(nullptr).empty());
  EXPECT_EQ(rig.mail->Get("running"), "0");
}

TEST(PartsLease, IsRenewedWhileTheOthersSettleAndTheNextPartGoesOn) {
  Rig rig;
  OfRun(rig, "a", kStoppedLeased);
  rig.clock.Sleep(absl::Seconds(61));
  rig.executor->EndDueLeases(nullptr);
  ASSERT_TRUE(rig.journal->RenewLease("a", rig.clock.Now() + absl::Minutes(10)).ok());
  rig.clock.Sleep(absl::Minutes(5));
  EXPECT_TRUE(rig.executor->EndDueLeases(nullptr).empty());
  EXPECT_EQ(rig.mail->Get("running"), "0");
  EXPECT_EQ(OfRun(rig, "b", kSweptLeased).outcome(), v1::OUTCOME_SUCCEEDED);
  const auto rest = OfRun(rig, "c", kRest);
  ASSERT_EQ(rest.outcome(), v1::OUTCOME_SUCCEEDED) << rest.DebugString();
  EXPECT_EQ(rest.result().contain().quarantine().quarantines_size(), 1);
  EXPECT_EQ(rig.mail->Acts("sweep"), 1);
  EXPECT_EQ(rig.mail->Get("running"), "1");
}

TEST(PartsLease, PartsOfTheSameRunThatComeAfterItsEndAreToldWhatTheAgentDid) {
  Rig rig;
  OfRun(rig, "a", kStoppedLeased);
  rig.clock.Sleep(absl::Seconds(61));
  rig.executor->EndDueLeases(nullptr);
  rig.clock.Sleep(absl::Minutes(2));
  rig.executor->EndDueLeases(nullptr);
  ASSERT_EQ(rig.mail->Get("running"), "1");
  rig.mail->Put("queue", "4");  // Wanted mail, since.
  for (const auto& [id, json] : {std::pair("b", kSweptLeased), std::pair("c", kRest)}) {
    const auto late = OfRun(rig, id, json);
    ASSERT_EQ(late.outcome(), v1::OUTCOME_UNCHANGED) << late.DebugString();
    EXPECT_EQ(late.result().contain().quarantine().quarantines_size(), 1);
    EXPECT_EQ(late.result().contain().lock().snapshot_id(), "a.lock");
    EXPECT_THAT(late.result().contain().lock().notice(), ::testing::HasSubstr("by itself"));
  }
  EXPECT_EQ(rig.mail->Acts("stop"), 1);
  EXPECT_EQ(rig.mail->Get("queue"), "4");
  // Another run is another attack.
  EXPECT_EQ(rig.Do("d", "contain", kRest).outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(rig.mail->Get("quarantine-d"), "4");
}

TEST(PartsLease, LeavesAloneWhatSomebodyStartedMeanwhile) {
  Rig rig;
  OfRun(rig, "a", kStoppedLeased);
  rig.mail->Put("running", "1");
  rig.clock.Sleep(absl::Seconds(61));
  EXPECT_TRUE(rig.executor->EndDueLeases(nullptr).empty());
  EXPECT_THAT(rig.executor->Alarm(), ::testing::HasSubstr("neither swept nor locked"));
  EXPECT_EQ(rig.mail->Get("queue"), "20000");
  EXPECT_TRUE(rig.journal->Leases()->empty());
}

TEST(PartsLease, WhoseHostCannotBeLockedStaysStoppedForAPerson) {
  Rig rig;
  OfRun(rig, "a", kStoppedLeased);
  rig.mail->verify_fails = true;
  rig.clock.Sleep(absl::Seconds(61));
  rig.executor->EndDueLeases(nullptr);
  rig.clock.Sleep(absl::Hours(1));
  EXPECT_TRUE(rig.executor->EndDueLeases(nullptr).empty());
  EXPECT_EQ(rig.mail->Get("running"), "0");
  EXPECT_THAT(rig.executor->Alarm(), ::testing::HasSubstr("could not be swept and locked"));
  rig.mail->verify_fails = false;
  EXPECT_EQ(OfRun(rig, "c", kRest).outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(rig.mail->Acts("sweep"), 1);
}

TEST(PartsLease, TakesThePlaceOfThatOfAStopWhichWouldStartTheHostAlone) {
  Rig rig;
  rig.Do("s", "service.stop", R"({"lease":"60s"})");
  OfRun(rig, "a", R"({"incidentId":"i","until":"CONTAIN_UNTIL_STOPPED","lease":"600s"})");
  rig.clock.Sleep(absl::Seconds(300));
  EXPECT_TRUE(rig.executor->EndDueLeases(nullptr).empty());
  EXPECT_EQ(rig.mail->Get("running"), "0");
  EXPECT_EQ(OfRun(rig, "c", kRest).outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(rig.mail->Get("running"), "1") << "it ran before that stop";
}

// As the service ticks while its link lives.
std::size_t Tick(LeaseKeeper& keeper) {
  keeper.Look(/*connected=*/true);
  return keeper.EndDue(nullptr).size();
}

TEST(PartsLease, ThatIsNotRenewedEndsThoughTheControllerIsThere) {
  Rig rig;
  LeaseKeeper keeper(*rig.executor);
  OfRun(rig, "a", kStoppedLeased);
  rig.clock.Sleep(absl::Seconds(59));
  EXPECT_EQ(Tick(keeper), 0u);
  rig.clock.Sleep(absl::Seconds(2));
  keeper.Look(/*connected=*/true);
  EXPECT_EQ(rig.Do("r", "quarantine.release").outcome(), v1::OUTCOME_FAILED) << "no way was made";
  EXPECT_EQ(Tick(keeper), 1u);
  EXPECT_EQ(rig.mail->Get("queue"), "0");
  rig.clock.Sleep(absl::Minutes(2));
  EXPECT_EQ(Tick(keeper), 1u);
  EXPECT_EQ(rig.mail->Get("running"), "1");
  EXPECT_TRUE(rig.journal->Leases()->empty());
}

TEST(PartsLease, ThatOfAStopIsForAPersonWhileTheControllerIsThere) {
  Rig rig;
  LeaseKeeper keeper(*rig.executor), forlorn(*rig.executor, absl::ZeroDuration());
  rig.Do("a", "service.stop", R"({"lease":"60s"})");
  rig.clock.Sleep(absl::Seconds(61));
  EXPECT_EQ(Tick(keeper), 0u);
  EXPECT_EQ(rig.mail->Get("running"), "0");
  EXPECT_EQ(Tick(forlorn), 1u);
}

TEST(PartsLease, OfAHostThatDidNotRunSweepsAndLocksItAndStartsNothing) {
  Rig rig;
  rig.mail->Put("running", "0");
  OfRun(rig, "a", kStoppedLeased);
  rig.clock.Sleep(absl::Seconds(61));
  rig.executor->EndDueLeases(nullptr);
  EXPECT_EQ(rig.mail->Get("queue"), "0");
  EXPECT_EQ(rig.mail->Get("relay"), "locked\n");
  rig.clock.Sleep(absl::Minutes(2));
  rig.executor->EndDueLeases(nullptr);
  EXPECT_EQ(rig.mail->Get("running"), "0");
  EXPECT_TRUE(rig.journal->Leases()->empty());
}

TEST(PartsLease, OfAHostThatDidNotRunIsNoReasonForAnotherContainToStartIt) {
  Rig rig;
  rig.mail->Put("running", "0");
  OfRun(rig, "a", kStoppedLeased);
  rig.Do("b", "contain", R"({"incidentId":"another"})");
  EXPECT_EQ(rig.mail->Get("running"), "0");
}

TEST(PartsLease, ThatFindsTheMailSystemOutOfReachTriesAgain) {
  Rig rig;
  OfRun(rig, "a", kStoppedLeased);
  rig.clock.Sleep(absl::Seconds(61));
  rig.mail->unavailable = 1000;  // For longer than one try lasts.
  rig.executor->EndDueLeases(nullptr);
  EXPECT_EQ(rig.mail->Get("relay"), "open\n");
  ASSERT_EQ(rig.journal->Leases()->size(), 1u) << "a swept host would stay down for good";
  EXPECT_FALSE(rig.executor->Alarm().empty());
  rig.mail->unavailable = 0;
  rig.clock.Sleep(absl::Minutes(1));
  rig.executor->EndDueLeases(nullptr);
  EXPECT_EQ(rig.mail->Get("relay"), "locked\n");
  rig.clock.Sleep(absl::Minutes(3));
  rig.executor->EndDueLeases(nullptr);
  EXPECT_EQ(rig.mail->Get("running"), "1");
  EXPECT_EQ(rig.mail->Acts("sweep"), 1);
  EXPECT_TRUE(rig.executor->Alarm().empty());
}

}  // namespace
}  // namespace mailquench::agent
