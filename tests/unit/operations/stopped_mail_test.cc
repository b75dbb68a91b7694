// Mail systems that take messages back only at rest, and that cannot silence notifications.
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "common/fault/fault_point.h"
#include "common/status/error.h"
#include "tests/unit/operations/rig.h"

namespace mailquench::agent {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;
constexpr char kOne[] = R"({"quarantine_id":"q-1"})";

TEST(Release, StopsReleasesAndStartsWhatRan) {
  Rig rig;
  rig.mail->releases_stopped = true;
  const auto report = rig.Do("r", "quarantine.release", kOne);
  ASSERT_EQ(report.outcome(), v1::OUTCOME_SUCCEEDED) << report.DebugString();
  EXPECT_EQ(rig.mail->Get("acts.log"), "stop\nrelease\nstart\n");
  EXPECT_TRUE(rig.journal->Leases()->empty());
}

TEST(Release, StartsNothingThatDidNotRun) {
  Rig rig;
  rig.mail->releases_stopped = true;
  rig.mail->Put("running", "0");
  ASSERT_EQ(rig.Do("r", "quarantine.release", kOne).outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(rig.mail->Get("acts.log"), "release\n");
  EXPECT_TRUE(rig.journal->Leases()->empty());
}

TEST(Release, StopsNothingForAQuarantineThatIsNotThere) {
  Rig rig;
  rig.mail->releases_stopped = true;
  EXPECT_NE(rig.Do("r", "quarantine.release", R"({"quarantine_id":"q-2"})").outcome(),
            v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(rig.mail->Get("acts.log"), "");
}

TEST(Release, AStartThatFailsAlarmsAndKeepsTheLease) {
  Rig rig;
  rig.mail->releases_stopped = true;
  rig.mail->start_fails = true;
  const auto report = rig.Do("r", "quarantine.release", kOne);
  EXPECT_EQ(report.outcome(), v1::OUTCOME_FAILED);
  EXPECT_THAT(report.error().message(), HasSubstr("the messages were released, but"));
  EXPECT_THAT(rig.executor->Alarm(), HasSubstr("after a release the service did not start"));
  ASSERT_EQ(rig.journal->Leases()->size(), 1u);
  EXPECT_THAT(rig.journal->Leases()->front().instances(), ElementsAre("-"));
}

TEST(Release, ThatMadeWayStartsWhatItStopped) {
  Rig rig;
  rig.mail->releases_stopped = true;
  rig.mail->on_release = [&] { rig.executor->Expect(rig.Make("c", "contain")); };
  const auto report = rig.Do("r", "quarantine.release", kOne);
  EXPECT_EQ(ReasonOf(FromProto(report.error())), "MADE_WAY") << report.DebugString();
  EXPECT_EQ(rig.mail->Get("running"), "1");
  EXPECT_TRUE(rig.journal->Leases()->empty());
}

TEST(Release, WhoseTimeIsOverStartsWhatItStopped) {
  Rig rig;
  rig.mail->releases_stopped = true;
  rig.mail->on_release = [&] { rig.clock.Sleep(absl::Hours(2)); };
  const auto report = rig.Do("r", "quarantine.release", kOne);
  EXPECT_EQ(report.outcome(), v1::OUTCOME_SUCCEEDED) << report.DebugString();
  EXPECT_EQ(rig.mail->Get("running"), "1");
}

TEST(Release, AContainStartsAgainWhatAReleaseThatMadeWayLeftStopped) {
  Rig rig;
  rig.mail->releases_stopped = true;
  rig.mail->start_fails = true;
  rig.mail->on_release = [&] { rig.executor->Expect(rig.Make("c", "contain")); };
  EXPECT_NE(rig.Do("r", "quarantine.release", kOne).outcome(), v1::OUTCOME_SUCCEEDED);
  ASSERT_EQ(rig.mail->Get("running"), "0");
  rig.mail->start_fails = false;
  const auto contain = rig.Do("c", "contain");
  ASSERT_EQ(contain.outcome(), v1::OUTCOME_SUCCEEDED) << contain.DebugString();
  EXPECT_EQ(rig.mail->Get("running"), "1");
  EXPECT_EQ(rig.mail->Get("relay"), "locked\n");
  EXPECT_TRUE(rig.journal->Leases()->empty());
}

TEST(Release, AStopThatFailsKeepsItsLeaseUnlessAllRunsAgain) {
  for (const bool start_fails : {false, true}) {
    Rig rig;
    rig.mail->releases_stopped = true;
    rig.mail->stop_fails = true;
    rig.mail->start_fails = start_fails;
    const auto report = rig.Do("r", "quarantine.release", kOne);
    EXPECT_THAT(report.error().message(), HasSubstr("the stop failed"));
    EXPECT_EQ(rig.mail->Get("running"), start_fails ? "0" : "1");
    EXPECT_EQ(rig.journal->Leases()->size(), start_fails ? 1U : 0U);
  }
}

TEST(Release, ADryRunSaysThatItStops) {
  Rig rig;
  rig.mail->releases_stopped = true;
  const auto planned = rig.executor->Plan(rig.Make("p", "quarantine.release", kOne));
  EXPECT_THAT(planned.plan().steps(0), HasSubstr("stop the mail service"));
  EXPECT_THAT(planned.plan().warnings(0), HasSubstr("closes the relay before it does"));
  EXPECT_EQ(rig.mail->Get("acts.log"), "");
}

TEST(Release, KilledAtEachPointItIsCompletedAndTheServiceRuns) {
  int killed = 0;
  for (const std::string& point : fault::AllPoints()) {
    if (point.rfind("service.release.", 0) != 0) continue;
    Rig rig;
    rig.mail->releases_stopped = true;
    rig.executor.reset();
    rig.journal.reset();
    const pid_t child = fork();
    if (child == 0) {
      setenv("MAILQUENCH_FAULT", (point + "=kill").c_str(), 1);
      rig.Open();
      rig.Do("r", "quarantine.release", kOne);
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << point;
    ++killed;
    rig.Open();
    rig.executor->ResumeUnfinished(nullptr, absl::Seconds(1));
    EXPECT_EQ(rig.mail->Get("running"), "1") << point;
    EXPECT_TRUE(rig.journal->Leases()->empty()) << point;
    EXPECT_GE(rig.mail->Acts("release"), 1) << point;
    EXPECT_EQ(rig.Do("r", "quarantine.release", kOne).outcome(), v1::OUTCOME_SUCCEEDED) << point;
  }
  EXPECT_EQ(killed, 4);
}

TEST(SilencedByWatch, AContainGoesOnAndEachWatchSetsNotificationsAside) {
  Rig rig;
  rig.mail->silences_by_watch = true;
  rig.mail->Put("ndrs", "3");
  EXPECT_EQ(rig.Do("w0", "queue.watch").result().queue_watch().silenced(), 0)
      << "without a contain a watch only looks";
  const auto plan = rig.executor->Plan(rig.Make("p", "contain"));
  EXPECT_THAT(plan.plan().warnings(0), HasSubstr("each queue.watch"));
  const auto contain = rig.Do("c", "contain");
  ASSERT_EQ(contain.outcome(), v1::OUTCOME_SUCCEEDED) << contain.DebugString();
  EXPECT_THAT(contain.result().contain().silence().notice(), HasSubstr("each queue.watch"));
  EXPECT_EQ(rig.mail->Get("ndr"), "loud\n");
  const auto watch = rig.Do("w", "queue.watch", R"({"samples":2})");
  ASSERT_TRUE(watch.result().has_queue_watch()) << watch.DebugString();
  EXPECT_EQ(watch.result().queue_watch().silenced(), 3);
  EXPECT_EQ(watch.result().queue_watch().samples(0).silenced(), 3);
  EXPECT_EQ(watch.result().queue_watch().samples(1).silenced(), 0);
  EXPECT_THAT(watch.result().queue_watch().silenced_quarantines(), ElementsAre("w.silence-0"));
  EXPECT_EQ(rig.mail->Acts("select"), 1) << "nothing is made where there are none";
  // What came in and was set aside at once is a refill all the same.
  int come = 0;
  rig.clock.on_sleep = [&] { rig.mail->Put("ndrs", std::to_string(++come * 50)); };
  EXPECT_EQ(rig.Do("w3", "queue.watch").result().queue_watch().verdict(),
            v1::WATCH_VERDICT_REFILLING);
  rig.clock.on_sleep = nullptr;
  rig.mail->Put("ndrs", "0");
  // Put back, it ends.
  ASSERT_EQ(rig.Do("b", "restore").outcome(), v1::OUTCOME_SUCCEEDED);
  rig.mail->Put("ndrs", "5");
  EXPECT_EQ(rig.Do("w2", "queue.watch").result().queue_watch().silenced(), 0);
}

TEST(SilencedByWatch, IsARecordOfItsOwnAlsoWhereTheRelayWasClosedBefore) {
  Rig rig;
  rig.mail->silences_by_watch = true;
  rig.mail->Put("relay", "locked\n");
  const auto contain = rig.Do("c", "contain");
  EXPECT_EQ(contain.result().contain().silence().snapshot_id(), "c.silence");
  rig.mail->Put("ndrs", "3");
  EXPECT_EQ(rig.Do("w", "queue.watch").result().queue_watch().silenced(), 3);
  EXPECT_EQ(rig.Do("b", "restore").outcome(), v1::OUTCOME_UNCHANGED) << "no setting was changed";
  EXPECT_TRUE(rig.journal->Outstanding()->empty());
}

TEST(SilencedByWatch, OnlyOfTheInstancesOfTheContainAndWhereThisHostAllowsIt) {
  Rig rig;
  rig.mail->silences_by_watch = true;
  ASSERT_EQ(rig.Do("c", "contain", R"({"instances":["other"]})").outcome(), v1::OUTCOME_SUCCEEDED);
  rig.mail->Put("ndrs", "3");
  EXPECT_EQ(rig.Do("w", "queue.watch").result().queue_watch().silenced(), 0);
  ASSERT_EQ(rig.Do("c2", "contain").outcome(), v1::OUTCOME_SUCCEEDED);
  rig.Open({"queue.watch"});
  EXPECT_EQ(rig.Do("w2", "queue.watch").result().queue_watch().silenced(), 0);
  rig.Open();
  EXPECT_EQ(rig.Do("w3", "queue.watch").result().queue_watch().silenced(), 3);
}

TEST(SilencedByWatch, AWatchThatIsCutShortSaysWhatItHasTouched) {
  Rig rig;
  rig.mail->silences_by_watch = true;
  ASSERT_EQ(rig.Do("c", "contain").outcome(), v1::OUTCOME_SUCCEEDED);
  rig.mail->Put("ndrs", "3");
  rig.clock.on_sleep = [&] { rig.executor->Cancel("w"); };
  const auto watch = rig.Do("w", "queue.watch");
  EXPECT_EQ(watch.outcome(), v1::OUTCOME_CANCELLED);
  EXPECT_EQ(watch.result().queue_watch().silenced(), 3);
  EXPECT_THAT(watch.error().message(), HasSubstr("3 notifications are set aside"));
}

TEST(SilencedByWatch, NotWhereTheContainKeepsThem) {
  Rig rig;
  rig.mail->silences_by_watch = true;
  rig.mail->Put("ndrs", "3");
  ASSERT_EQ(rig.Do("c", "contain", R"({"keep_notifications":true})").outcome(),
            v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(rig.Do("w", "queue.watch").result().queue_watch().silenced(), 0);
}

TEST(SilencedByWatch, AWatchThatCannotHaveItsTurnStillWatches) {
  Rig rig;
  rig.mail->silences_by_watch = true;
  ASSERT_EQ(rig.Do("c", "contain").outcome(), v1::OUTCOME_SUCCEEDED);
  rig.mail->Put("ndrs", "3");
  const auto other = FileLock::Acquire(rig.dir + "/changes.lock", absl::ZeroDuration());
  ASSERT_TRUE(other.ok());
  const auto watch = rig.Do("w", "queue.watch", R"({"samples":2})");
  EXPECT_EQ(watch.result().queue_watch().verdict(), v1::WATCH_VERDICT_QUIET) << watch.DebugString();
  EXPECT_EQ(watch.result().queue_watch().silenced(), 0);
}

}  // namespace
}  // namespace mailquench::agent
