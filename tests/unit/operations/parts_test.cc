// A contain in parts, each sent by somebody.
#include <gmock/gmock.h>

#include "common/status/error.h"
#include "tests/unit/operations/rig.h"

namespace mailquench::agent {
namespace {
constexpr char kStopped[] = R"({"incidentId":"i","until":"CONTAIN_UNTIL_STOPPED"})";
constexpr char kSwept[] = R"({"incidentId":"i","until":"CONTAIN_UNTIL_SWEPT"})";

void ExpectContained(Rig& rig, const v1::OperationReport& report) {
  ASSERT_EQ(report.outcome(), v1::OUTCOME_SUCCEEDED) << report.DebugString();
  EXPECT_EQ(rig.mail->Get("running"), "1");
  EXPECT_EQ(rig.mail->Get("relay"), "locked\n");
  EXPECT_EQ(rig.mail->Get("ndr"), "silent\n");
  EXPECT_TRUE(rig.journal->Leases()->empty());
  EXPECT_TRUE(rig.journal->Containments()->empty());
  EXPECT_EQ(rig.executor->Alarm(), "");
}

TEST(Parts, StopThenSweepThenStartAndTheLastReportsAllOfIt) {
  Rig rig;
  const auto stopped = rig.Do("a", "contain", kStopped);
  ASSERT_EQ(stopped.outcome(), v1::OUTCOME_SUCCEEDED) << stopped.DebugString();
  EXPECT_EQ(rig.mail->Get("running"), "0");
  EXPECT_EQ(rig.mail->Get("queue"), "20000");
  EXPECT_EQ(rig.mail->Get("relay"), "open\n");
  EXPECT_FALSE(stopped.result().contain().has_quarantine());
  EXPECT_EQ(stopped.result().contain().lease_end_time().seconds(),
            absl::ToUnixSeconds(rig.clock.Now()) + 15 * 60);

  const auto swept = rig.Do("b", "contain", kSwept);
  ASSERT_EQ(swept.outcome(), v1::OUTCOME_SUCCEEDED) << swept.DebugString();
  EXPECT_EQ(rig.mail->Get("running"), "0");
  EXPECT_EQ(rig.mail->Get("relay"), "locked\n");
  EXPECT_EQ(rig.mail->Get("ndr"), "loud\n");
  ASSERT_EQ(rig.journal->Leases()->size(), 1u);
  EXPECT_EQ(rig.journal->Leases()->front().command_id(), "b");

  const auto rest = rig.Do("c", "contain", kRest);
  ExpectContained(rig, rest);
  const v1::ContainResult& result = rest.result().contain();
  EXPECT_EQ(result.evidence().instances(0).messages(), 20000);
  ASSERT_EQ(result.quarantine().quarantines_size(), 1);
  EXPECT_EQ(result.quarantine().quarantines(0).messages(), 20000);
  EXPECT_EQ(result.lock().snapshot_id(), "a.lock");
  EXPECT_EQ(result.lock().settings_size(), 1);
  EXPECT_EQ(result.silence().snapshot_id(), "a.silence");
  EXPECT_FALSE(result.has_lease_end_time());
  EXPECT_EQ(rig.mail->Acts("stop"), 1);
  EXPECT_EQ(rig.mail->Acts("sweep"), 1);
  EXPECT_EQ(rig.mail->Acts("start"), 1);
  EXPECT_EQ(rig.journal->Outstanding()->size(), 2u);
  EXPECT_EQ(rig.Do("r", "restore").result().restore().put_back(), 2);
  EXPECT_EQ(rig.mail->Get("relay"), "open\n");
}

TEST(Parts, TheSweepWithoutAnEarlierPartBeginsWithTheStop) {
  Rig rig;
  ASSERT_EQ(rig.Do("b", "contain", kSwept).outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(rig.mail->Get("running"), "0");
  ExpectContained(rig, rig.Do("c", "contain", kRest));
  EXPECT_EQ(rig.mail->Acts("sweep"), 1);
}

TEST(Parts, OneThatIsSentAgainIsAnsweredFromTheJournalAndAnotherOfTheSameKindChangesNothing) {
  Rig rig;
  rig.Do("a", "contain", kStopped);
  const auto first = rig.Do("b", "contain", kSwept);
  EXPECT_EQ(rig.Do("b", "contain", kSwept).SerializeAsString(), first.SerializeAsString());
  rig.Open();
  EXPECT_EQ(rig.Do("b2", "contain", kSwept).outcome(), v1::OUTCOME_SUCCEEDED);
  const auto again = rig.Do("a2", "contain", kStopped);
  EXPECT_EQ(again.outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(again.result().contain().quarantine().quarantines_size(), 1) << "of the part before";
  EXPECT_EQ(rig.mail->Acts("sweep"), 1);
  ASSERT_EQ(rig.journal->Leases()->size(), 1u) << "one, of the last part";
  EXPECT_EQ(rig.journal->Leases()->front().command_id(), "a2");
  ExpectContained(rig, rig.Do("c", "contain", kRest));
}

TEST(Parts, ALaterAttackOfTheSameIncidentIsSweptAsEver) {
  Rig rig;
  rig.Do("a", "contain", kStopped);
  rig.Do("b", "contain", kSwept);
  rig.Do("c", "contain", kRest);
  rig.mail->Put("queue", "7");
  ASSERT_EQ(rig.Do("d", "contain", kRest).outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(rig.mail->Get("quarantine-d"), "7");
}

TEST(Parts, APersonAtTheHostWhoNamesNoIncidentGoesOnWithWhatThereIs) {
  Rig rig;
  rig.Do("a", "contain", kSwept);
  ExpectContained(rig, rig.Do("c", "contain"));
  EXPECT_EQ(rig.mail->Acts("sweep"), 1);
}

TEST(Parts, OneThatWasGivenUpIsNotGoneOnWithByWhoNamesNoIncident) {
  Rig rig;
  rig.Do("a", "contain", kSwept);
  rig.Do("s", "service.start");
  rig.mail->Put("queue", "9");
  const auto report = rig.Do("c", "contain");
  ExpectContained(rig, report);
  ASSERT_EQ(report.result().contain().quarantine().quarantines_size(), 1);
  EXPECT_EQ(report.result().contain().quarantine().quarantines(0).messages(), 9);
}

TEST(Parts, AnotherLockIsNoReasonToRefuseAHostThatRuns) {
  Rig rig;
  rig.Do("a", "contain", kSwept);
  rig.mail->Put("running", "1");
  const auto report = rig.Do(
      "c", "contain", R"({"incidentId":"i","mode":"RELAY_MODE_LISTED","clients":["192.0.2.1"]})");
  ExpectContained(rig, report);
}

TEST(Parts, DoNotStartWhatDidNotRun) {
  Rig rig;
  rig.mail->Put("running", "0");
  rig.Do("a", "contain", kStopped);
  EXPECT_EQ(rig.journal->Leases()->size(), 1u) << "nobody would sweep it without the controller";
  rig.Do("b", "contain", kSwept);
  ASSERT_EQ(rig.Do("c", "contain", kRest).outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(rig.mail->Get("running"), "0");
  EXPECT_EQ(rig.mail->Acts("sweep"), 1);
}

TEST(Parts, AHostThatSomebodyStartedAfterTheSweepIsSweptOnceMoreAndBothAreReported) {
  Rig rig;
  rig.Do("a", "contain", kStopped);
  rig.Do("b", "contain", kSwept);
  rig.mail->Put("running", "1");
  rig.mail->Put("queue", "3");
  const auto rest = rig.Do("c", "contain", kRest);
  ExpectContained(rig, rest);
  const v1::ContainResult& result = rest.result().contain();
  ASSERT_EQ(result.quarantine().quarantines_size(), 2) << result.DebugString();
  EXPECT_EQ(result.quarantine().quarantines(0).messages(), 20000);
  EXPECT_EQ(result.quarantine().quarantines(1).messages(), 3);
  EXPECT_EQ(result.lock().snapshot_id(), "a.lock") << "it held; it is no second debt";
  EXPECT_EQ(rig.mail->Get("queue"), "0");
  EXPECT_EQ(rig.mail->Acts("sweep"), 2);
}

TEST(Parts, AHostThatSomebodyStartedBeforeTheSweepIsStoppedAgain) {
  Rig rig;
  rig.Do("a", "contain", kStopped);
  ASSERT_EQ(rig.Do("s", "service.start").outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_TRUE(rig.journal->Leases()->empty());
  ASSERT_EQ(rig.Do("b", "contain", kSwept).outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(rig.mail->Get("running"), "0");
  EXPECT_EQ(rig.journal->Leases()->size(), 1u) << "held again";
  ExpectContained(rig, rig.Do("c", "contain", kRest));
  EXPECT_EQ(rig.mail->Acts("sweep"), 1);
}

TEST(Parts, ALockThatSomebodyPutBackInBetweenIsMadeAgainAndOwedAgain) {
  Rig rig;
  rig.Do("b", "contain", kSwept);
  ASSERT_EQ(rig.Do("r", "restore").result().restore().put_back(), 1);
  const auto rest = rig.Do("c", "contain", kRest);
  ExpectContained(rig, rest);
  EXPECT_EQ(rest.result().contain().lock().snapshot_id(), "b.lock-2");
  EXPECT_EQ(rig.journal->Outstanding()->size(), 2u);
  EXPECT_EQ(rig.Do("r2", "restore").result().restore().put_back(), 2);
  EXPECT_EQ(rig.mail->Get("relay"), "open\n");
}

TEST(Parts, AContainOfAnotherIncidentDoesNotStartAHostThatIsHeld) {
  Rig rig;
  rig.Do("b", "contain", kSwept);
  const auto other = rig.Do("o", "contain", R"({"incidentId":"j"})");
  EXPECT_EQ(other.outcome(), v1::OUTCOME_FAILED);
  EXPECT_EQ(ReasonOf(FromProto(other.error())), "OTHER_CONTAIN");
  EXPECT_THAT(other.error().message(), ::testing::HasSubstr("incident i"));
  EXPECT_EQ(rig.mail->Get("running"), "0");
  EXPECT_EQ(rig.mail->Acts("sweep"), 1);
  EXPECT_EQ(rig.journal->Leases()->size(), 1u);
  ExpectContained(rig, rig.Do("c", "contain", kRest));
}

TEST(Parts, AContainOfAnotherIncidentTakesAHostOverThatRuns) {
  Rig rig;
  rig.Do("b", "contain", kSwept);
  rig.mail->Put("running", "1");
  rig.mail->Put("queue", "5");
  const auto other = rig.Do("o", "contain", R"({"incidentId":"j"})");
  ExpectContained(rig, other);
  EXPECT_EQ(rig.mail->Get("quarantine-o"), "5");
}

TEST(Parts, ThatAskForAnotherLockAreRefused) {
  Rig rig;
  rig.Do("a", "contain", kStopped);
  const auto other = rig.Do(
      "b", "contain",
      R"({"incidentId":"i","mode":"RELAY_MODE_LISTED","clients":["192.0.2.1"],"until":"CONTAIN_UNTIL_SWEPT"})");
  EXPECT_EQ(ReasonOf(FromProto(other.error())), "OTHER_LOCK");
  EXPECT_EQ(rig.mail->Acts("sweep"), 0);
}

TEST(Parts, ALeaseOutOfRangeIsRefusedAndNothingStopped) {
  Rig rig;
  const auto report = rig.Do("a", "contain", R"({"until":"CONTAIN_UNTIL_STOPPED","lease":"1s"})");
  EXPECT_EQ(report.outcome(), v1::OUTCOME_REFUSED);
  EXPECT_EQ(ReasonOf(FromProto(report.error())), "BAD_LEASE");
  EXPECT_EQ(rig.mail->Get("running"), "1");
}

TEST(Parts, OneThatFailsLeavesTheHostStoppedForAPersonAndTheNextGoesOnFromThere) {
  Rig rig;
  rig.mail->verify_fails = true;
  rig.Do("a", "contain", kStopped);
  const auto swept = rig.Do("b", "contain", kSwept);
  EXPECT_EQ(swept.outcome(), v1::OUTCOME_FAILED);
  EXPECT_EQ(swept.result().contain().quarantine().quarantines_size(), 1) << "it is owed";
  EXPECT_EQ(rig.mail->Get("running"), "0");
  EXPECT_TRUE(rig.journal->Leases()->empty()) << "nothing starts it by itself";
  EXPECT_THAT(rig.executor->Alarm(), ::testing::HasSubstr("stays stopped"));
  rig.mail->verify_fails = false;
  ExpectContained(rig, rig.Do("c", "contain", kRest));
  EXPECT_EQ(rig.mail->Acts("sweep"), 1);
}

TEST(Parts, AStopThatFailsHalfwayKeepsItsLease) {
  Rig rig;
  rig.mail->stop_fails = true;  // After it has stopped.
  EXPECT_EQ(rig.Do("a", "contain", kStopped).outcome(), v1::OUTCOME_FAILED);
  EXPECT_NE(rig.executor->Alarm(), "");
  EXPECT_EQ(rig.journal->Leases()->size(), 1u);
  rig.mail->stop_fails = false;
  ExpectContained(rig, rig.Do("c", "contain", kRest));
}

TEST(Parts, AStartThatFailsTakesTheLockBackAndTheNextContainSweepsWhatCameInMeanwhile) {
  Rig rig;
  rig.Do("b", "contain", kSwept);
  rig.mail->dialogue_fails = true;
  EXPECT_EQ(rig.Do("c", "contain", kRest).outcome(), v1::OUTCOME_FAILED);
  EXPECT_EQ(rig.mail->Get("running"), "0");
  EXPECT_EQ(rig.mail->Get("relay"), "open\n");
  EXPECT_TRUE(rig.journal->Outstanding()->empty());
  rig.mail->dialogue_fails = false;
  rig.mail->Put("queue", "2");
  const auto again = rig.Do("d", "contain", kRest);
  ExpectContained(rig, again);
  EXPECT_EQ(again.result().contain().quarantine().quarantines_size(), 2);
  EXPECT_EQ(rig.mail->Get("queue"), "0");
}

TEST(Parts, ThePlanSaysHowFarItGoes) {
  Rig rig;
  const auto steps = [&](const char* json) {
    const auto planned = rig.executor->Plan(rig.Make("p", "contain", json));
    return std::vector<std::string>(planned.plan().steps().begin(), planned.plan().steps().end());
  };
  EXPECT_THAT(steps(kStopped),
              ::testing::ElementsAre("stop the mail service under a lease of 15m, at whose end the "
                                     "agent does the rest by itself"));
  EXPECT_THAT(steps(kSwept), ::testing::Not(::testing::Contains(::testing::HasSubstr("start"))));
  EXPECT_THAT(steps(kSwept), ::testing::Contains(::testing::HasSubstr("relay lock")));
  rig.Do("b", "contain", kSwept);
  EXPECT_THAT(
      steps(kRest),
      ::testing::Contains("the queues were set aside by an earlier part; they are not again"));
}

TEST(Organisation, WhatAnotherHostDoesForAllIsLeftOutAndSaid) {
  Rig rig;
  rig.mail->organisation_wide = true;
  const char* elsewhere = R"({"organisationElsewhere":true})";
  const auto planned = rig.executor->Plan(rig.Make("c", "contain", elsewhere));
  EXPECT_THAT(planned.plan().steps(),
              ::testing::Contains(::testing::HasSubstr("another of its hosts")));
  const auto report = rig.Do("c", "contain", elsewhere);
  ASSERT_EQ(report.outcome(), v1::OUTCOME_SUCCEEDED) << report.DebugString();
  EXPECT_EQ(rig.mail->Get("ndr"), "loud\n");
  EXPECT_EQ(rig.journal->Outstanding()->size(), 1u) << "the lock alone is owed";
  EXPECT_EQ(report.result().contain().silence().snapshot_id(), "");
  EXPECT_THAT(report.result().contain().silence().notice(),
              ::testing::HasSubstr("another of its hosts"));
}

TEST(Organisation, WhereNothingIsSharedTheWordIsIgnored) {
  Rig rig;
  ASSERT_EQ(rig.Do("c", "contain", R"({"organisationElsewhere":true})").outcome(),
            v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(rig.mail->Get("ndr"), "silent\n");
}

}  // namespace
}  // namespace mailquench::agent
