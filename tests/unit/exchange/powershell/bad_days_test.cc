// A PowerShell that hangs, dies, babbles: what the caller is told, and that nothing of it is left.
#include <gmock/gmock.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/os/interruptible.h"
#include "common/status/error.h"
#include "tests/unit/exchange/powershell/shell_world.h"

namespace mailquench::agent::exchange {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class BadDays : public ::testing::Test {
 protected:
  absl::StatusOr<Answer> Ask(Shell& shell, absl::Time deadline = Soon()) {
    return shell.Run(Remote(Make("Get-Queue"), {"Identity"}), deadline);
  }
  // Of one call to a new shell.
  absl::Status Once(const std::string& mode, absl::Time deadline = Soon()) {
    const auto shell = MakeSession(FakeOptions(folder_, mode));
    const auto answer = Ask(*shell, deadline);
    if (answer.ok()) words_ = answer->rows.empty() ? "" : answer->rows[0].at("Identity").text();
    if (answer.ok()) noise_ = answer->noise;
    return answer.status();
  }
  int Count(const std::string& thing) const {
    const std::vector<std::string> log = FakeLog(folder_);
    return static_cast<int>(std::count(log.begin(), log.end(), thing));
  }
  void ExpectNothingLeft() {
    const std::vector<int> pids = FakePids(folder_);
    EXPECT_FALSE(pids.empty());
    for (const int pid : pids) EXPECT_TRUE(IsGone(pid)) << pid;
  }
  Folder folder_;
  std::string words_, noise_;
};

TEST_F(BadDays, AGoodOneAnswersAndEndsCleanly) {
  EXPECT_TRUE(Once("good").ok());
  EXPECT_EQ(words_, "answer");
  EXPECT_THAT(FakeLog(folder_), ElementsAre("start", "call:Get-Queue", "clean"));
  ExpectNothingLeft();
}

TEST_F(BadDays, OneThatHangsIsKilledWithAllThatItStarted) {
  const auto shell = MakeSession(FakeOptions(folder_, "hang"));
  ASSERT_TRUE(shell->Facts(Soon()).ok());  // So that the little time is not spent on the start.
  const absl::Status status = Ask(*shell, absl::Now() + absl::Seconds(1)).status();
  EXPECT_EQ(ReasonOf(status), "SHELL_TIMED_OUT") << status;
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(FakePids(folder_).size(), 4U);  // Start, call, the child's line and the child.
  ExpectNothingLeft();
}

TEST_F(BadDays, OneThatDiesIsToldWithItsLastWords) {
  const absl::Status status = Once("die");
  EXPECT_EQ(ReasonOf(status), "SHELL_ENDED");
  EXPECT_THAT(status.message(), HasSubstr("the last words"));
  EXPECT_THAT(status.message(), HasSubstr("with 7"));
}

TEST_F(BadDays, TheNextCallStartsANewOne) {
  const auto shell = MakeSession(FakeOptions(folder_, "die-after-first"));
  EXPECT_TRUE(Ask(*shell).ok());
  EXPECT_EQ(ReasonOf(Ask(*shell).status()), "SHELL_ENDED");
  EXPECT_TRUE(Ask(*shell).ok());
  EXPECT_EQ(Count("start"), 2);
}

TEST_F(BadDays, ALostSessionIsLeftAndTheNextCallHasANewOne) {
  const auto shell = MakeSession(FakeOptions(folder_, "lost-once"));
  EXPECT_EQ(ReasonOf(Ask(*shell).status()), "SESSION_LOST");
  EXPECT_TRUE(Ask(*shell).ok());
  EXPECT_EQ(Count("start"), 2);
}

TEST_F(BadDays, OneWithoutAnEndpointSaysThatNothingWasSent) {
  const absl::Status status = Once("not-opened");
  EXPECT_EQ(ReasonOf(status), "NO_SHELL");
  EXPECT_THAT(status.message(), HasSubstr("no endpoint"));
}

TEST_F(BadDays, OutputWithoutAnEndIsCutOff) {
  for (const std::string mode : {"endless-line", "endless-lines"}) {
    SessionOptions options = FakeOptions(folder_, mode);
    options.max_answer = std::size_t{256} * 1024;
    options.max_noise = std::size_t{256} * 1024;
    const auto shell = MakeSession(options);
    EXPECT_EQ(ReasonOf(Ask(*shell).status()), "SHELL_SPOKE_RUBBISH") << mode;
  }
  ExpectNothingLeft();
}

TEST_F(BadDays, ErrorsWithoutAnEndBlockNobodyAndTheLastOnesAreKept) {
  const absl::Status status = Once("endless-errors");
  EXPECT_EQ(ReasonOf(status), "SHELL_ENDED");
  EXPECT_THAT(status.message(), HasSubstr("the end"));
  EXPECT_LT(status.message().size(), 2000U);
}

TEST_F(BadDays, WhatIsMarkedAndNoAnswerIsRubbish) {
  for (const std::string mode : {"broken-json", "wrong-row", "wrong-type", "newer-id", "not-utf8"})
    EXPECT_EQ(ReasonOf(Once(mode)), "SHELL_SPOKE_RUBBISH") << mode;
  ExpectNothingLeft();
}

TEST_F(BadDays, WhatOnlyLooksLikeAnAnswerIsPassedOver) {
  EXPECT_TRUE(Once("older-id").ok());
  EXPECT_EQ(words_, "answer");
  EXPECT_TRUE(Once("almost").ok());
  EXPECT_EQ(words_, "answer");
  EXPECT_THAT(noise_, HasSubstr("forged"));
}

TEST_F(BadDays, OneThatIgnoresItsInputDoesNotBlock) {
  const auto shell = MakeSession(FakeOptions(folder_, "deaf"));
  ASSERT_TRUE(shell->Facts(Soon()).ok());
  const Cmdlet long_one = Make("Get-Queue", {{"Filter", std::string(1000000, 'x')}});
  const auto answer = shell->Run(Remote(long_one), absl::Now() + absl::Seconds(1));
  EXPECT_EQ(ReasonOf(answer.status()), "SHELL_TIMED_OUT");
  EXPECT_LT(answer.status().message().size(), 2000U);
  ExpectNothingLeft();
}

TEST_F(BadDays, AStartThatFailsSaysThatNothingWasSent) {
  absl::Status status = Once("dies-at-start");
  EXPECT_EQ(ReasonOf(status), "NO_SHELL");
  EXPECT_THAT(status.message(), HasSubstr("no room"));
  EXPECT_THAT(status.message(), HasSubstr("nothing was sent"));
  SessionOptions options = FakeOptions(folder_, "mute");
  options.start_timeout = absl::Seconds(1);
  EXPECT_EQ(ReasonOf(Ask(*MakeSession(options)).status()), "NO_SHELL");
  ExpectNothingLeft();
  options.program = {"/nowhere/powershell"};
  EXPECT_EQ(ReasonOf(Ask(*MakeSession(options)).status()), "NO_SHELL");
}

TEST_F(BadDays, RestrictionsAreToldBeforeAnythingIsSent) {
  for (const std::string mode : {"constrained", "all-signed"}) {
    const absl::Status status = Once(mode);
    EXPECT_EQ(ReasonOf(status), "SHELL_RESTRICTED") << mode;
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_EQ(Count("start"), 2);
  EXPECT_EQ(Count("call:Get-Queue"), 0);
}

TEST_F(BadDays, ABrokenOneIsNotStartedOverAndOver) {
  SessionOptions options = FakeOptions(folder_, "dies-at-start");
  options.retry_after = absl::Hours(1);
  const auto shell = MakeSession(options);
  for (int i = 0; i < 20; ++i) {
    const absl::Status status = Ask(*shell, absl::Now() + absl::Seconds(20)).status();
    EXPECT_EQ(ReasonOf(status), "NO_SHELL");
    EXPECT_THAT(status.message(), HasSubstr("no room"));
  }
  EXPECT_EQ(Count("start"), 2);
}

TEST_F(BadDays, AfterTwoThatHungTheNextCallDoesNotWaitAsLongAgain) {
  const auto shell = MakeSession(FakeOptions(folder_, "hang"));
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(ReasonOf(Ask(*shell, absl::Now() + absl::Seconds(4)).status()), "SHELL_TIMED_OUT");
  EXPECT_EQ(ReasonOf(Ask(*shell, absl::Now() + absl::Seconds(60)).status()), "NO_SHELL");
  EXPECT_EQ(Count("call:Get-Queue"), 2);
}

TEST_F(BadDays, ItIsRenewedByCount) {
  SessionOptions options = FakeOptions(folder_, "good");
  options.max_calls = 2;
  const auto shell = MakeSession(options);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(Ask(*shell).ok());
  EXPECT_EQ(Count("start"), 3);
  EXPECT_EQ(Count("clean"), 2);
}

TEST_F(BadDays, ItIsRenewedByAgeBetweenCalls) {
  SessionOptions options = FakeOptions(folder_, "good");
  options.max_age = absl::ZeroDuration();
  const auto shell = MakeSession(options);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Ask(*shell).ok());
  EXPECT_THAT(FakeLog(folder_), ElementsAre("start", "call:Get-Queue", "clean", "start",
                                            "call:Get-Queue", "clean", "start", "call:Get-Queue"));
}

TEST_F(BadDays, OneThatDoesNotEndIsKilled) {
  SessionOptions options = FakeOptions(folder_, "slow-end");
  options.end_timeout = absl::Milliseconds(100);
  { EXPECT_TRUE(Ask(*MakeSession(options)).ok()); }
  ExpectNothingLeft();
}

TEST_F(BadDays, OneKilledBetweenCallsIsReplaced) {
  const auto shell = MakeSession(FakeOptions(folder_, "good"));
  EXPECT_TRUE(Ask(*shell).ok());
  ASSERT_EQ(::kill(FakePids(folder_).front(), SIGKILL), 0);
  ASSERT_TRUE(IsGone(FakePids(folder_).front()));
  EXPECT_TRUE(Ask(*shell).ok());
  EXPECT_EQ(Count("start"), 2);
}

TEST_F(BadDays, CallsOfManyThreadsComeOneByOne) {
  const auto shell = MakeSession(FakeOptions(folder_, "good"));
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      for (int j = 0; j < 5; ++j) good += Ask(*shell).ok() ? 1 : 0;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 40);
  EXPECT_EQ(Count("start"), 1);
}

