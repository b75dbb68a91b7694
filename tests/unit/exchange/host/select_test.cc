// Messages chosen out of the queues of a shell that is a test's own, and their bad days.
#include <set>

#include "absl/strings/escaping.h"
#include "agent/mail/exchange/queue_ops.h"
#include "agent/mail/exchange/set_aside.h"
#include "agent/quarantine/manifest.h"
#include "tests/unit/exchange/host/fakes.h"
#include "tests/unit/exchange/host/full_disk.h"

namespace mailquench::agent::exchange {
namespace {
namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

struct Queued {
  std::string status = "Ready", sender = "spam@evil.test", recipient = "x@elsewhere.test",
              content = "Subject: x\r\n\r\nx\r\n";
  std::int64_t bytes = 100;
};

class SelectTest : public ::testing::Test {
 protected:
  SelectTest() {
    paths.queue = paths.logs = folder.path + "/data/Queue";
    fs::create_directories(paths.queue);
    options.server = "EX1";
    shell.on_call = [this](const Pipeline& pipeline) { return Answered(pipeline.cmdlets.at(0)); };
    for (int i = 1; i <= 3; ++i) queue[i] = Queued();
  }

  absl::StatusOr<Answer> Answered(const Cmdlet& cmdlet) {
    Answer answer;
    const std::string identity = FakeShell::ValueOf(cmdlet, "Identity");
    const int number = identity.empty() ? 0 : std::stoi(identity.substr(identity.rfind('\\') + 1));
    if (cmdlet.name == "Get-Message") {
      if (blind) return Failed("NO_SHELL");
      for (const auto& [at, one] : queue) {
        if (number == 0 || number == at) answer.rows.push_back(RowOf(at, one));
      }
      return answer;
    }
    acts.push_back(absl::StrCat(cmdlet.name, " ", number));
    if (before) {
      const absl::Status refused = before(cmdlet.name, number);
      if (!refused.ok()) return refused;
    }
    const auto found = queue.find(number);
    if (found == queue.end())
      return Error(absl::StatusCode::kNotFound, "OBJECT_NOT_FOUND", "no such message");
    if (cmdlet.name == "Suspend-Message") found->second.status = "Suspended";
    if (cmdlet.name == "Resume-Message") found->second.status = "Ready";
    if (cmdlet.name == "Remove-Message") queue.erase(found);
    if (cmdlet.name == "Export-Message")
      answer.rows.push_back({{"FileData", Text(absl::Base64Escape(found->second.content))}});
    return answer;
  }
  static Row RowOf(int number, const Queued& one) {
    return {{"Identity", Text(absl::StrCat("EX1\\3\\", number))},
            {"FromAddress", Text(one.sender)},
            {"Subject", Text("x")},
            {"InternetMessageId", Text(absl::StrCat("<", number, "@evil.test>"))},
            {"Status", Text(one.status)},
            {"Size", Text(absl::StrCat("1 KB (", one.bytes, " bytes)"))},
            {"DateReceived", Text("2026-11-26T01:00:00Z")},
            {"SourceIP", Text("198.51.100.1")},
            {"Recipients", List({one.recipient + ";2;2;"})}};
  }

  absl::StatusOr<Taken> Take() {
    v1::QueueQuarantine request;
    request.mutable_filter();
    return TakeMatching(shell, paths, request, options, ContextOf("c1"));
  }
  std::vector<std::string> Files() { return TestFolder::Names(Home() + "/Messages"); }
  std::string Home() const { return HomeOf(paths.queue, QuarantineId("c1", "EX1")); }
  static absl::Status Failed(const char* reason) {
    return Error(absl::StatusCode::kAborted, reason, "it failed");
  }

