// What a test of an Exchange fleet asks of its controller.
#include <atomic>

#include "absl/strings/str_cat.h"
#include "common/operation/names.h"
#include "common/status/error.h"
#include "tests/e2e/exchange_fleet.h"

namespace mailquench::fleet {
namespace {
void Choose(const std::vector<std::string>& hosts,
            const std::string& incident,
            v1::PlanRunRequest* plan) {
  if (hosts.empty()) plan->set_selector("role=exchange");
  for (const std::string& host : hosts) plan->add_hosts(host);
  plan->set_incident_id(incident);
}
}  // namespace

std::string ExchangeFleet::Start(const std::string& playbook,
                                 const std::vector<std::string>& hosts,
                                 const Parameters& parameters,
                                 const std::string& incident) {
  v1::StartRunRequest request;
  request.mutable_plan()->set_playbook(playbook);
  Choose(hosts, incident, request.mutable_plan());
  auto& all = *request.mutable_plan()->mutable_parameters();
  all["waves"] = "100%";
  all["samples"] = "2";
  all["interval"] = "100ms";
  for (const auto& [name, text] : parameters) all[name] = text;
  const auto run = core_->StartRun(request, "ann");
  EXPECT_TRUE(run.ok()) << run.status();
  return run.ok() ? run->run_id() : "";
}

std::string ExchangeFleet::StartOne(const std::string& operation,
                                    const std::string& arguments,
                                    const std::vector<std::string>& hosts,
                                    const std::string& incident) {
  v1::StartRunRequest request;
  *request.mutable_plan()->mutable_operation() = MakeOperation(operation, arguments).value();
  Choose(hosts, incident, request.mutable_plan());
  const auto run = core_->StartRun(request, "ann");
  EXPECT_TRUE(run.ok()) << run.status();
  return run.ok() ? run->run_id() : "";
}

v1::Run ExchangeFleet::Get(const std::string& run) {
  v1::GetRunRequest request;
  request.set_run_id(run);
  return core_->GetRun(request).value_or(v1::Run());
}

// Follows the run as the command line does: its end is told after the incident has taken the last
// report. Whoever asks for the run's state instead may see the end some milliseconds earlier.
v1::Run ExchangeFleet::Ended(const std::string& run) {
  std::atomic<bool> ended = false;
  const auto followed = core_->Subscribe(run, [&](const v1::RunEvent& event) {
    ended = event.run().state() != v1::RUN_STATE_RUNNING;
  });
  EXPECT_TRUE(followed.ok()) << followed.status();
  if (!followed.ok()) return {};
  EXPECT_TRUE(Until([&] { return ended.load(); })) << Told(Get(run));
  core_->Unsubscribe(*followed);
  return Get(run);
}

v1::Incident ExchangeFleet::IncidentOf(const v1::Run& run) {
  v1::GetIncidentRequest request;
  request.set_incident_id(run.incident_id());
  return core_->GetIncident(request).value_or(v1::Incident());
}

v1::RunHost ExchangeFleet::HostIn(const v1::Run& run, const std::string& name) {
  for (const v1::RunHost& host : run.hosts()) {
    if (host.name() == name) return host;
  }
  ADD_FAILURE() << name << " is not in the run";
  return {};
}

std::string ExchangeFleet::Said(const v1::HostStep& step) {
  return step.report().error().message() + step.notice();
}

std::string ExchangeFleet::Told(const v1::Run& run) {
  std::string all = v1::RunState_Name(run.state());
  for (const v1::RunHost& host : run.hosts()) {
    for (const v1::HostStep& step : host.steps())
      absl::StrAppend(&all, "\n", host.name(), " ", step.report().operation(), ": ",
                      OutcomeName(step.report().outcome()), " ",
                      ReasonOf(FromProto(step.report().error())), " ", Said(step), " ",
                      step.progress());
  }
  return all;
}

}  // namespace mailquench::fleet
