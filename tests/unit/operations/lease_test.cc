// Stops are leased, and alarms stand until the instance is well again.
#include <gmock/gmock.h>

#include <fstream>

#include "agent/operations/alarms.h"
#include "common/status/error.h"
#include "tests/unit/operations/rig.h"

namespace mailquench::agent {
namespace {

TEST(Lease, AtItsEndFinishesSweepAndLockAndStarts) {
  Rig rig;
  ASSERT_EQ(rig.Do("c1", "service.stop", R"({"lease":"60s","sweep":{}})").outcome(),
            v1::OUTCOME_SUCCEEDED);
  EXPECT_TRUE(rig.executor->EndDueLeases(nullptr).empty());
  rig.clock.Sleep(absl::Seconds(61));
  ASSERT_EQ(rig.executor->EndDueLeases(nullptr).size(), 1u);
  EXPECT_EQ(rig.mail->Get("running"), "1");
  EXPECT_EQ(rig.mail->Get("relay"), "locked\n");
  EXPECT_EQ(rig.mail->Get("queue"), "0");
  EXPECT_TRUE(rig.executor->EndDueLeases(nullptr).empty());
}

TEST(Lease, NeverStartsAHostWhoseLockIsNotVerified) {
  Rig rig;
  rig.mail->verify_fails = true;
  ASSERT_EQ(rig.Do("c1", "service.stop", R"({"lease":"60s"})").outcome(), v1::OUTCOME_SUCCEEDED);
  rig.clock.Sleep(absl::Seconds(61));
  rig.executor->EndDueLeases(nullptr);
  EXPECT_EQ(rig.mail->Get("running"), "0");
  EXPECT_NE(rig.executor->Alarm(), "");
  EXPECT_TRUE(rig.executor->EndDueLeases(nullptr).empty());  // A person decides now.
}

TEST(Lease, StaysWhereItsEndCannotBeBegunAndIsTakenUpAgain) {
  Rig rig;
  rig.lock_wait = absl::ZeroDuration();
  rig.Open();
  ASSERT_EQ(rig.Do("s", "service.stop", R"({"lease":"60s","sweep":{}})").outcome(),
            v1::OUTCOME_SUCCEEDED);
  rig.clock.Sleep(absl::Seconds(61));
  {
    const auto other = FileLock::Acquire(rig.dir + "/changes.lock", absl::ZeroDuration());
    ASSERT_TRUE(other.ok());
    EXPECT_TRUE(rig.executor->EndDueLeases(nullptr).empty());
    EXPECT_TRUE(rig.executor->EndDueLeases(nullptr).empty());
    EXPECT_EQ(rig.mail->Get("running"), "0");
    EXPECT_THAT(rig.executor->Alarm(), ::testing::HasSubstr("tried again"));
    EXPECT_EQ(rig.journal->Leases()->size(), 1u);
  }
  EXPECT_TRUE(rig.executor->EndDueLeases(nullptr).empty()) << "not at each look";
  rig.clock.Sleep(absl::Seconds(31));
  ASSERT_EQ(rig.executor->EndDueLeases(nullptr).size(), 1u);
  EXPECT_EQ(rig.mail->Get("running"), "1");
  EXPECT_EQ(rig.mail->Get("relay"), "locked\n");
  EXPECT_EQ(rig.mail->Get("queue"), "0");
  EXPECT_EQ(rig.executor->Alarm(), "");
}

TEST(Lease, ThatWasMadeWhileTheClockWasAheadEndsInItsLength) {
  Rig rig;
  rig.Do("s", "service.stop", R"({"lease":"60s"})");
  rig.clock.Sleep(-absl::Hours(48));
  EXPECT_TRUE(rig.executor->EndDueLeases(nullptr).empty());
  rig.clock.Sleep(absl::Seconds(61));
  EXPECT_EQ(rig.executor->EndDueLeases(nullptr).size(), 1u);
  EXPECT_EQ(rig.mail->Get("running"), "1");
}

TEST(Lease, IsGivenUpWhereThisHostRefusesWhatItOwes) {
  Rig rig;
  rig.Open({"service.stop"});
  ASSERT_EQ(rig.Do("s", "service.stop", R"({"lease":"60s"})").outcome(), v1::OUTCOME_SUCCEEDED);
  rig.clock.Sleep(absl::Seconds(61));
  EXPECT_EQ(rig.executor->EndDueLeases(nullptr).size(), 1u);
  EXPECT_EQ(rig.mail->Get("running"), "0");
  EXPECT_THAT(rig.executor->Alarm(), ::testing::HasSubstr("allow list"));
  EXPECT_TRUE(rig.journal->Leases()->empty());
}

TEST(Lease, StopsAgainWhatADialogueFindsOpenAtItsEnd) {
  Rig rig;
  ASSERT_EQ(rig.Do("s", "service.stop", R"({"lease": "60s"})").outcome(), v1::OUTCOME_SUCCEEDED);
  rig.mail->dialogue_fails = true;
  rig.clock.Sleep(absl::Minutes(2));
  const auto reports = rig.executor->EndDueLeases(nullptr);
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].outcome(), v1::OUTCOME_FAILED);
  EXPECT_EQ(rig.mail->Get("running"), "0");
  EXPECT_THAT(rig.executor->Alarm(), ::testing::HasSubstr("stopped again"));
}

