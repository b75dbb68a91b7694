// A private queue of one Postfix instance, for the tests of what is done to it.
#ifndef MAILQUENCH_TESTS_UNIT_QUARANTINE_QUEUE_FIXTURE_H_
#define MAILQUENCH_TESTS_UNIT_QUARANTINE_QUEUE_FIXTURE_H_

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "agent/mail/postfix/queue_ops.h"
#include "common/status/error.h"
#include "tests/unit/quarantine/queue_writer.h"

namespace mailquench::agent::postfix {
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
    Fill();
    context_.command_id = "c1";
  }
  ~Queue() override { fs::remove_all(root_); }

  void Fill() {
    Add("incoming/A1", "spam@x.test");
    Add("active/A2", "good@x.test");
    Add("deferred/A/A3", "spam@x.test");
    Add("deferred/B/B4", "good@x.test");
    Add("hold/A5", "spam@x.test");
    Add("maildrop/A6", "spam@x.test");
    Add("incoming/A7", "spam@x.test", 0600);  // Still being written.
    std::ofstream(root_ + "/defer/B/B4") << "log";
  }
  void Add(const std::string& path, const std::string& sender, mode_t mode = 0700) {
    std::ofstream(root_ + "/" + path) << QueueFile(sender, {"r@y.test"}, Rec('N', "Subject: s"));
    chmod((root_ + "/" + path).c_str(), mode);
  }
  bool Has(const std::string& path) const { return fs::exists(root_ + "/" + path); }
  // How often each message exists, wherever it is.
  std::map<std::string, int> Everywhere() const { return MessagesBelow(root_); }
  static std::map<std::string, int> MessagesBelow(const std::string& root) {
    std::map<std::string, int> found;
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
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

  // A release that must make way when it is asked for the third time, and what it told before.
  struct Ended {
    absl::Status status;
    v1::QuarantineReleaseResult so_far;
  };
  Ended ReleaseThatMakesWay(const std::string& id) {
    v1::QuarantineRelease request;
    request.set_quarantine_id(id);
    int asked = 0;
    Ended ended;
    CallContext context;
    context.command_id = "r";
    context.still_wanted = [&]() -> absl::Status {
      return ++asked < 3 ? absl::OkStatus() : Error(absl::StatusCode::kAborted, "MADE_WAY", "way");
    };
    context.done_so_far = [&](const v1::OperationResult& result) {
      ended.so_far = result.quarantine_release();
    };
    ended.status = Release(instance_, request, context).status();
    return ended;
  }

  const std::map<std::string, int> all_ = {{"A1", 1}, {"A2", 1}, {"A3", 1}, {"A5", 1},
                                           {"A6", 1}, {"A7", 1}, {"B4", 1}};
  std::string root_;
  Instance instance_;
  CallContext context_;
  absl::Duration took_;
};

}  // namespace mailquench::agent::postfix

#endif  // MAILQUENCH_TESTS_UNIT_QUARANTINE_QUEUE_FIXTURE_H_
