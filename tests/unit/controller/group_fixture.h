// A fleet with Exchange hosts: groups that keep copies of each other's mail, and what an
// organisation shares.
#ifndef MAILQUENCH_TESTS_UNIT_CONTROLLER_GROUP_FIXTURE_H_
#define MAILQUENCH_TESTS_UNIT_CONTROLLER_GROUP_FIXTURE_H_

#include <google/protobuf/util/time_util.h>

#include "controller/runs/operation_fields.h"
#include "tests/unit/controller/core_fixture.h"

namespace mailquench::controller {

inline constexpr char kLeaseEnd[] = "2023-11-14T22:28:20Z";

class GroupTest : public CoreTest {
 protected:
  // Beside mx-a to mx-c of the fixture, which are in no group.
  void Exchange(const std::string& id,
                const std::string& group = "DAG1",
                const std::string& role = "exchange") {
    ASSERT_TRUE(core_->UpsertEnrolledHost(id, id, {{"role", role}}, "1").ok());
    Connect(id, HelloOf(group));
  }
  static v1::Hello HelloOf(const std::string& group) {
    v1::Hello hello;
    hello.set_organisation("contoso");
    hello.set_transport_group(group);
    for (const char* name : {"ndr.silence", "shadow.suspend"}) {
      v1::Capability* can = hello.add_capabilities();
      can->set_operation(name);
      can->set_available(true);
      can->set_organisation_wide(true);
    }
    hello.add_capabilities()->set_operation("contain.parts");
    return hello;
  }
  void Return(const std::string& id, const std::string& group = "DAG1") {
    Connect(id, HelloOf(group));
  }
  absl::StatusOr<v1::Run> StartOn(const std::string& selector,
                                  const std::map<std::string, std::string>& parameters = {}) {
    v1::StartRunRequest request;
    request.mutable_plan()->set_playbook("contain");
    request.mutable_plan()->set_selector(selector);
    for (const auto& [name, text] : parameters)
      (*request.mutable_plan()->mutable_parameters())[name] = text;
    return core_->StartRun(request, "ann");
  }
  v1::Plan PlanOn(const std::string& selector,
                  const std::map<std::string, std::string>& parameters = {}) {
    v1::PlanRunRequest request;
    request.set_playbook("contain");
    request.set_selector(selector);
    request.set_skip_agents(true);
    for (const auto& [name, text] : parameters) (*request.mutable_parameters())[name] = text;
    return *core_->PlanRun(request, "ann");
  }
  static std::string Notices(const v1::Plan& plan) {
    std::string all;
    for (const std::string& one : plan.notices()) all += one + "\n";
    return all;
  }
  v1::RunHost HostIn(const std::string& run, const std::string& name) {
    const v1::Run now = Get(run);
    for (const v1::RunHost& host : now.hosts()) {
      if (host.name() == name) return host;
    }
    ADD_FAILURE() << name << " is not in the run";
    return {};
  }
  // What was sent to the host, in words: "stopped swept whole probe watch".
  std::string SentTo(const std::string& id) const {
    std::string all;
    for (const v1::Command& command : link_.Commands(id)) {
      const v1::Operation& operation = command.operation();
      std::string word = OperationName(operation);
      if (operation.has_contain()) {
        word = operation.contain().until() == v1::CONTAIN_UNTIL_STOPPED ? "stopped"
               : operation.contain().until() == v1::CONTAIN_UNTIL_SWEPT ? "swept"
                                                                        : "whole";
      }
      all += (all.empty() ? "" : " ") + word;
    }
    return all;
  }
  // The host answers its last command.
  void Answer(const std::string& id, v1::Outcome outcome = v1::OUTCOME_SUCCEEDED) {
    const std::vector<v1::Command> commands = link_.Commands(id);
    ASSERT_FALSE(commands.empty()) << id << " was sent nothing";
    core_->events().OnReport(id, ReportOf(commands.back(), outcome));
  }
  static v1::OperationReport ReportOf(const v1::Command& command, v1::Outcome outcome) {
    v1::OperationReport report = Report(command, outcome);
    report.set_operation(OperationName(command.operation()));
    if (command.operation().contain().until() != v1::CONTAIN_UNTIL_UNSPECIFIED) {
      google::protobuf::util::TimeUtil::FromString(
          kLeaseEnd, report.mutable_result()->mutable_contain()->mutable_lease_end_time());
    }
    if (command.operation().has_queue_watch())
      report.mutable_result()->mutable_queue_watch()->set_verdict(v1::WATCH_VERDICT_QUIET);
    return report;
  }
  void Restart() {
    core_.reset();  // As by kill -9: nothing is written on the way out.
    OpenCore();
    ASSERT_TRUE(core_->Resume().ok());
  }
  void PatienceEnds() {
    clock_.Sleep(absl::Seconds(40));
    core_->Tick();
  }
  static std::string Said(const v1::HostStep& step) {
    return step.report().error().message() + step.notice();
  }
  static std::string Reason(const v1::HostStep& step) {
    return ReasonOf(FromProto(step.report().error()));
  }
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_TESTS_UNIT_CONTROLLER_GROUP_FIXTURE_H_
