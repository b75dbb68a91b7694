// The agent's upgrade, with a service manager of files, killed at each of its points.
#include "agent/app/upgrade.h"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/app/connected.h"
#include "agent/os/files.h"
#include "agent/os/folder.h"
#include "common/fault/fault_point.h"
#include "common/identity/secrets.h"
#include "common/status/error.h"
#include "tests/unit/os/scratch.h"

namespace mailquench::agent {
namespace {

// "Runs" the program: one that says GOOD connects, MUTE runs without, CRASH ends while it starts.
// What runs is in a file, so that it outlives a killed upgrade as a real service does.
class FileServices final : public ServiceManager {
 public:
  explicit FileServices(const Scratch& scratch) : scratch_(scratch) {}

  absl::StatusOr<ServiceInfo> Query(const std::string&) override {
    ServiceInfo info;
    info.state = Running().empty() ? ServiceState::kStopped : ServiceState::kRunning;
    info.process_id = Running().empty() ? 0 : 4242;
    return info;
  }
  absl::StatusOr<std::vector<std::string>> RunningDependents(const std::string&) override {
    return std::vector<std::string>();
  }
  absl::Status Stop(const std::string&, absl::Time, const ServiceProgress&) override {
    return RemoveFile(scratch_.Path("running"));
  }
  absl::Status Start(const std::string&, absl::Time, const ServiceProgress&) override {
    MQ_ASSIGN_OR_RETURN(const std::string program, ReadFile(scratch_.Path("agent.exe")));
    if (absl::StrContains(program, "CRASH"))
      return Error(absl::StatusCode::kAborted, "SERVICE_ENDED", "it ended while it started");
    MQ_RETURN_IF_ERROR(WriteFileAtomically(scratch_.Path("running"), program));
    if (absl::StrContains(program, "MUTE")) return absl::OkStatus();
    return WriteConnected(scratch_.path(), {program, 4242, absl::Now()});
  }
  std::string Running() const { return ReadFile(scratch_.Path("running")).value_or(""); }

