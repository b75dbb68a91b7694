// A child that lives on: lines both ways, deadlines, and its end with all that it started.
#include "agent/os/child.h"

#include <gmock/gmock.h>

#include <cstdlib>

#include "absl/time/clock.h"
#include "agent/os/child_text.h"
#include "agent/os/lock.h"
#include "tests/unit/os/child_place.h"
#include "tests/unit/os/scratch.h"

namespace mailquench::agent {
namespace {

absl::Time Soon() {
  return absl::Now() + absl::Seconds(60);
}
absl::Time Shortly() {
  return absl::Now() + absl::Milliseconds(300);
}

std::unique_ptr<Child> Play(std::vector<std::string> words, const ChildOptions& options = {}) {
  words.insert(words.begin(), ChildPlay());
  auto child = Child::Start(words, options);
  EXPECT_TRUE(child.ok()) << child.status();
  return child.ok() ? *std::move(child) : nullptr;
}

// More than pipes hold.
std::string Much() {
  std::string much;
  much.resize(std::size_t{10} * 1024 * 1024, 'x');
  return much;
}

// Whether whoever held it is gone, within a time that only a failure takes.
bool IsFree(const std::string& lock) {
  return FileLock::Acquire(lock, absl::Seconds(30)).ok();
}

TEST(LineBuffer, LinesAreWholeAndBothLineEndsGo) {
  LineBuffer lines;
  EXPECT_FALSE(lines.Take().has_value());
  lines.Append("a\r");
  EXPECT_FALSE(lines.Take().has_value());
  lines.Append("\n\nb\nc");
  EXPECT_EQ(lines.Take(), "a");
  EXPECT_EQ(lines.Take(), "");
  EXPECT_EQ(lines.Take(), "b");
  EXPECT_FALSE(lines.Take().has_value());
  EXPECT_EQ(lines.size(), 1U);
}

TEST(Tail, KeepsTheEnd) {
  Tail tail;
  tail.Append(std::string(5000, 'a'));
  tail.Append("end");
  EXPECT_EQ(tail.text().size(), 4096U);
  EXPECT_THAT(tail.text(), ::testing::EndsWith("aend"));
}

TEST(Child, LinesGoAndComeUntilItsInputEnds) {
  const auto child = Play({"echo"});
  ASSERT_NE(child, nullptr);
  EXPECT_GT(child->pid(), 0);
  for (int i = 0; i < 100; ++i) {
    const std::string line = "line " + std::to_string(i) + " \xc3\xa4";
    ASSERT_TRUE(child->Write(line + "\n", Soon()).ok());
    const auto back = child->ReadLine(100, Soon());
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, line);
  }
  EXPECT_FALSE(child->exit_code().has_value());
  child->CloseInput();
  EXPECT_TRUE(child->AwaitEnd(Soon()));
  EXPECT_EQ(child->exit_code(), 5);
  EXPECT_EQ(child->ReadLine(100, Soon()).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(child->Write("x\n", Soon()).ok());
}

TEST(Child, ALineLongerThanThePipesPasses) {
  const auto child = Play({"echo"});
  ASSERT_NE(child, nullptr);
  // It is echoed when it is whole, so that nobody waits for the other.
  const std::string line(1000000, 'x');
  ASSERT_TRUE(child->Write(line + "\n", Soon()).ok());
  const auto back = child->ReadLine(2000000, Soon());
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_TRUE(*back == line);
}

TEST(Child, OneThatSaysNothingIsNotWaitedForForEver) {
  const auto child = Play({"echo"});
  ASSERT_NE(child, nullptr);
  EXPECT_EQ(child->ReadLine(100, Shortly()).status().code(), absl::StatusCode::kDeadlineExceeded);
  ASSERT_TRUE(child->Write("still there\n", Soon()).ok());
  const auto line = child->ReadLine(100, Soon());
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(*line, "still there");
}

TEST(Child, OneThatDoesNotReadIsNotWaitedForForEver) {
  const auto child = Play({"deaf"});
  ASSERT_NE(child, nullptr);
  EXPECT_EQ(child->Write(Much(), Shortly()).code(), absl::StatusCode::kDeadlineExceeded);
  child->Kill();
}

TEST(Child, OneThatEndsWhileItIsWrittenToIsToldSo) {
  const auto child = Play({"quits"});
  ASSERT_NE(child, nullptr);
  ASSERT_TRUE(child->ReadLine(100, Soon()).ok());
  EXPECT_EQ(child->Write(Much(), Soon()).code(), absl::StatusCode::kUnavailable);
}

TEST(Child, ALineWithoutAnEndIsCutOff) {
  const auto child = Play({"long-line"});
  ASSERT_NE(child, nullptr);
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(child->ReadLine(1000000, Soon()).status().code(),
              absl::StatusCode::kResourceExhausted);
}

TEST(Child, ItsErrorsAreReadAlongAndTheirEndIsKept) {
  const auto child = Play({"errors"});
  ASSERT_NE(child, nullptr);
  const auto line = child->ReadLine(100, Soon());
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(*line, "done");
  EXPECT_THAT(child->ErrorTail(), ::testing::HasSubstr("the last one"));
  EXPECT_LE(child->ErrorTail().size(), 4096U);
}

TEST(Child, AllThatItStartedEndsWithIt) {
  for (const bool by_destructor : {false, true}) {
    const Scratch scratch;
    auto child = Play({"tree", scratch.Path("lock")});
    ASSERT_NE(child, nullptr);
    const auto held = child->ReadLine(100, Soon());
    ASSERT_TRUE(held.ok()) << held.status();
    ASSERT_EQ(*held, "held");
    ASSERT_FALSE(FileLock::Acquire(scratch.Path("lock"), absl::ZeroDuration()).ok());
    if (by_destructor)
      child.reset();
    else
      child->Kill();
    EXPECT_TRUE(IsFree(scratch.Path("lock")));
    if (child != nullptr) child->Kill();  // Again: nothing.
  }
}

TEST(Child, WhatItLeavesBehindDoesNotKeepItsOutputOpen) {
  const Scratch scratch;
  const auto child = Play({"orphan", scratch.Path("lock")});
  ASSERT_NE(child, nullptr);
  ASSERT_TRUE(child->ReadLine(100, Soon()).ok());
  ASSERT_TRUE(child->Write("go\n", Soon()).ok());
  EXPECT_EQ(child->ReadLine(100, Soon()).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(child->exit_code(), 3);
  EXPECT_TRUE(IsFree(scratch.Path("lock")));
}

// As by kill -9: nothing of ours gets its turn.
TEST(Child, ItEndsWithWhoStartedIt) {
  const Scratch scratch;
  const auto parent = Play({"parent", scratch.Path("lock")});
  ASSERT_NE(parent, nullptr);
  ASSERT_EQ(parent->ReadLine(100, Soon()).value_or("?"), "held");
  parent->Kill();
  EXPECT_TRUE(IsFree(scratch.Path("lock")));
}

TEST(Child, TheEnvironmentIsAddedTo) {
  SetOurs("ours");
  ChildOptions options;
  options.environment = {"MQ_GIVEN=given"};
  const auto child = Play({"environment"}, options);
  ASSERT_NE(child, nullptr);
  EXPECT_EQ(child->ReadLine(100, Soon()).value_or("?"), "given");
  EXPECT_EQ(child->ReadLine(100, Soon()).value_or("?"), kInheritsEnvironment ? "ours" : "-");
}

TEST(Child, WhatIsNotThereIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(Child::Start({"no-such-program"}).status()));
  EXPECT_FALSE(Child::Start({}).ok());
}

}  // namespace
}  // namespace mailquench::agent
