// One host in a private folder, with a mail system of files and a clock that stands still.
#ifndef MAILQUENCH_TESTS_UNIT_OPERATIONS_RIG_H_
#define MAILQUENCH_TESTS_UNIT_OPERATIONS_RIG_H_

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "agent/operations/executor.h"
#include "common/operation/names.h"
#include "tests/fakes/file_mail_system.h"

namespace mailquench::agent {

// A contain of all that no earlier part has done.
inline constexpr char kRest[] = R"({"incidentId":"i"})";

class FakeClock final : public Clock {
 public:
  absl::Time Now() override { return now_; }
  void Sleep(absl::Duration duration) override {
    now_ += duration;
    if (on_sleep) on_sleep();
  }
  std::function<void()> on_sleep;

 private:
  absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
};

// One host in a private folder; Open() is what a process start does.
class Rig {
 public:
  Rig() {
    std::string name = "/tmp/mq-executor-XXXXXX";
    dir = mkdtemp(name.data());
    mail = std::make_unique<FileMailSystem>(dir);
    mail->clock = [this] { return clock.Now(); };
    mail->Put("running", "1");
    mail->Put("queue", "20000");
    mail->Put("relay", "open\n");
    mail->Put("ndr", "loud\n");
    mail->Put("blocks", "");
    mail->Put("shadow", "on\n");
    mail->Put("egress", "direct\n");
    Open();
  }
  ~Rig() { std::filesystem::remove_all(dir); }
  void Open(std::set<std::string> allowed = {}, std::set<std::string> roots = {}) {
    executor.reset();
    journal.reset();
    auto opened = Journal::Open(dir + "/journal.db");
    ASSERT_TRUE(opened.ok()) << opened.status();
    journal = *std::move(opened);
    ExecutorOptions options;
    options.host_id = "host-1";
    options.state_dir = dir;
    options.allowed_operations = std::move(allowed);
    options.quarantine_roots = std::move(roots);
    options.delist_hosts = delist_hosts;
    options.delist_private_targets = delist_private_targets;
    options.lock_wait = lock_wait;
    executor = std::make_unique<Executor>(*mail, *journal, clock, options);
  }
  v1::Command Make(const std::string& id,
                   const std::string& operation,
                   const std::string& json = "") {
    v1::Command command;
    command.set_command_id(id);
    command.set_host_id("host-1");
    *command.mutable_operation() = MakeOperation(operation, json).value();
    return command;
  }
  v1::OperationReport Do(const std::string& id,
                         const std::string& operation,
                         const std::string& json = "") {
    return executor->Execute(Make(id, operation, json), false, nullptr);
  }

  std::string dir;
  absl::Duration lock_wait = absl::Minutes(10);  // From the next Open() on.
  std::vector<AllowedHost> delist_hosts;         // From the next Open() on.
  bool delist_private_targets = false;
  FakeClock clock;
  std::unique_ptr<FileMailSystem> mail;
  std::unique_ptr<Journal> journal;
  std::unique_ptr<Executor> executor;
};

}  // namespace mailquench::agent

#endif  // MAILQUENCH_TESTS_UNIT_OPERATIONS_RIG_H_