TEST_F(BadDays, WhoWaitsForHisTurnDoesNotWaitForEver) {
  const auto shell = MakeSession(FakeOptions(folder_, "hang"));
  ASSERT_TRUE(shell->Facts(Soon()).ok());
  std::thread other([&] {
    EXPECT_EQ(ReasonOf(Ask(*shell, absl::Now() + absl::Seconds(5)).status()), "SHELL_TIMED_OUT");
  });
  while (Count("call:Get-Queue") == 0) absl::SleepFor(absl::Milliseconds(5));
  EXPECT_EQ(ReasonOf(Ask(*shell, absl::Now() + absl::Milliseconds(50)).status()), "NO_SHELL");
  other.join();
  EXPECT_EQ(Count("call:Get-Queue"), 1);
}

TEST_F(BadDays, AQuestionEndsWithWhoAskedIt) {
  const auto shell = MakeSession(FakeOptions(folder_, "hang"));
  ASSERT_TRUE(shell->Facts(Soon()).ok());
  const absl::Time never = absl::Now() + absl::Hours(1);
  std::atomic<bool> over = false;
  std::thread asks([&] {
    const Interruptible question(over);
    EXPECT_EQ(ReasonOf(Ask(*shell, never).status()), "SHELL_ENDED");
  });
  while (Count("call:Get-Queue") == 0) absl::SleepFor(absl::Milliseconds(5));
  std::thread waits([&] {
    const Interruptible question(over);
    const std::string reason = ReasonOf(Ask(*shell, never).status());
    // Where the first ends first, this one has its turn, and goes no further than its start.
    EXPECT_TRUE(reason == "NO_SHELL" || reason == "SHELL_ENDED") << reason;
  });
  over = true;
  asks.join();
  waits.join();
  ExpectNothingLeft();
}

TEST_F(BadDays, AChangeOfWhoEndsIsWaitedFor) {
  const auto shell = MakeSession(FakeOptions(folder_, "good"));
  const std::atomic<bool> over = true;
  const Interruptible question(over);
  {
    const Interruptible::Not whole;
    EXPECT_TRUE(Ask(*shell).ok());
  }
  EXPECT_FALSE(Ask(*shell).ok());
}

TEST_F(BadDays, ABadCommandStartsNothing) {
  const auto shell = MakeSession(FakeOptions(folder_, "good"));
  EXPECT_EQ(ReasonOf(shell->Run(Remote(Make("calc.exe")), Soon()).status()), "BAD_COMMAND");
  EXPECT_TRUE(FakeLog(folder_).empty());
}

}  // namespace
}  // namespace mailquench::agent::exchange
