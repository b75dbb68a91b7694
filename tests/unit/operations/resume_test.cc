// What a killed process, a full disk or a busy host has left unfinished.
#include <gmock/gmock.h>

#include "common/sqlite/database.h"
#include "common/status/error.h"
#include "tests/unit/operations/rig.h"

namespace mailquench::agent {
namespace {

TEST(Resume, ReportsAnInterruptedObservationInsteadOfRunningItAgain) {
  Rig rig;
  v1::OperationReport none;
  ASSERT_TRUE(rig.journal->Begin(rig.Make("c1", "queue.watch"), false, &none).ok());
  rig.executor->CloseObservers();
  const auto reports = rig.journal->Unreported();
  ASSERT_EQ(reports->size(), 1u);
  EXPECT_EQ(ReasonOf(FromProto(reports->front().error())), "INTERRUPTED");
  EXPECT_TRUE(rig.journal->Unfinished()->empty());
}

// A change that was killed right after its intent, as by a lost ssh session.
void BeginOnly(Rig& rig,
               const std::string& id,
               const std::string& operation,
               const std::string& json = "") {
  v1::OperationReport none;
  ASSERT_TRUE(rig.journal->Begin(rig.Make(id, operation, json), true, &none).ok());
}

TEST(Resume, AnOldStartDoesNotStartWhatAContainHasLeftStopped) {
  Rig rig;
  BeginOnly(rig, "old", "service.start");
  rig.mail->dialogue_fails = true;
  ASSERT_EQ(rig.Do("c", "contain").outcome(), v1::OUTCOME_FAILED);
  rig.Open();
  rig.executor->ResumeUnfinished(nullptr, absl::ZeroDuration());
  EXPECT_EQ(rig.mail->Get("running"), "0");
  EXPECT_NE(rig.executor->Alarm(), "");
}

TEST(Resume, AnOldRestoreDoesNotTakeBackALaterLock) {
  Rig rig;
  BeginOnly(rig, "old", "restore");
  ASSERT_EQ(rig.Do("c", "contain").outcome(), v1::OUTCOME_SUCCEEDED);
  rig.Open();
  rig.executor->ResumeUnfinished(nullptr, absl::ZeroDuration());
  EXPECT_EQ(rig.mail->Get("relay"), "locked\n");
  EXPECT_EQ(rig.journal->Outstanding()->size(), 2u);
  ASSERT_EQ(rig.journal->Unreported()->size(), 2u) << "that of the old one, too";
}

TEST(Resume, AnOldContainIsCompletedBeforeTheNextChange) {
  Rig rig;
  BeginOnly(rig, "old", "contain");
  ASSERT_EQ(rig.Do("b", "sender.block", R"({"account":"bob"})").outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(rig.mail->Get("relay"), "locked\n");
  EXPECT_EQ(rig.mail->Get("quarantine-old"), "20000");
  EXPECT_TRUE(rig.journal->Unfinished()->empty());
}

TEST(Resume, ABusyHostIsAskedAgainAndNothingIsSaidToHaveFailed) {
  Rig rig;
  BeginOnly(rig, "old", "contain");
  {
    const auto other = FileLock::Acquire(rig.dir + "/changes.lock", absl::ZeroDuration());
    rig.executor->ResumeUnfinished(nullptr, absl::ZeroDuration());
    EXPECT_TRUE(rig.journal->Unreported()->empty());
    EXPECT_EQ(rig.journal->Unfinished()->size(), 1u);
  }
  rig.executor->ResumeUnfinished(nullptr, absl::ZeroDuration());
  EXPECT_EQ(rig.mail->Get("relay"), "locked\n");
  EXPECT_EQ(rig.journal->Unreported()->size(), 1u);
}

// The journal takes everything but the outcome of this one command, as on a disk that is full.
void RefuseOutcomes(const Rig& rig, const std::string& id, bool refuse) {
  auto db = Database::Open(rig.dir + "/journal.db");
  ASSERT_TRUE(db.ok()) << db.status();
  const std::string sql =
      refuse ? "CREATE TRIGGER full BEFORE UPDATE OF report ON commands WHEN new.command_id='" +
                   id + "' BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END;"
             : "DROP TRIGGER full;";
  const auto done = (*db)->Script(sql);
  ASSERT_TRUE(done.ok()) << done;
}

TEST(Resume, AnOutcomeThatCouldNotBeWrittenIsWrittenLaterAndNothingIsDoneTwice) {
  Rig rig;
  RefuseOutcomes(rig, "q", true);
  EXPECT_EQ(rig.Do("q", "queue.quarantine").outcome(), v1::OUTCOME_FAILED);
  const int stops = rig.mail->Acts("stop");
  for (int i = 0; i < 5; ++i) rig.executor->ResumeUnfinished(nullptr, absl::ZeroDuration());
  EXPECT_EQ(rig.mail->Acts("stop"), stops) << "mail would be down as long as the disk is full";
  const auto other = rig.Do("b", "sender.block", R"({"account":"bob"})");
  EXPECT_EQ(ReasonOf(FromProto(other.error())), "OLDER_UNFINISHED");
  EXPECT_EQ(rig.mail->Get("blocks"), "");
  RefuseOutcomes(rig, "q", false);
  rig.executor->ResumeUnfinished(nullptr, absl::ZeroDuration());
  EXPECT_EQ(rig.mail->Acts("stop"), stops);
  EXPECT_EQ((*rig.journal->Report("q"))->outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(rig.Do("b", "sender.block", R"({"account":"bob"})").outcome(), v1::OUTCOME_SUCCEEDED);
}

TEST(Resume, AContainDoesNotWaitForAnOldMoveNorForAnOldStart) {
  Rig rig;
  BeginOnly(rig, "m", "quarantine.move", R"({"quarantineId":"q","directory":"home"})");
  BeginOnly(rig, "s", "service.start");
  rig.mail->files_to_move = 3000;
  const absl::Time begin = absl::Now();
  EXPECT_EQ(rig.Do("c", "contain").outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_LT(absl::Now() - begin, absl::Seconds(10));
  EXPECT_EQ(ReasonOf(FromProto((*rig.journal->Report("m"))->error())), "MADE_WAY");
  EXPECT_EQ(ReasonOf(FromProto((*rig.journal->Report("s"))->error())), "SUPERSEDED");
}

TEST(Resume, WhatThisHostNowForbidsIsClosedWithAnAlarm) {
  Rig rig;
  BeginOnly(rig, "r", "quarantine.release", R"({"quarantineId":"q"})");
  rig.Open({"sender.block"});
  EXPECT_EQ(rig.Do("b", "sender.block", R"({"account":"bob"})").outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(rig.mail->Acts("release"), 0);
  EXPECT_NE(rig.executor->Alarm(), "");
}

TEST(Journal, AnIdAnswersForNoOtherOperation) {
  Rig rig;
  rig.Do("x", "queue.survey");
  const auto report = rig.Do("x", "contain");
  EXPECT_EQ(ReasonOf(FromProto(report.error())), "ID_TAKEN");
  EXPECT_EQ(rig.mail->Acts("stop"), 0);
  EXPECT_EQ(rig.Do("x", "queue.survey").outcome(), v1::OUTCOME_SUCCEEDED);
}

TEST(Cancel, DoesNotLeaveAHalfDoneContainAsItIs) {
  Rig rig;
  BeginOnly(rig, "c", "contain");
  rig.executor->Cancel("c");
  rig.executor->ResumeUnfinished(nullptr, absl::ZeroDuration());
  EXPECT_EQ(rig.mail->Get("running"), "1");
  EXPECT_EQ(rig.mail->Get("relay"), "locked\n");
  EXPECT_TRUE(rig.journal->Unfinished()->empty());
}

}  // namespace
}  // namespace mailquench::agent