  TestFolder folder;
  TransportPaths paths;
  QueueOptions options;
  FakeShell shell{folder.path + "/components"};
  std::map<int, Queued> queue;
  std::vector<std::string> acts;
  bool blind = false;  // Nobody can look any more.
  std::function<absl::Status(const std::string& cmdlet, int number)> before;
};

TEST_F(SelectTest, WhatCannotComeBackIsNotTouched) {
  queue[2].recipient = "/O=Contoso/CN=anna";
  queue[3].sender = "postmaster";
  const auto preview = PreviewMatching(shell, {}, 10, options, ContextOf("p"));
  ASSERT_TRUE(preview.ok()) << preview.status();
  EXPECT_EQ(3, preview->matching());
  EXPECT_THAT(preview->notice(), HasSubstr("2 matching messages stay in their queues"));
  EXPECT_THAT(acts, IsEmpty());
  const auto taken = Take();
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(1, taken->info.messages());
  EXPECT_EQ(2U, queue.size());
  EXPECT_THAT(taken->notice, AllOf(HasSubstr("2 matching messages stay in their queues"),
                                   HasSubstr("EX1\\3\\2"), HasSubstr("EX1\\3\\3")));
  EXPECT_THAT(acts, ElementsAre("Suspend-Message 1", "Export-Message 1", "Remove-Message 1"));
  EXPECT_THAT(Files(), ElementsAre("1.eml"));
}

TEST_F(SelectTest, OneThatCannotBeExportedIsSkipped) {
  queue[1].content = "no message";
  queue[2].bytes = std::int64_t{1} << 30;
  for (int i = 4; i <= 8; ++i) queue[i] = Queued();
  before = [](const std::string& cmdlet, int number) {
    return cmdlet == "Export-Message" && number >= 5 ? Failed("CMDLET_FAILED") : absl::OkStatus();
  };
  const auto taken = Take();
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(2, taken->info.messages());
  EXPECT_THAT(Files(), ElementsAre("3.eml", "4.eml"));
  EXPECT_THAT(taken->notice,
              AllOf(HasSubstr("6 matching messages stay in their queues"), HasSubstr("EX1\\3\\1"),
                    HasSubstr("EX1\\3\\2"), HasSubstr("EX1\\3\\5"), Not(HasSubstr("EX1\\3\\6"))));
  EXPECT_EQ(6U, queue.size());
  for (const auto& [number, one] : queue) EXPECT_EQ("Ready", one.status) << number;
}

TEST_F(SelectTest, WhereNoneCouldBeTakenThatIsAnError) {
  before = [](const std::string& cmdlet, int) {
    return cmdlet == "Export-Message" ? Failed("CMDLET_FAILED") : absl::OkStatus();
  };
  EXPECT_EQ("NOTHING_TAKEN", ReasonOf(Take().status()));
  EXPECT_EQ(3U, queue.size());
  before = nullptr;
  const auto again = Take();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(3, again->info.messages());
}

TEST_F(SelectTest, AShellThatSpeaksRubbishEachTimeEndsIt) {
  for (int i = 4; i <= 9; ++i) queue[i] = Queued();
  std::set<int> bad = {2, 3};
  before = [&](const std::string& cmdlet, int number) {
    return cmdlet == "Export-Message" && bad.count(number) > 0 ? Failed("SHELL_SPOKE_RUBBISH")
                                                               : absl::OkStatus();
  };
  bad = {2, 3, 4};
  EXPECT_EQ("SHELL_SPOKE_RUBBISH", ReasonOf(Take().status()));
  EXPECT_EQ(8U, queue.size()) << "what comes after them is as it was";
  bad = {2, 3};
  const auto again = Take();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(7, again->info.messages());
  EXPECT_EQ(2U, queue.size());
}

TEST_F(SelectTest, OneThatIsGoneBeforeItsRemovalMayHaveBeenDelivered) {
  before = [this](const std::string& cmdlet, int number) {
    if (cmdlet == "Remove-Message" && number == 2) queue.erase(2);
    return absl::OkStatus();
  };
  for (const char* time : {"first", "repeat"}) {
    const auto taken = Take();
    ASSERT_TRUE(taken.ok()) << time << taken.status();
    EXPECT_EQ(2, taken->info.messages()) << time;
    if (std::string(time) == "first") {
      EXPECT_THAT(taken->notice, HasSubstr("1 messages may have been delivered"));
    }
    EXPECT_THAT(Files(), ElementsAre("1.eml", "2.eml", "2.eml.unsure", "3.eml")) << time;
  }
  EXPECT_EQ(3, ReadManifest(Home())->messages) << "so many are in it";
  const auto open = OpenById(QuarantineRoots(paths), QuarantineId("c1", "EX1"), options.disk);
  ASSERT_TRUE(open.ok());
  std::vector<std::string> unsure;
  ASSERT_TRUE(EachSetAside(*open, ContextOf("e"), [&](const SetAside& one) {
                if (one.unsure) unsure.push_back(one.name);
                return absl::OkStatus();
              }).ok());
  EXPECT_THAT(unsure, ElementsAre("2"));
}

TEST_F(SelectTest, ARemovalThatMayStillHappenKeepsTheFile) {
  before = [](const std::string& cmdlet, int) {
    return cmdlet == "Remove-Message" ? Failed("SHELL_TIMED_OUT") : absl::OkStatus();
  };
  EXPECT_EQ("SHELL_TIMED_OUT", ReasonOf(Take().status()));
  EXPECT_THAT(Files(), ElementsAre("1.eml.part"));
  EXPECT_EQ("Ready", queue[1].status);
  queue.erase(1);  // It has happened.
  before = nullptr;
  const auto taken = Take();
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(2, taken->info.messages());
  EXPECT_THAT(Files(), ElementsAre("1.eml", "1.eml.unsure", "2.eml", "3.eml"));
}

TEST_F(SelectTest, ARemovalThatNobodyCanLookAfterIsMarked) {
  before = [this](const std::string& cmdlet, int) {
    if (cmdlet != "Remove-Message") return absl::OkStatus();
    blind = true;
    return Failed("SHELL_TIMED_OUT");
  };
  const absl::Status ended = Take().status();
  EXPECT_EQ("SHELL_TIMED_OUT", ReasonOf(ended));
  EXPECT_THAT(ended.message(), ::testing::HasSubstr("EX1"));
  EXPECT_THAT(Files(), ElementsAre("1.eml", "1.eml.unsure"));
  EXPECT_EQ("Suspended", queue.at(1).status);
  blind = false;
  before = nullptr;
  const auto taken = Take();  // It was there still.
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(3, taken->info.messages());
  EXPECT_THAT(Files(), ElementsAre("1.eml", "2.eml", "3.eml"));
  EXPECT_TRUE(queue.empty());
}

TEST_F(SelectTest, ARemovalThatIsRefusedLeavesTheMessageInItsQueueAlone) {
  before = [](const std::string& cmdlet, int number) {
    return cmdlet == "Remove-Message" && number == 2 ? Failed("CMDLET_FAILED") : absl::OkStatus();
  };
  const auto taken = Take();
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(2, taken->info.messages());
  EXPECT_THAT(Files(), ElementsAre("1.eml", "3.eml"));
  EXPECT_EQ("Ready", queue.at(2).status);
}

TEST_F(SelectTest, OneThatIsGoneAfterACrashIsOursOnlyIfWeHadAsked) {
  const auto crash_at = [](const char* point) {
    setenv("MAILQUENCH_FAULT", absl::StrCat(point, "=error").c_str(), 1);
  };
  crash_at("exchange.select.kept");
  EXPECT_FALSE(Take().ok());
  unsetenv("MAILQUENCH_FAULT");
  EXPECT_THAT(Files(), ElementsAre("1.eml.part"));
  queue.erase(1);  // Somebody resumed it, and it left; or removed it.
  crash_at("exchange.select.removed");
  EXPECT_FALSE(Take().ok());
  unsetenv("MAILQUENCH_FAULT");
  EXPECT_THAT(Files(), ElementsAre("1.eml", "1.eml.unsure", "2.eml"));
  const auto taken = Take();
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(2, taken->info.messages());
  EXPECT_THAT(Files(), ElementsAre("1.eml", "1.eml.unsure", "2.eml", "3.eml"));
}

TEST_F(SelectTest, WhatWasResumedSinceACrashIsHeldStillAgain) {
  before = [](const std::string&, int) { return Failed("NO_SHELL"); };
  EXPECT_FALSE(Take().ok());
  before = nullptr;
  TestFolder::Put(Home() + "/Messages/1.eml.part", queue[1].content);  // As of a crash behind it.
  acts.clear();
  ASSERT_TRUE(Take().ok());
  ASSERT_GE(acts.size(), 2U);
  EXPECT_EQ("Suspend-Message 1", acts[0]);
  EXPECT_EQ("Remove-Message 1", acts[1]);
}

TEST_F(SelectTest, OnAFullDiskEachIsInItsQueueOrInAFile) {
  queue[2].content += std::string(200000, 'x');
  {
    const FullDisk full(100000);
    const auto failed = Take();
    EXPECT_FALSE(failed.ok());
    EXPECT_THAT(std::string(failed.status().message()), HasSubstr("1 of 3 messages are set aside"));
  }
  EXPECT_THAT(Files(), ElementsAre("1.eml"));
  EXPECT_EQ(2U, queue.size());
  for (const auto& [number, one] : queue) EXPECT_EQ("Ready", one.status) << number;
  const auto again = Take();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(3, again->info.messages());
  EXPECT_THAT(queue, IsEmpty());
}

}  // namespace
}  // namespace mailquench::agent::exchange
