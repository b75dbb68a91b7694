#include "agent/mail/postfix/queue_ops.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "common/fault/fault_point.h"
#include "common/status/error.h"
#include "tests/unit/quarantine/queue_writer.h"

namespace mailquench::agent::postfix {
namespace {
namespace fs = std::filesystem;

// A private queue and a postsuper that holds messages as the real one does. Owned by root itself,
// as the tests' user.
class Queue : public ::testing::Test {
 protected:
  Queue() {
    // In memory where that is to be had: the crash test syncs thousands of times.
    char memory[] = "/dev/shm/mq-queue-XXXXXX";
    char disk[] = "/tmp/mq-queue-XXXXXX";
    const char* made = mkdtemp(memory);
    root_ = made != nullptr ? made : mkdtemp(disk);
    instance_.name = "-";
    instance_.queue_directory = root_;
    instance_.config_directory = root_;
    instance_.command_directory = root_ + "/bin";
    instance_.mail_owner = getuid();
    instance_.mail_group = getgid();
    instance_.setgid_group = getgid();
    for (const char* d : {"incoming", "active", "deferred/A", "deferred/B", "defer/B", "bounce",
                          "hold", "maildrop", "corrupt", "trace", "bin"})
      fs::create_directories(root_ + "/" + d);
    std::ofstream(root_ + "/bin/postsuper")
        << "#!/bin/sh\ncd " << root_
        << "\nwhile read id; do mv incoming/$id active/$id deferred/?/$id hold/ "
        << "2>/dev/null; done; exit 0\n";
    std::ofstream(root_ + "/bin/postkick") << "#!/bin/sh\necho $4 $5 >> " << root_ << "/poked\n";
    chmod((root_ + "/bin/postsuper").c_str(), 0755);
    chmod((root_ + "/bin/postkick").c_str(), 0755);
    for (const char* file : {"/main.cf", "/master.cf"}) {
      std::ofstream(root_ + file) << "# Defaults.\n";
      // Postfix would wait for a file that may still be written.
      fs::last_write_time(root_ + file, fs::file_time_type::clock::now() - std::chrono::minutes(1));
    }
    Add("incoming/A1", "spam@x.test");
    Add("active/A2", "good@x.test");
    Add("deferred/A/A3", "spam@x.test");
    Add("deferred/B/B4", "good@x.test");
    Add("hold/A5", "spam@x.test");
    Add("maildrop/A6", "spam@x.test");
    Add("incoming/A7", "spam@x.test", 0600);  // Still being written.
    std::ofstream(root_ + "/defer/B/B4") << "log";
    context_.command_id = "c1";
  }
  ~Queue() override { fs::remove_all(root_); }

