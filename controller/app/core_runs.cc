// Runs: plans, starts, the lock of a queue that fills again.
#include <algorithm>
#include <set>
#include <utility>

#include "common/status/error.h"
#include "controller/app/core_impl.h"
#include "controller/runs/planner.h"
#include "controller/runs/playbooks.h"
#include "controller/store/ids.h"

namespace mailquench::controller {
namespace {

std::set<std::string> IdsOf(const v1::Plan& plan) {
  std::set<std::string> ids;
  for (const v1::PlannedHost& host : plan.hosts()) ids.insert(host.host_id());
  return ids;
}

// -1: it puts nothing back.
}  // namespace

absl::StatusOr<v1::ListPlaybooksResponse> CoreImpl::ListPlaybooks(const v1::ListPlaybooksRequest&) {
  v1::ListPlaybooksResponse response;
  for (const auto& [name, playbook] : playbooks_) *response.add_playbooks() = playbook;
  return response;
}

absl::StatusOr<std::vector<v1::Operation>> CoreImpl::OperationsOf(const v1::PlanRunRequest& r) {
  MQ_ASSIGN_OR_RETURN(const v1::Playbook playbook, ResolvePlaybook(playbooks_, r));
  std::vector<v1::Operation> operations;
  for (const v1::PlaybookStep& step : playbook.steps()) operations.push_back(step.operation());
  return operations;
}

absl::StatusOr<v1::Plan> CoreImpl::PlanRun(const v1::PlanRunRequest& r, const std::string& actor) {
  MQ_ASSIGN_OR_RETURN(const v1::Playbook playbook, ResolvePlaybook(playbooks_, r));
  MQ_ASSIGN_OR_RETURN(const OrganisationDebts debts, incidents_.Debts());
  MQ_ASSIGN_OR_RETURN(v1::Plan plan, FreezePlan(playbook, r, hosts_.get(), debts));
  MQ_ASSIGN_OR_RETURN(const Incidents::Adopted adopted,
                      incidents_.Adopt(plan.playbook(), IdsOf(plan), r.incident_id()));
  if (!adopted.notice.empty()) plan.add_notices(adopted.notice);
  const absl::Status egress = CheckEgress(plan);
  if (!egress.ok() && ReasonOf(egress) != "ATTACK_GOES_ON") return egress;
  if (!egress.ok()) plan.add_notices("it would be refused: " + std::string(egress.message()));
  MQ_ASSIGN_OR_RETURN(const auto blockers, RestoreBlockers(plan));
  for (v1::PlannedHost& host : *plan.mutable_hosts()) {
    const auto blocker = blockers.find(host.host_id());
    if (blocker == blockers.end()) continue;
    if (host.refusal().empty()) host.set_refusal(blocker->second);
    plan.add_notices(absl::StrCat(host.name(), " will be refused: ", blocker->second));
  }
  if (!r.skip_agents()) {
    manual_->Plan(&plan);
    engine_->AskPlans(&plan, actor, options_.plan_limit);
  }
  return plan;
}

absl::StatusOr<v1::Run> CoreImpl::GetRun(const v1::GetRunRequest& r) {
  return engine_->Find(r.run_id());
}

absl::StatusOr<v1::ListRunsResponse> CoreImpl::ListRuns(const v1::ListRunsRequest& r) {
  MQ_ASSIGN_OR_RETURN(const std::vector<std::string> ids, store_->RunIds(r.incident_id(), false));
  v1::ListRunsResponse response;
  for (const std::string& id : ids) {
    MQ_ASSIGN_OR_RETURN(*response.add_runs(), engine_->Find(id));
  }
  return response;
}

absl::StatusOr<v1::Run> CoreImpl::CancelRun(const v1::CancelRunRequest& r,
                                            const std::string& actor) {
  MQ_RETURN_IF_ERROR(Audit(actor, "run.cancel", Json(r)));
  return engine_->Cancel(r.run_id(), r.reason());
}

absl::StatusOr<v1::ListManualStepsResponse> CoreImpl::ListManualSteps(
    const v1::ListManualStepsRequest& r) {
  return manual_->List(r);
}

absl::StatusOr<v1::Run> CoreImpl::ConfirmManualStep(const v1::ConfirmManualStepRequest& r,
                                                    const std::string& actor) {
  MQ_ASSIGN_OR_RETURN(const ManualSteps::Said said, manual_->Look(r, actor));
  v1::ConfirmManualStepRequest exact = r;
  exact.set_host(said.host_id);
  *exact.mutable_confirmation() = said.report.manual();
  MQ_ASSIGN_OR_RETURN(
      v1::Run run,
      engine_->Confirm(said.run_id, said.host_id, said.step, said.operation, said.report,
                       [&] { return Audit(actor, "run.confirm", Json(exact)); }));
  if (r.this_host_only()) {
    google::protobuf::RepeatedPtrField<v1::RunHost> hosts;
    hosts.Swap(run.mutable_hosts());
    for (const v1::RunHost& host : hosts) {
      if (host.host_id() == said.host_id) *run.add_hosts() = host;
    }
  }
  return run;
}

absl::StatusOr<std::uint64_t> CoreImpl::Subscribe(const std::string& run_id, RunCallback call) {
  return engine_->Subscribe(run_id, std::move(call));
}

// Restore without naming its incident is held to the causes of the incidents of these hosts, too.
absl::Status CoreImpl::CheckRestore(const v1::Plan& plan, std::string* incident) {
  v1::Restore restore;
  bool restores = false;
  for (const v1::PlaybookStep& step : plan.playbook().steps()) {
    if (!step.operation().has_restore()) continue;
    restores = true;
    restore.MergeFrom(step.operation().restore());
  }
  if (!restores) return absl::OkStatus();
  std::set<std::string> concerned, hosts;
  if (!incident->empty()) concerned.insert(*incident);
  for (const v1::PlannedHost& host : plan.hosts()) {
    hosts.insert(host.host_id());
    MQ_ASSIGN_OR_RETURN(const auto obligations, store_->ObligationsOfHost(host.host_id()));
    for (const v1::Obligation& obligation : obligations) {
      if (obligation.state() != v1::Obligation::STATE_OUTSTANDING) continue;
      std::string owner;
      if (store_->FindObligation(obligation.obligation_id(), &owner).ok()) concerned.insert(owner);
    }
  }
  for (const std::string& id : concerned) {
    MQ_RETURN_IF_ERROR(incidents_.AllowRestore(id, restore, hosts));
  }
  if (incident->empty() && concerned.size() == 1) *incident = *concerned.begin();
  return absl::OkStatus();
}

absl::StatusOr<v1::Run> CoreImpl::StartRun(const v1::StartRunRequest& r, const std::string& actor) {
  return Begin(r, actor, false);
}

absl::StatusOr<v1::Run> CoreImpl::Begin(const v1::StartRunRequest& r,
                                        const std::string& actor,
                                        bool patient) {
  const std::lock_guard<std::recursive_mutex> lock(start_mu_);
  const std::string request_id = r.request_id().empty() ? NewId() : r.request_id();
  const absl::StatusOr<std::string> before = store_->RunOfRequest(request_id);
  if (before.ok()) return engine_->Find(*before);
  if (!absl::IsNotFound(before.status())) return before.status();
  MQ_ASSIGN_OR_RETURN(const v1::Playbook playbook, ResolvePlaybook(playbooks_, r.plan()));
  MQ_ASSIGN_OR_RETURN(const OrganisationDebts debts, incidents_.Debts());
  MQ_ASSIGN_OR_RETURN(const v1::Plan plan, FreezePlan(playbook, r.plan(), hosts_.get(), debts));
  if (!r.expected_plan_hash().empty() && r.expected_plan_hash() != plan.plan_hash()) {
    return Error(absl::StatusCode::kFailedPrecondition, "PLAN_DRIFTED",
                 "the hosts or the playbook have changed since the plan " + r.expected_plan_hash() +
                     " was made; nothing was done; make a new plan and look at it");
  }
  MQ_ASSIGN_OR_RETURN(const Incidents::Adopted adopted,
                      incidents_.Adopt(plan.playbook(), IdsOf(plan), r.plan().incident_id()));
  std::string incident = adopted.incident_id;
  if (!incident.empty()) {
    MQ_ASSIGN_OR_RETURN(const v1::Incident found, store_->FindIncident(incident));
    if (found.state() == v1::INCIDENT_STATE_CLOSED) {
      return Error(absl::StatusCode::kFailedPrecondition, "INCIDENT_CLOSED",
                   "the incident " + incident + " is closed; nothing was done; open a new one");
    }
  }
  MQ_RETURN_IF_ERROR(CheckRestore(plan, &incident));
  MQ_RETURN_IF_ERROR(CheckEgress(plan));
  MQ_ASSIGN_OR_RETURN(const auto blockers, RestoreBlockers(plan));
  v1::Run run;
  run.set_run_id(NewId());
  *run.mutable_playbook() = plan.playbook();
  // The entry becomes durable with what it is of: an incident that is opened for the run, else the
  // run itself.
  bool audited = false;
  const auto audit = [&]() -> absl::Status {
    if (std::exchange(audited, true)) return absl::OkStatus();
    return Audit(actor, "run.start", Json(r));
  };
  for (v1::PlaybookStep& step : *run.mutable_playbook()->mutable_steps()) {
    v1::Operation* operation = step.mutable_operation();
    // Whoever contains, or changes settings, owes something: that needs an incident.
    const bool owes = operation->has_contain() || operation->has_relay_lock() ||
                      operation->has_ndr_silence() || operation->has_sender_block() ||
                      operation->has_shadow_suspend() || operation->has_egress_set();
    if (owes && incident.empty()) {
      MQ_RETURN_IF_ERROR(audit());
      MQ_ASSIGN_OR_RETURN(const v1::Incident opened,
                          incidents_.Open(operation->has_contain() && !r.reason().empty()
                                              ? r.reason()
                                              : plan.playbook().name() + " of " +
                                                    std::to_string(plan.hosts_size()) + " hosts",
                                          "run:" + request_id, actor));
      incident = opened.incident_id();
    }
    if (operation->has_contain()) operation->mutable_contain()->set_incident_id(incident);
    if (operation->has_queue_quarantine()) {
      operation->mutable_queue_quarantine()->set_incident_id(incident);
    }
    if (operation->has_contain() && operation->contain().reason().empty()) {
      operation->mutable_contain()->set_reason(r.reason());
    }
  }
  run.set_plan_hash(plan.plan_hash());
  run.set_incident_id(incident);
  run.set_requested_by(actor);
  run.set_reason(r.reason());
  run.set_no_input(r.no_input());
  *run.mutable_without_copies() = plan.without_copies();
  for (const v1::PlannedHost& planned : plan.hosts()) {
    v1::RunHost* host = run.add_hosts();
    host->set_host_id(planned.host_id());
    host->set_name(planned.name());
    host->set_wave(planned.wave());
    host->set_manual_platform(planned.manual_platform());
    host->set_transport_group(planned.transport_group());
    host->set_organisation(planned.organisation());
    host->set_acts_for_organisation(planned.acts_for_organisation());
    *host->mutable_label_groups() = planned.label_groups();
    const auto blocker = blockers.find(planned.host_id());
    if (blocker == blockers.end()) continue;
    RefuseRestore(run.playbook(), blocker->second, host);
  }
  return engine_->Start(run, request_id, patient, audit);
}

// What a vantage was greeted with tells whether an address leads to the host.
void CoreImpl::TakeGreetings(const v1::Run& run) {
  for (const v1::RunHost& host : run.hosts()) {
    for (const v1::HostStep& step : host.steps()) {
      for (const v1::ListenerProbe& one : step.report().result().relay_probe().listeners()) {
        if (!one.outside() || one.banner().empty()) continue;
        std::string address = one.target().substr(0, one.target().rfind(':'));
        if (address.size() > 2 && address.front() == '[')
          address = address.substr(1, address.size() - 2);
        hosts_->Greeted(host.host_id(), address, one.banner());
      }
    }
  }
}

// A queue that fills again after a restore is locked again at once. Does nothing the second time.
void CoreImpl::LockAgain(const v1::Run& run) {
  bool restored = false;
  for (const v1::PlaybookStep& step : run.playbook().steps()) {
    restored |= step.operation().has_restore();
  }
  if (!restored) return;
  for (const v1::RunHost& host : run.hosts()) {
    const bool refilling =
        std::any_of(host.steps().begin(), host.steps().end(), [](const v1::HostStep& step) {
          return step.report().result().queue_watch().verdict() == v1::WATCH_VERDICT_REFILLING;
        });
    if (!refilling || !hosts_->IsActive(host.host_id())) continue;
    // A run for each host: one that fails, or that reports late, keeps no other open.
    v1::StartRunRequest lock;
    lock.set_request_id("relock:" + run.run_id() + ":" + host.host_id());
    lock.set_reason("the queue filled again after the restore");
    lock.mutable_plan()->set_playbook("lockdown");
    lock.mutable_plan()->set_incident_id(run.incident_id());
    lock.mutable_plan()->add_hosts(host.host_id());
    const absl::StatusOr<v1::Run> started = Begin(lock, "controller", true);
    if (started.ok()) continue;
    v1::AddNoteRequest note;
    note.set_incident_id(run.incident_id());
    note.set_text("could not lock " + host.name() +
                  " again: " + std::string(started.status().message()));
    incidents_.AddNote(note, "controller").IgnoreError();
  }
}

}  // namespace mailquench::controller
