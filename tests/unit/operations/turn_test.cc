// One change at a time; what can be continued later makes way for what ends an attack.
#include "agent/operations/turn.h"

#include <gmock/gmock.h>

#include <thread>

#include "tests/unit/operations/rig.h"

namespace mailquench::agent {
namespace {
constexpr char kMove[] = R"({"quarantineId":"q","directory":"home"})";

v1::OperationReport DoBeside(Rig& rig,
                             const std::string& operation,
                             const std::string& json,
                             const std::function<void()>& beside) {
  v1::OperationReport report;
  std::thread worker([&] { report = rig.Do("long", operation, json); });
  const absl::Time until = absl::Now() + absl::Seconds(10);
  while (rig.mail->Acts("move") == 0 && absl::Now() < until) absl::SleepFor(absl::Milliseconds(1));
  beside();
  worker.join();
  return report;
}

TEST(Turn, AMoveMakesWayForAContainOfTheSameProcess) {
  Rig rig;
  rig.mail->files_to_move = 3000;
  v1::OperationReport contain;
  const auto move =
      DoBeside(rig, "quarantine.move", kMove, [&] { contain = rig.Do("c", "contain"); });
  EXPECT_EQ(contain.outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(move.outcome(), v1::OUTCOME_FAILED);
  EXPECT_THAT(move.error().message(), ::testing::HasSubstr("made way"));
  EXPECT_EQ(rig.Do("long", "quarantine.move", kMove).error().message(), move.error().message());
}

TEST(Turn, AMoveMakesWayForAContainThatStandsInLineBehindIt) {
  Rig rig;
  rig.mail->files_to_move = 3000;
  const v1::Command contain = rig.Make("c", "contain");
  const auto move = DoBeside(rig, "quarantine.move", kMove, [&] { rig.executor->Expect(contain); });
  EXPECT_THAT(move.error().message(), ::testing::HasSubstr("made way"));
  EXPECT_EQ(rig.executor->Execute(contain, false, nullptr).outcome(), v1::OUTCOME_SUCCEEDED);
  rig.mail->files_to_move = 3;
  EXPECT_EQ(rig.Do("again", "quarantine.move", kMove).outcome(), v1::OUTCOME_SUCCEEDED);
}

TEST(Turn, AMoveMakesWayForABreakGlassContainOfAnotherProcess) {
  Rig rig;
  rig.mail->files_to_move = 3000;
  const auto move = DoBeside(rig, "quarantine.move", kMove, [&] {
    const Turn other(rig.dir);
    EXPECT_TRUE(other.Take(true, absl::Seconds(20), absl::OkStatus).ok());
    EXPECT_FALSE(other.Wanted()) << "it has its turn";
  });
  EXPECT_THAT(move.error().message(), ::testing::HasSubstr("made way"));
}

TEST(Turn, WhatIsNotUrgentGivesUpItsPlaceInLineAndIsNotRecorded) {
  Rig rig;
  const auto other = FileLock::Acquire(rig.dir + "/changes.lock", absl::ZeroDuration());
  ASSERT_TRUE(other.ok());
  v1::OperationReport restore;
  std::thread worker([&] { restore = rig.Do("r", "restore"); });
  absl::SleepFor(absl::Milliseconds(30));
  rig.executor->Expect(rig.Make("c", "contain"));
  worker.join();
  EXPECT_THAT(restore.error().message(), ::testing::HasSubstr("ends an attack"));
  EXPECT_FALSE(rig.journal->Report("r")->has_value()) << "asked again, it is done";
}

TEST(Turn, AMoveDoesNotMakeWayForWhatThisHostRefuses) {
  Rig rig;
  rig.Open({"quarantine.move"});
  rig.mail->files_to_move = 20;
  const auto move = DoBeside(rig, "quarantine.move", kMove,
                             [&] { rig.executor->Expect(rig.Make("c", "contain")); });
  EXPECT_EQ(move.outcome(), v1::OUTCOME_SUCCEEDED);
}

TEST(Turn, ALeaseThatIsDueRefusesNothingOnceTheControllerIsBack) {
  Rig rig;
  rig.Do("s", "service.stop", R"({"lease":"60s"})");
  rig.clock.Sleep(absl::Seconds(61));
  rig.executor->ExpectDueLeases(true);
  rig.executor->ExpectDueLeases(false);
  EXPECT_EQ(rig.Do("b", "service.start").outcome(), v1::OUTCOME_SUCCEEDED);
}

TEST(Turn, AMoveMakesWayForTheEndOfALease) {
  Rig rig;
  rig.Do("s", "service.stop", R"({"lease":"60s"})");
  rig.clock.Sleep(absl::Seconds(61));
  rig.mail->files_to_move = 3000;
  const auto move =
      DoBeside(rig, "quarantine.move", kMove, [&] { rig.executor->ExpectDueLeases(true); });
  EXPECT_THAT(move.error().message(), ::testing::HasSubstr("made way"));
  EXPECT_EQ(rig.executor->EndDueLeases(nullptr).size(), 1u);
  EXPECT_EQ(rig.mail->Get("running"), "1");
  rig.mail->files_to_move = 3;
  EXPECT_EQ(rig.Do("again", "quarantine.move", kMove).outcome(), v1::OUTCOME_SUCCEEDED);
}

TEST(Turn, AMoveDoesNotMakeWayForWhatIsNotUrgent) {
  Rig rig;
  rig.mail->files_to_move = 20;
  const auto move =
      DoBeside(rig, "quarantine.move", kMove, [&] { rig.Do("r", "quarantine.release", "{}"); });
  EXPECT_EQ(move.outcome(), v1::OUTCOME_SUCCEEDED);
}

TEST(Turn, ACancelEndsAMoveInItsMiddle) {
  Rig rig;
  rig.mail->files_to_move = 3000;
  const auto move = DoBeside(rig, "quarantine.move", kMove, [&] { rig.executor->Cancel("long"); });
  EXPECT_EQ(move.outcome(), v1::OUTCOME_CANCELLED);
}

TEST(Turn, ACancelEndsTheWaitForIt) {
  Rig rig;
  const auto other = FileLock::Acquire(rig.dir + "/changes.lock", absl::ZeroDuration());
  ASSERT_TRUE(other.ok());
  v1::OperationReport report;
  std::thread worker([&] { report = rig.Do("c", "contain"); });
  absl::SleepFor(absl::Milliseconds(30));
  rig.executor->Cancel("c");
  worker.join();
  EXPECT_EQ(report.outcome(), v1::OUTCOME_CANCELLED);
  EXPECT_EQ(rig.mail->Acts("stop"), 0);
}

TEST(Turn, IsForgottenWhenItsProcessWasKilledWhileItWaited) {
  Rig rig;
  ASSERT_TRUE(TouchFile(rig.dir + "/changes.waiting").ok());
  const Turn turn(rig.dir);
  EXPECT_TRUE(turn.Wanted());
  absl::SleepFor(absl::Milliseconds(3100));
  EXPECT_FALSE(turn.Wanted());
}

}  // namespace
}  // namespace mailquench::agent