 private:
  const Scratch& scratch_;
};

class UpgradeTest : public ::testing::Test {
 protected:
  UpgradeTest() : services_(scratch_) {
    options_.service = "Agent";
    options_.program = scratch_.Path("agent.exe");
    options_.state_dir = scratch_.path();
    options_.from = scratch_.Path("download.exe");
    options_.connect_within = absl::Milliseconds(300);
    options_.check = [](const std::string& path) -> absl::Status {
      MQ_ASSIGN_OR_RETURN(const std::string program, ReadFile(path));
      return absl::StrContains(program, "ALIEN") ? absl::InternalError("not ours")
                                                 : absl::OkStatus();
    };
    options_.say = [](const std::string&) {};
    Put("agent.exe", "GOOD 1");
    Put("agent.exe.previous", "GOOD 0");
    EXPECT_TRUE(services_.Start("Agent", absl::InfiniteFuture(), nullptr).ok());
  }
  void Put(const std::string& name, const std::string& content) {
    EXPECT_TRUE(WriteFileAtomically(scratch_.Path(name), content, 0755).ok());
  }
  std::string Content(const std::string& name) {
    return ReadFile(scratch_.Path(name)).value_or("(none)");
  }
  absl::StatusOr<UpgradeOutcome> Run(const std::string& program) {
    Put("download.exe", program);
    return Upgrade(options_, services_);
  }
  // In a process of its own, which is killed at `point`.
  void RunAndKill(const std::string& program, const std::string& point) {
    const pid_t child = fork();
    if (child == 0) {
      setenv("MAILQUENCH_FAULT", absl::StrCat(point, "=kill").c_str(), 1);
      (void)Run(program);
      _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << point << " is not on the way";
  }
  void ExpectSettled(const std::string& program, const std::string& previous) {
    EXPECT_EQ(Content("agent.exe"), program);
    EXPECT_EQ(services_.Running(), program);
    EXPECT_EQ(Content("agent.exe.previous"), previous);
    EXPECT_EQ(Content("upgrade"), "(none)");
    EXPECT_EQ(Content("agent.exe.new"), "(none)");
  }

  const Scratch scratch_;
  FileServices services_;
  UpgradeOptions options_;
};

TEST_F(UpgradeTest, AGoodOneTakesThePlace) {
  const auto outcome = Run("GOOD 2");
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(*outcome, UpgradeOutcome::kUpgraded);
  ExpectSettled("GOOD 2", "GOOD 1");
}

TEST_F(UpgradeTest, OneThatDoesNotReachItsControllerGoesAgain) {
  for (const char* program : {"MUTE 2", "CRASH 2"}) {
    const auto outcome = Run(program);
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    EXPECT_EQ(*outcome, UpgradeOutcome::kReturned);
    EXPECT_EQ(Content("agent.exe"), "GOOD 1");
    EXPECT_EQ(services_.Running(), "GOOD 1");
    EXPECT_EQ(Content("agent.exe.failed"), program);
    EXPECT_EQ(Content("upgrade"), "(none)");
  }
}

TEST_F(UpgradeTest, AnUnfitOneChangesNothing) {
  EXPECT_EQ(ReasonOf(Run("ALIEN").status()), "NEW_PROGRAM_UNFIT");
  ExpectSettled("GOOD 1", "GOOD 0");
  options_.from = scratch_.Path("nowhere.exe");
  EXPECT_TRUE(absl::IsNotFound(Upgrade(options_, services_).status()));
  ExpectSettled("GOOD 1", "GOOD 0");
}

TEST_F(UpgradeTest, KilledAnywhereOnTheWayForwardARepeatCompletesIt) {
  for (const std::string& point : fault::AllPoints()) {
    if (!absl::StartsWith(point, "upgrade.") || absl::StrContains(point, "return") ||
        absl::StrContains(point, "failed") || absl::StrContains(point, "back"))
      continue;
    SCOPED_TRACE(point);
    Put("agent.exe", "GOOD 1");
    Put("agent.exe.previous", "GOOD 0");
    RunAndKill("GOOD 2", point);
    const auto outcome = Run("GOOD 2");
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    EXPECT_EQ(*outcome, UpgradeOutcome::kUpgraded);
    ExpectSettled("GOOD 2", "GOOD 1");
  }
}

TEST_F(UpgradeTest, KilledAnywhereOnTheWayBackARepeatUndoesIt) {
  int points = 0;
  for (const std::string& point : fault::AllPoints()) {
    if (!absl::StrContains(point, "upgrade.return") &&
        !absl::StrContains(point, "upgrade.failed") &&
        !absl::StrContains(point, "upgrade.old_back"))
      continue;
    SCOPED_TRACE(point);
    ++points;
    Put("agent.exe", "GOOD 1");
    RunAndKill("MUTE 2", point);
    const auto outcome = Run("MUTE 2");
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    EXPECT_EQ(*outcome, UpgradeOutcome::kReturned);
    ExpectSettled("GOOD 1", "(none)");
  }
  EXPECT_EQ(points, 3);
}

TEST_F(UpgradeTest, TheCopyIsGoneThatTheUpgradeBeganWith) {
  for (const char* point : {"upgrade.begun", "upgrade.stopped", "upgrade.old_aside"}) {
    SCOPED_TRACE(point);
    Put("agent.exe", "GOOD 1");
    Put("agent.exe.previous", "GOOD 0");
    RunAndKill("GOOD 2", point);
    ASSERT_TRUE(RemoveFile(scratch_.Path("agent.exe.new")).ok());
    const auto outcome = Run("GOOD 2");
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    EXPECT_EQ(*outcome, UpgradeOutcome::kUpgraded);
    ExpectSettled("GOOD 2", "GOOD 1");

    // And where the new program itself is gone too: the old one runs, never the one before it.
    Put("agent.exe", "GOOD 1");
    Put("agent.exe.previous", "GOOD 0");
    RunAndKill("GOOD 2", point);
    ASSERT_TRUE(RemoveFile(scratch_.Path("agent.exe.new")).ok());
    ASSERT_TRUE(RemoveFile(scratch_.Path("download.exe")).ok());
    EXPECT_TRUE(absl::IsNotFound(Upgrade(options_, services_).status()));
    EXPECT_EQ(Content("agent.exe"), "GOOD 1");
    EXPECT_EQ(services_.Running(), "GOOD 1");
    EXPECT_EQ(Content("upgrade"), "(none)");
  }
}

TEST_F(UpgradeTest, AnotherProgramFirstEndsWhatWasBegun) {
  for (const std::string& point : fault::AllPoints()) {
    if (!absl::StartsWith(point, "upgrade.")) continue;
    SCOPED_TRACE(point);
    const bool back = absl::StrContains(point, "return") || absl::StrContains(point, "failed") ||
                      absl::StrContains(point, "back");
    Put("agent.exe", "GOOD 1");
    Put("agent.exe.previous", "GOOD 0");
    RunAndKill(back ? "MUTE 2" : "GOOD 2", point);
    const auto outcome = Run("GOOD 3");
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    EXPECT_EQ(*outcome, UpgradeOutcome::kUpgraded);
    // Before the mark nothing was begun.
    ExpectSettled("GOOD 3", back || point == "upgrade.copied" ? "GOOD 1" : "GOOD 2");
  }
}

TEST_F(UpgradeTest, WhatSomebodyElsePutThereIsNotRolledBack) {
  RunAndKill("MUTE 2", "upgrade.returning");
  Put("agent.exe", "GOOD 5");
  const auto outcome = Run("MUTE 2");
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(*outcome, UpgradeOutcome::kReturned);
  ExpectSettled("GOOD 5", "GOOD 1");
}

TEST_F(UpgradeTest, ARenameThatFailsOnTheWayBackNamesTheProgramToRun) {
  // What cannot be removed as a file.
  ASSERT_TRUE(MakeDirectories(scratch_.Path("agent.exe.failed/x"), 0755).ok());
  const auto failed = Run("MUTE 2");
  ASSERT_FALSE(failed.ok());
  EXPECT_THAT(std::string(failed.status().message()),
              ::testing::HasSubstr(options_.program + ".previous is the one to run"));
  EXPECT_EQ(Content("agent.exe"), "MUTE 2") << "rather that one than none";
  EXPECT_EQ(Content("agent.exe.previous"), "GOOD 1");
  ASSERT_TRUE(RemoveFolder(scratch_.Path("agent.exe.failed/x")).ok());
  ASSERT_TRUE(RemoveFolder(scratch_.Path("agent.exe.failed")).ok());
  const auto outcome = Run("MUTE 2");
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(*outcome, UpgradeOutcome::kReturned);
  ExpectSettled("GOOD 1", "(none)");
}

TEST_F(UpgradeTest, TheSameProgramAgainChangesNothing) {
  const auto outcome = Run("GOOD 1");
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(*outcome, UpgradeOutcome::kUpgraded);
  ExpectSettled("GOOD 1", "GOOD 0");
}

TEST_F(UpgradeTest, TheHashIsCheckedBeforeAnythingRuns) {
  bool ran = false;
  options_.check = [&ran](const std::string&) {
    ran = true;
    return absl::OkStatus();
  };
  options_.sha256 = identity::Sha256Hex("GOOD 2");
  EXPECT_EQ(ReasonOf(Run("GOOD 3").status()), "OTHER_PROGRAM");
  EXPECT_FALSE(ran);
  ExpectSettled("GOOD 1", "GOOD 0");
  ASSERT_TRUE(Run("GOOD 2").ok());
  EXPECT_TRUE(ran);
  ExpectSettled("GOOD 2", "GOOD 1");
}

TEST_F(UpgradeTest, AMarkThatSaysNothingChangesNothing) {
  Put("upgrade", "forward\n");
  EXPECT_EQ(ReasonOf(Run("GOOD 2").status()), "BAD_MARKER");
  EXPECT_EQ(Content("agent.exe"), "GOOD 1");
}

TEST_F(UpgradeTest, AFailureAtAnyPointLeavesARunningService) {
  for (const std::string& point : fault::AllPoints()) {
    if (!absl::StartsWith(point, "upgrade.")) continue;
    SCOPED_TRACE(point);
    ASSERT_TRUE(RemoveFile(scratch_.Path("upgrade")).ok());
    Put("agent.exe", "GOOD 1");
    Put("agent.exe.previous", "GOOD 0");
    setenv("MAILQUENCH_FAULT", absl::StrCat(point, "=error").c_str(), 1);
    (void)Run("GOOD 2");  // An error, or it has returned.
    unsetenv("MAILQUENCH_FAULT");
    const auto outcome = Run("GOOD 2");
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    EXPECT_EQ(Content("agent.exe"), services_.Running());
    EXPECT_TRUE(absl::StartsWith(services_.Running(), "GOOD")) << services_.Running();
    EXPECT_NE(services_.Running(), "GOOD 0") << "never the one before the old one";
    EXPECT_EQ(Content("upgrade"), "(none)");
  }
}

}  // namespace
}  // namespace mailquench::agent
