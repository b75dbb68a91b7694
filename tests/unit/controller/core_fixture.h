// A controller without a wire: its fleet is a recording, its clock stands still.
#ifndef MAILQUENCH_TESTS_UNIT_CONTROLLER_CORE_FIXTURE_H_
#define MAILQUENCH_TESTS_UNIT_CONTROLLER_CORE_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <set>

#include "common/status/error.h"
#include "controller/app/core.h"

namespace mailquench::controller {

class FakeClock final : public Clock {
 public:
  absl::Time Now() override { return now_; }
  void Sleep(absl::Duration duration) override { now_ += duration; }
  absl::Time now_ = absl::FromUnixSeconds(1700000000);
};

// Records what was sent; a test answers as the agents would.
class FakeLink final : public FleetLink {
 public:
  bool IsOnline(const std::string& host) override { return online.count(host) > 0; }
  bool Send(const std::string& host, const v1::ControllerMessage& message) override {
    if (online.count(host) == 0 || deaf.count(host) > 0) return false;
    sent.emplace_back(host, message);
    return true;
  }
  void Disconnect(const std::string& host, const std::string&) override { online.erase(host); }

  std::vector<v1::Command> Commands(const std::string& host = "") const {
    std::vector<v1::Command> commands;
    for (const auto& [to, message] : sent) {
      if (message.has_command() && (host.empty() || to == host))
        commands.push_back(message.command());
    }
    return commands;
  }
  std::set<std::string> online;
  std::set<std::string> deaf;  // There, but nothing that is sent leaves.
  std::vector<std::pair<std::string, v1::ControllerMessage>> sent;
};

class CoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/mq-core-XXXXXX";
    folder_ = mkdtemp(name);
    OpenCore();
    for (const char* id : {"a", "b", "c"}) {
      ASSERT_TRUE(
          core_->UpsertEnrolledHost(id, std::string("mx-") + id, {{"role", "edge"}}, "1").ok());
      Connect(id);
    }
  }
  void TearDown() override {
    core_.reset();
    std::filesystem::remove_all(folder_);
  }
  virtual void Configure(CoreOptions*) {}
  void OpenCore() {
    CoreOptions options;
    options.store_path = folder_ + "/store";
    options.clock = &clock_;
    options.link = &link_;
    options.timer_thread = false;
    options.plan_limit = absl::Milliseconds(50);
    Configure(&options);
    auto core = Core::Open(options);
    ASSERT_TRUE(core.ok()) << core.status();
    core_ = *std::move(core);
  }
  void Connect(const std::string& id, const v1::Hello& hello = {}) {
    link_.online.insert(id);
    core_->events().OnConnected(id, hello);
  }
  void Cut(const std::string& id) {
    link_.online.erase(id);
    core_->events().OnDisconnected(id);
  }
  absl::StatusOr<v1::Run> Start(const std::string& playbook,
                                const std::string& incident = "",
                                const std::vector<std::string>& hosts = {}) {
    v1::StartRunRequest request;
    request.mutable_plan()->set_playbook(playbook);
    request.mutable_plan()->set_incident_id(incident);
    if (hosts.empty()) request.mutable_plan()->set_selector("role=edge");
    for (const std::string& host : hosts) request.mutable_plan()->add_hosts(host);
    return core_->StartRun(request, "ann");
  }
  absl::StatusOr<v1::Run> StartOne(const v1::Operation& operation,
                                   const std::string& incident = "",
                                   const std::string& selector = "role=edge") {
    v1::StartRunRequest request;
    *request.mutable_plan()->mutable_operation() = operation;
    request.mutable_plan()->set_selector(selector);
    request.mutable_plan()->set_incident_id(incident);
    return core_->StartRun(request, "ann");
  }
  v1::Run Get(const std::string& id) {
    v1::GetRunRequest request;
    request.set_run_id(id);
    return *core_->GetRun(request);
  }
  v1::Incident GetIncident(const std::string& id) {
    v1::GetIncidentRequest request;
    request.set_incident_id(id);
    return *core_->GetIncident(request);
  }
  static v1::OperationReport Report(const v1::Command& command, v1::Outcome outcome) {
    v1::OperationReport report;
    report.set_command_id(command.command_id());
    report.set_outcome(outcome);
    return report;
  }
  // Answers every command as a healthy agent would, until no more come.
  void AnswerAll(v1::WatchVerdict watch = v1::WATCH_VERDICT_QUIET) {
    for (; answered_ < link_.sent.size(); ++answered_) {
      const auto [host, message] = link_.sent[answered_];
      if (!message.has_command()) continue;
      v1::OperationReport report = Report(message.command(), v1::OUTCOME_SUCCEEDED);
      const v1::Operation& operation = message.command().operation();
      if (operation.has_contain()) {
        auto* lock = report.mutable_result()->mutable_contain()->mutable_lock();
        lock->set_snapshot_id("lock-1");
        lock->add_settings()->set_key("main.cf:mynetworks");
        lock->mutable_settings(0)->set_opened_relay(open_relay_);
      }
      if (operation.has_queue_watch()) {
        report.mutable_result()->mutable_queue_watch()->set_verdict(watch);
      }
      core_->events().OnReport(host, report);
    }
  }
  static v1::Operation Status() {
    v1::Operation operation;
    operation.mutable_service_status();
    return operation;
  }

  std::string folder_;
  FakeClock clock_;
  FakeLink link_;
  std::unique_ptr<Core> core_;
  std::size_t answered_ = 0;
  bool open_relay_ = false;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_TESTS_UNIT_CONTROLLER_CORE_FIXTURE_H_
