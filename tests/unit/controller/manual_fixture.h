// A controller with one host that has no agent, and whoever answers for it.
#ifndef MAILQUENCH_TESTS_UNIT_CONTROLLER_MANUAL_FIXTURE_H_
#define MAILQUENCH_TESTS_UNIT_CONTROLLER_MANUAL_FIXTURE_H_

#include <string>
#include <vector>

#include "tests/unit/controller/core_fixture.h"

namespace mailquench::controller {

class ManualRunsTest : public CoreTest {
 protected:
  void SetUp() override {
    CoreTest::SetUp();
    const auto host = core_->AddManualHost(Registration("old1"), "root");
    ASSERT_TRUE(host.ok()) << host.status();
    id_ = host->host_id();
  }
  static v1::AddManualHostRequest Registration(const std::string& name) {
    v1::AddManualHostRequest request;
    request.set_name(name);
    request.set_platform("exchange-2003");
    (*request.mutable_labels())["role"] = "edge";
    request.add_listeners("192.0.2.7:25");
    request.mutable_mail_identity()->add_egress_addresses("192.0.2.7");
    request.mutable_mail_identity()->add_mail_domains("Example.ORG");
    return request;
  }
  v1::ConfirmManualStepRequest Saying(const v1::Run& run,
                                      const std::string& step,
                                      v1::Outcome outcome,
                                      const std::string& seen = "it is so") {
    v1::ConfirmManualStepRequest request;
    request.set_run_id(run.run_id());
    request.set_host(who_);
    request.set_step(step);
    v1::ManualConfirmation* said = request.mutable_confirmation();
    said->set_outcome(outcome);
    said->set_seen(seen);
    for (const v1::ManualStep& one : Waiting(run.run_id())) {
      if (one.step_name() != step || one.host_name() != who_ || outcome != v1::OUTCOME_SUCCEEDED)
        continue;
      for (const v1::ManualQuestion& question : one.questions()) {
        v1::ManualNote* note = said->add_notes();
        note->set_key(question.key());
        note->set_value("before " + question.key());
        note->set_opened_relay(opened_ && question.key() == "relay.list");
        note->set_relay_was_closed(question.relay() && !note->opened_relay());
      }
      if (one.verdicts_size() > 0) said->set_verdict(one.verdicts(0));
    }
    return request;
  }
  std::vector<v1::ManualStep> Waiting(const std::string& run_id = "") {
    v1::ListManualStepsRequest request;
    request.set_run_id(run_id);
    const auto steps = core_->ListManualSteps(request);
    EXPECT_TRUE(steps.ok()) << steps.status();
    return {steps->steps().begin(), steps->steps().end()};
  }
  v1::RunHost Host(const std::string& run_id, const std::string& name = "old1") {
    const v1::Run run = Get(run_id);
    for (const v1::RunHost& host : run.hosts()) {
      if (host.name() == name) return host;
    }
    return {};
  }
  absl::StatusOr<v1::Run> StartWithoutInput(const std::string& playbook) {
    v1::StartRunRequest request;
    request.mutable_plan()->set_playbook(playbook);
    request.mutable_plan()->set_selector("role=edge");
    request.set_no_input(true);
    return core_->StartRun(request, "cron");
  }
  static std::string Message(const v1::HostStep& step) { return step.report().error().message(); }

  std::string id_;
  std::string who_ = "old1";  // Whom Saying() is about.
  bool opened_ = false;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_TESTS_UNIT_CONTROLLER_MANUAL_FIXTURE_H_