TEST(Lease, NeverStartsWhatAContainHasFoundStillOpen) {
  Rig rig;
  ASSERT_EQ(rig.Do("s", "service.stop", R"({"lease": "60s"})").outcome(), v1::OUTCOME_SUCCEEDED);
  rig.mail->Put("running", "1");
  rig.mail->dialogue_fails = true;
  ASSERT_EQ(rig.Do("c", "contain").outcome(), v1::OUTCOME_FAILED);
  rig.clock.Sleep(absl::Minutes(2));
  EXPECT_TRUE(rig.executor->EndDueLeases(nullptr).empty());
  EXPECT_EQ(rig.mail->Get("running"), "0");
  EXPECT_NE(rig.executor->Alarm(), "");
}

TEST(Lease, IsNeitherShortenedNorMovedByARepeatOfItsStop) {
  Rig rig;
  v1::Lease lease;
  lease.set_command_id("s");
  lease.add_instances("-");
  lease.add_instances("postfix-out");
  lease.mutable_end_time()->set_seconds(1'900'000'000);
  ASSERT_TRUE(rig.journal->PutLease(lease).ok());
  const auto report = rig.Do("s", "service.stop", R"({"lease": "60s"})");
  ASSERT_EQ(report.outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(report.result().service_stop().lease_end_time().seconds(), 1'900'000'000);
  ASSERT_EQ(rig.journal->Leases()->size(), 1u);
  EXPECT_EQ(rig.journal->Leases()->front().instances_size(), 2);
}

TEST(Lease, IsRenewedAndNeverShortenedByThat) {
  Rig rig;
  rig.Do("s", "service.stop", R"({"lease":"60s"})");
  ASSERT_TRUE(rig.journal->RenewLease("s", rig.clock.Now() + absl::Minutes(5)).ok());
  ASSERT_TRUE(rig.journal->RenewLease("s", rig.clock.Now() + absl::Minutes(1)).ok());
  rig.clock.Sleep(absl::Minutes(2));
  EXPECT_TRUE(rig.executor->EndDueLeases(nullptr).empty());
  rig.clock.Sleep(absl::Minutes(4));
  EXPECT_EQ(rig.executor->EndDueLeases(nullptr).size(), 1u);
  EXPECT_EQ(ReasonOf(rig.journal->RenewLease("s", rig.clock.Now())), "NO_LEASE");
}

TEST(Lease, OfOtherInstancesOutlivesAStart) {
  Rig rig;
  v1::Lease lease;
  lease.set_command_id("s");
  lease.add_instances("-");
  lease.add_instances("postfix-out");
  ASSERT_TRUE(rig.journal->PutLease(lease).ok());
  ASSERT_TRUE(rig.journal->ClearLeases({"-"}).ok());
  ASSERT_EQ(rig.journal->Leases()->size(), 1u);
  EXPECT_THAT(rig.journal->Leases()->front().instances(), ::testing::ElementsAre("postfix-out"));
  EXPECT_THAT(rig.journal->Leases()->front().stop().lock().instances(),
              ::testing::ElementsAre("postfix-out"));
  ASSERT_TRUE(rig.journal->ClearLeases({"postfix-out"}).ok());
  EXPECT_TRUE(rig.journal->Leases()->empty());
}

TEST(Lease, EndsWithAnOrdinaryStart) {
  Rig rig;
  rig.Do("c1", "service.stop", R"({"lease":"60s"})");
  rig.Do("c2", "service.start");
  rig.clock.Sleep(absl::Hours(1));
  EXPECT_TRUE(rig.executor->EndDueLeases(nullptr).empty());
  EXPECT_EQ(rig.mail->Get("relay"), "open\n");
}

TEST(Lease, RefusesALengthOutsideItsRangeAndStopsNothing) {
  Rig rig;
  EXPECT_EQ(rig.Do("c1", "service.stop", R"({"lease":"1s"})").outcome(), v1::OUTCOME_REFUSED);
  EXPECT_EQ(rig.mail->Get("running"), "1");
}

TEST(Lease, LeavesAloneWhatSomebodyStartedByHand) {
  Rig rig;
  ASSERT_EQ(rig.Do("s", "service.stop", R"({"lease":"60s","sweep":{}})").outcome(),
            v1::OUTCOME_SUCCEEDED);
  rig.mail->Put("running", "1");  // As by `systemctl start`.
  rig.clock.Sleep(absl::Minutes(2));
  EXPECT_TRUE(rig.executor->EndDueLeases(nullptr).empty());
  EXPECT_EQ(rig.mail->Get("relay"), "open\n");
  EXPECT_EQ(rig.mail->Get("queue"), "20000");
  EXPECT_TRUE(rig.journal->Leases()->empty());
  EXPECT_THAT(rig.executor->Alarm(), ::testing::HasSubstr("neither swept nor locked"));
}

TEST(Start, WithALockThatIsNotVerifiedStartsNothing) {
  Rig rig;
  rig.mail->Put("running", "0");
  rig.mail->verify_fails = true;
  const auto report =
      rig.Do("c", "service.start", R"({"onlyLocked":{"mode":"RELAY_MODE_CLOSED"}})");
  EXPECT_EQ(report.outcome(), v1::OUTCOME_FAILED);
  EXPECT_EQ(rig.mail->Get("running"), "0");
  EXPECT_THAT(rig.executor->Alarm(), ::testing::HasSubstr("could not be verified"));
}

TEST(Start, ThatFindsAnOpenListenerStopsOnlyWhatItStarted) {
  Rig rig;
  rig.mail->dialogue_fails = true;
  const auto report =
      rig.Do("c", "service.start", R"({"onlyLocked":{"mode":"RELAY_MODE_CLOSED"}})");
  EXPECT_EQ(report.outcome(), v1::OUTCOME_FAILED);
  EXPECT_EQ(rig.mail->Get("running"), "1") << "it ran before";
  EXPECT_NE(rig.executor->Alarm(), "");
}

TEST(Alarms, OfOneInstanceOutliveTheOthers) {
  Rig rig;
  Alarms alarms(rig.dir + "/alarm");
  alarms.Raise({"-", "postfix-out"}, "the relay\nis open");
  alarms.Raise({"postfix-out"}, "it did not start");
  EXPECT_EQ(alarms.Text(), "-: the relay is open\npostfix-out: it did not start\n");
  alarms.Clear({"-"});
  EXPECT_EQ(alarms.Text(), "postfix-out: it did not start\n");
  alarms.Raise({}, "the journal cannot be read");
  alarms.Clear({"postfix-out"});
  EXPECT_EQ(alarms.Text(), "*: the journal cannot be read\n");
  alarms.Clear({});
  EXPECT_FALSE(std::filesystem::exists(rig.dir + "/alarm"));
}

}  // namespace
}  // namespace mailquench::agent