  void Add(const std::string& path, const std::string& sender, mode_t mode = 0700) {
    std::ofstream(root_ + "/" + path) << QueueFile(sender, {"r@y.test"}, Rec('N', "Subject: s"));
    chmod((root_ + "/" + path).c_str(), mode);
  }
  bool Has(const std::string& path) const { return fs::exists(root_ + "/" + path); }
  // How often each message exists, wherever it is.
  std::map<std::string, int> Everywhere() const {
    std::map<std::string, int> found;
    for (const auto& entry : fs::recursive_directory_iterator(root_)) {
      const std::string name = entry.path().filename();
      const std::string above = entry.path().parent_path();
      if (entry.is_regular_file() && name.size() == 2 && above.find("/defer/") == std::string::npos)
        ++found[name];
    }
    return found;
  }
  // Runs `act` in a child that is killed at the fault point. False: the point was not reached.
  template <typename Act>
  bool KilledAt(const std::string& point, int nth, Act act) {
    const pid_t child = fork();
    if (child == 0) {
      setenv("MAILQUENCH_FAULT", (point + "@" + std::to_string(nth) + "=kill").c_str(), 1);
      if (!act().ok()) _exit(1);
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  }
  // Runs `act` in a child in which the fault point fails. True: it ended well all the same.
  template <typename Act>
  bool ErrorAt(const std::string& point, Act act) {
    const pid_t child = fork();
    if (child == 0) {
      setenv("MAILQUENCH_FAULT", (point + "=error").c_str(), 1);
      _exit(act().ok() ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  absl::StatusOr<v1::QuarantineInfo> Swap() { return SwapQueue(instance_, {}, context_, &took_); }
  absl::StatusOr<v1::QuarantineInfo> Select(bool running) {
    v1::QueueQuarantine request;
    request.mutable_filter()->add_senders("spam@x.test");
    return MoveMatching(instance_, request, running, context_);
  }
  absl::StatusOr<v1::QuarantineReleaseResult> ReleaseAs(const std::string& command,
                                                        const std::string& id,
                                                        const std::string& sender = "") {
    v1::QuarantineRelease request;
    request.set_quarantine_id(id);
    if (!sender.empty()) request.mutable_filter()->add_senders(sender);
    CallContext context;
    context.command_id = command;
    return Release(instance_, request, context);
  }

  const std::map<std::string, int> all_ = {{"A1", 1}, {"A2", 1}, {"A3", 1}, {"A5", 1},
                                           {"A6", 1}, {"A7", 1}, {"B4", 1}};
  std::string root_;
  Instance instance_;
  CallContext context_;
  absl::Duration took_;
};

TEST_F(Queue, SurveyCountsEachQueueAndNamesTheSender) {
  const auto survey = SurveyQueue(instance_, context_);
  ASSERT_TRUE(survey.ok()) << survey.status();
  EXPECT_EQ(survey->messages(), 7);
  EXPECT_EQ(*CountQueue(instance_), 7);
  EXPECT_EQ(survey->picture().senders(0).value(), "spam@x.test");
  EXPECT_EQ(survey->picture().senders(0).messages(), 4);
  EXPECT_EQ(survey->queues(2).queue(), "deferred");
  EXPECT_EQ(survey->queues(2).messages(), 2);
}

TEST_F(Queue, ASurveyThatWasBegunSeesWhatASwapMovesAwayMeanwhile) {
  const auto open = OpenLiveQueues(instance_);
  ASSERT_TRUE(open.ok()) << open.status();
  ASSERT_TRUE(Swap().ok());
  const auto survey = SurveyQueue(*open, context_);
  ASSERT_TRUE(survey.ok()) << survey.status();
  EXPECT_EQ(survey->messages(), 7);
  EXPECT_FALSE(survey->partial());
  EXPECT_EQ(*CountQueue(instance_), 0);
}

TEST_F(Queue, ASurveyAtItsDeadlineTellsWhatItHasReadAndSaysSo) {
  for (int i = 0; i < 1500; ++i) Add(absl::StrCat("incoming/C", i), "spam@x.test");
  context_.deadline = absl::Now();
  const auto survey = SurveyQueue(instance_, context_);
  ASSERT_TRUE(survey.ok()) << survey.status();
  EXPECT_TRUE(survey->partial());
  EXPECT_GT(survey->messages(), 500);
  EXPECT_LT(survey->messages(), 1500);
}

TEST_F(Queue, WhatAnUnfinishedSwapHasSetAsideCanBeReadAndReleased) {
  // The disk is full after the exchanges: the manifest never says complete, and nobody repeats it.
  ASSERT_FALSE(ErrorAt("quarantine.swap.complete", [&] { return Swap().status(); }));
  const auto all = ListQuarantines(instance_);
  ASSERT_EQ(all->size(), 1u);
  const std::string id = all->front().quarantine_id();
  v1::QuarantineAnalyse request;
  request.set_quarantine_id(id);
  EXPECT_EQ(Analyse(instance_, request, context_)->matching(), 6);
  const auto released = ReleaseAs("r", id);
  ASSERT_TRUE(released.ok()) << released.status();
  EXPECT_EQ(released->released(), 6);
  EXPECT_EQ(Everywhere(), all_);
  EXPECT_TRUE(Has("incoming/A1"));
}

TEST_F(Queue, WhatASelectiveQuarantineHasPutOnHoldIsTakenEvenIfTheRestCouldNotBe) {
  // The postsuper of this fixture works, and then ends badly.
  std::string script;
  {
    std::ifstream in(root_ + "/bin/postsuper");
    script.assign(std::istreambuf_iterator<char>(in), {});
  }
  script.replace(script.rfind("exit 0"), 6, "exit 1");
  std::ofstream(root_ + "/bin/postsuper") << script;
  const auto info = Select(/*running=*/true);
  ASSERT_FALSE(info.ok());
  EXPECT_EQ(ReasonOf(info.status()), "POSTSUPER_FAILED");
  EXPECT_FALSE(Has("hold/A1"));
  EXPECT_FALSE(Has("hold/A3"));
  EXPECT_EQ(Everywhere(), all_);
  const auto released = ReleaseAs("r", ListQuarantines(instance_)->front().quarantine_id());
  ASSERT_TRUE(released.ok()) << released.status();
  EXPECT_TRUE(Has("incoming/A1"));
  EXPECT_TRUE(Has("incoming/A3"));
}

TEST_F(Queue, HostileEntriesAreCountedAndNeverFollowed) {
  fs::create_symlink("/etc/passwd", root_ + "/incoming/LINK");
  ASSERT_EQ(mkfifo((root_ + "/incoming/FIFO").c_str(), 0700), 0);
  Add("incoming/-rf\n..", "spam@x.test");
  const auto info = Swap();
  ASSERT_TRUE(info.ok());
  v1::QuarantineAnalyse request;
  request.set_quarantine_id(info->quarantine_id());
  const auto result = Analyse(instance_, request, context_);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->unreadable(), 4);
  EXPECT_EQ(result->matching(), 6);
  const auto released = ReleaseAs("r", info->quarantine_id());
  ASSERT_TRUE(released.ok()) << released.status();
  EXPECT_EQ(released->released(), 6);
  EXPECT_FALSE(Has("incoming/LINK"));
}

TEST_F(Queue, ReleaseBySenderPutsEachWhereItBelongs) {
  const auto info = Swap();
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(*CountQueue(instance_), 0);
  const auto good = ReleaseAs("r1", info->quarantine_id(), "good@x.test");
  ASSERT_TRUE(good.ok()) << good.status();
  EXPECT_EQ(good->released(), 2);
  EXPECT_EQ(good->left(), 4);
  EXPECT_EQ(good->unreadable(), 1);
  EXPECT_TRUE(Has("incoming/A2") && Has("incoming/B4") && Has("defer/B/B4"));
  EXPECT_TRUE(Has("poked"));
  ASSERT_TRUE(ReleaseAs("r2", info->quarantine_id()).ok());
  EXPECT_TRUE(Has("hold/A5") && Has("maildrop/A6") && Has("incoming/A1"));
  EXPECT_FALSE(Has("incoming/A7"));
  EXPECT_EQ(Everywhere(), all_);
}

TEST_F(Queue, DiscardDeletesOnlyWhatMatches) {
  const auto info = Swap();
  v1::QuarantineDiscard request;
  request.set_quarantine_id(info->quarantine_id());
  request.mutable_filter()->add_senders("good@x.test");
  const auto result = Discard(instance_, request, context_);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->discarded(), 2);
  EXPECT_EQ(result->left(), 4);
  EXPECT_EQ(Discard(instance_, request, context_)->discarded(), 2);
  EXPECT_EQ(Everywhere().size(), 5u);
  EXPECT_FALSE(Has(".quarantine/" + info->quarantine_id() + "/defer/B/B4"));
}

TEST_F(Queue, SelectiveTakesMatchingOnesAndLeavesTheRest) {
  for (const bool running : {true, false}) {
    context_.command_id = running ? "run" : "stop";
    const auto info = Select(running);
    ASSERT_TRUE(info.ok()) << info.status();
    EXPECT_EQ(info->messages(), 4);
    EXPECT_EQ(*CountQueue(instance_), 3);
    EXPECT_EQ(Everywhere(), all_);
    ASSERT_EQ(ReleaseAs("back" + context_.command_id, info->quarantine_id())->released(), 4);
    EXPECT_TRUE(Has("hold/A5") && Has("incoming/A3"));
  }
}

TEST_F(Queue, UnknownQuarantinesAreNotPaths) {
  for (const char* id : {"../incoming", "", "q-none"})
    EXPECT_EQ(ReasonOf(ReleaseAs("r", id).status()), "UNKNOWN_QUARANTINE");
}

TEST_F(Queue, KilledAtAnyPointARepeatLosesAndDoublesNothing) {
  int kills = 0;
  for (const std::string& point : fault::AllPoints()) {
    if (point.rfind("quarantine.", 0) != 0 || point.rfind("quarantine.discard", 0) == 0) continue;
    for (int nth = 1; nth < 12; ++nth) {
      SCOPED_TRACE(point + "@" + std::to_string(nth));
      context_.command_id = point + std::to_string(nth);
      const bool selective = point.rfind("quarantine.select", 0) == 0;
      const auto take = [&] { return selective ? Select(true) : Swap(); };
      bool killed = KilledAt(point, nth, take);
      EXPECT_EQ(Everywhere(), all_);
      const auto info = take();
      ASSERT_TRUE(info.ok()) << info.status();
      EXPECT_EQ(*CountQueue(instance_), selective ? 3 : 0);
      EXPECT_EQ(ListQuarantines(instance_)->back().quarantine_id(), info->quarantine_id());
      const std::string command = "r" + context_.command_id;
      killed =
          KilledAt(point, nth, [&] { return ReleaseAs(command, info->quarantine_id()); }) || killed;
      const auto released = ReleaseAs(command, info->quarantine_id());
      ASSERT_TRUE(released.ok()) << released.status();
      EXPECT_EQ(released->released(), selective ? 4 : 6);
      EXPECT_EQ(released->left(), 0);
      EXPECT_EQ(Everywhere(), all_);
      if (!Has("incoming/A7")) Add("incoming/A7", "spam@x.test", 0600);
      fs::remove_all(root_ + "/.quarantine");
      if (!killed) break;
      ++kills;
    }
  }
  EXPECT_GT(kills, 20);
}

}  // namespace
}  // namespace mailquench::agent::postfix
