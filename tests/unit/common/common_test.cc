#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "agent/os/files.h"
#include "agent/os/lock.h"
#include "agent/os/process.h"
#include "common/operation/duration.h"
#include "common/operation/names.h"
#include "common/parallel/parallel.h"
#include "common/sqlite/database.h"
#include "common/status/error.h"

namespace mailquench {
namespace {

std::string PrivateFolder() {
  std::string name = "/tmp/mq-common-XXXXXX";
  return mkdtemp(name.data());
}

TEST(Duration, TakesWhatTheCommandLineAndPlaybooksTook) {
  // Of absl::ParseDuration(), which read playbooks.
  for (const char* text : {"0", "1.5h", ".5s", "5.s", "+2m", "1h30m", "1m1h", "-0s", "100us",
                           "10ns", "1.5m0.5s", "8760h"}) {
    absl::Duration expected;
    ASSERT_TRUE(absl::ParseDuration(text, &expected)) << text;
    const auto read = ParseDuration(text);
    ASSERT_TRUE(read.ok()) << text;
    EXPECT_EQ(*read, expected) << text;
  }
  // Of the command line.
  EXPECT_EQ(*ParseDuration("2d"), absl::Hours(48));
  EXPECT_EQ(*ParseDuration("1d12h5min"), absl::Hours(36) + absl::Minutes(5));
  EXPECT_EQ(*ParseDuration("1.5d"), absl::Hours(36));
  EXPECT_EQ(ToProtoDuration(*ParseDuration("1500ms")).nanos(), 500'000'000);
  for (const char* text : {"", "2", "soon", "s", "1x", "-1s", "inf", "1h 5m", "1..5s", "--1s", "-",
                           "1h-5m", "0d5", "999999999999999d", "5D", "5 m"}) {
    EXPECT_EQ(ReasonOf(ParseDuration(text).status()), "BAD_DURATION") << text;
  }
}

TEST(Status, KeepsReasonAndSentenceOverTheWire) {
  const absl::Status made = Error(absl::StatusCode::kAborted, "CHANGED_MEANWHILE",
                                  "main.cf was changed", {{"file", "main.cf"}});
  const absl::Status back = FromProto(ToProto(made));
  EXPECT_EQ(back, made);
  EXPECT_EQ(ReasonOf(back), "CHANGED_MEANWHILE");
  EXPECT_EQ(ReasonOf(Prepend(back, "restore")), "CHANGED_MEANWHILE");
  EXPECT_EQ(Prepend(back, "restore").message(), "restore: main.cf was changed");
  EXPECT_EQ(FromProto(ToProto(absl::OkStatus())), absl::OkStatus());
}

TEST(OperationNames, EveryOperationOfTheContractHasANameAndAClass) {
  for (const std::string& name : AllOperationNames()) {
    const auto made = MakeOperation(name, "{}");
    ASSERT_TRUE(made.ok()) << name;
    EXPECT_EQ(OperationName(*made), name);
    EXPECT_NE(ClassOf(*made), v1::OPERATION_CLASS_UNSPECIFIED) << name;
  }
  EXPECT_EQ(ClassOf(*MakeOperation("quarantine.discard", "")), v1::OPERATION_CLASS_IRREVERSIBLE);
}

TEST(OperationNames, SayWhatIsWrongWithAnUnknownOneOrABadArgument) {
  EXPECT_EQ(ReasonOf(MakeOperation("queue.purge", "").status()), "UNKNOWN_OPERATION");
  const auto bad = MakeOperation("relay.lock", R"({"mod": 1})");
  EXPECT_EQ(ReasonOf(bad.status()), "BAD_ARGUMENTS");
  EXPECT_THAT(std::string(bad.status().message()), testing::HasSubstr("mod"));
}

TEST(Database, RollsBackATransactionThatFailsAndKeepsOneThatDoesNot) {
  const std::string dir = PrivateFolder();
  auto db = *Database::Open(dir + "/a.db");
  ASSERT_TRUE(db->Script("CREATE TABLE t(a TEXT UNIQUE, b BLOB)").ok());
  const std::string bytes("\0x\xff", 3);
  EXPECT_TRUE(
      db->Transaction([&] {
          return db->Execute("INSERT INTO t VALUES(?,?)", {std::string("kept"), Blob{bytes}});
        }).ok());
  EXPECT_FALSE(db->Transaction([&]() -> absl::Status {
                   MQ_RETURN_IF_ERROR(db->Execute("INSERT INTO t VALUES('gone', '')"));
                   return db->Execute("INSERT INTO t VALUES('kept', '')");
                 }).ok());
  const auto rows = db->Query("SELECT a, b FROM t");
  ASSERT_EQ(rows->size(), 1u);
  EXPECT_EQ((*rows)[0].Text(1), bytes);
  std::filesystem::remove_all(dir);
}

TEST(Files, AreReplacedWholeWithOwnerAndModeKept) {
  const std::string dir = PrivateFolder(), path = dir + "/main.cf";
  std::ofstream(path) << "old";
  chmod(path.c_str(), 0640);
  ASSERT_TRUE(agent::WriteFileAtomically(path, "new").ok());
  EXPECT_EQ(*agent::ReadFile(path), "new");
  struct stat info {};
  stat(path.c_str(), &info);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
  EXPECT_FALSE(std::filesystem::exists(path + ".mailquench-tmp"));
  std::filesystem::remove_all(dir);
}

TEST(Files, ALinkIsNeitherFollowedNorReplaced) {
  const std::string dir = PrivateFolder();
  std::ofstream(dir + "/secret") << "secret";
  std::filesystem::create_symlink(dir + "/secret", dir + "/link");
  EXPECT_FALSE(agent::ReadFile(dir + "/link").ok());
  EXPECT_EQ(ReasonOf(agent::WriteFileAtomically(dir + "/link", "x")), "NOT_A_REGULAR_FILE");
  EXPECT_EQ(*agent::ReadFile(dir + "/secret"), "secret");
  std::filesystem::remove_all(dir);
}

TEST(Process, GivesOutputInputAndExitCode) {
  agent::ProcessOptions options;
  options.input = std::string(300000, 'a');
  const auto done = agent::RunProcess({"/bin/sh", "-c", "wc -c; echo no >&2; exit 3"}, options);
  ASSERT_TRUE(done.ok());
  EXPECT_EQ(done->exit_code, 3);
  EXPECT_EQ(done->out, "300000\n");
  EXPECT_EQ(done->err, "no\n");
}

TEST(Process, IsKilledWithItsChildrenAtTheTimeout) {
  const std::string dir = PrivateFolder();
  agent::ProcessOptions options;
  options.timeout = absl::Milliseconds(300);
  const auto done =
      agent::RunProcess({"/bin/sh", "-c", "(sleep 1; touch " + dir + "/late) & sleep 30"}, options);
  EXPECT_EQ(done.status().code(), absl::StatusCode::kDeadlineExceeded);
  absl::SleepFor(absl::Milliseconds(1200));
  EXPECT_FALSE(std::filesystem::exists(dir + "/late"));
  std::filesystem::remove_all(dir);
}

TEST(Process, AMissingProgramIsNotFound) {
  EXPECT_EQ(agent::RunProcess({"/nonexistent/program"}).status().code(),
            absl::StatusCode::kNotFound);
}

TEST(HostLock, IsHeldByOneAtATime) {
  const std::string dir = PrivateFolder();
  auto first = agent::FileLock::Acquire(dir + "/lock", absl::ZeroDuration());
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(ReasonOf(agent::FileLock::Acquire(dir + "/lock", absl::Milliseconds(30)).status()),
            "HOST_BUSY");
  first->reset();
  EXPECT_TRUE(agent::FileLock::Acquire(dir + "/lock", absl::ZeroDuration()).ok());
  std::filesystem::remove_all(dir);
}

TEST(RunTogether, RunsEachTaskOnceAndWaitsForAll) {
  std::vector<std::atomic<int>> runs(100);
  std::vector<std::function<void()>> tasks;
  for (std::atomic<int>& one : runs) tasks.emplace_back([&one] { ++one; });
  for (const int width : {0, 1, 8, 1000}) {
    RunTogether(tasks, width);
    RunTogether({}, width);
  }
  for (const std::atomic<int>& one : runs) EXPECT_EQ(one, 4);
}

TEST(RunTogether, TasksThatWaitForEachOtherRunAtTheSameTime) {
  std::promise<void> first, second;
  RunTogether({[&] {
                 first.set_value();
                 second.get_future().wait();
               },
               [&] {
                 first.get_future().wait();
                 second.set_value();
               }});
}

}  // namespace
}  // namespace mailquench
