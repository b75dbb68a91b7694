// What keeps a run from starting, or a host from its part in it.
#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "controller/app/core_impl.h"
#include "controller/incidents/incident_gates.h"
#include "controller/runs/engine.h"

namespace mailquench::controller {
namespace {

int LastRestore(const v1::Playbook& playbook) {
  for (int i = playbook.steps_size() - 1; i >= 0; --i) {
    if (playbook.steps(i).operation().has_restore()) return i;
  }
  return -1;
}

std::set<std::string> HostsOf(const v1::Plan& plan) {
  std::set<std::string> ids;
  for (const v1::PlannedHost& host : plan.hosts()) ids.insert(host.host_id());
  return ids;
}

}  // namespace

absl::Status CoreImpl::CheckEgress(const v1::Plan& plan) {
  const bool held = std::any_of(plan.playbook().steps().begin(), plan.playbook().steps().end(),
                                [](const v1::PlaybookStep& step) {
                                  return step.operation().has_egress_set() &&
                                         step.operation().egress_set().despite().empty();
                                });
  if (!held) return absl::OkStatus();
  // A send connector is of the whole organisation, also where one of its servers alone was chosen.
  std::set<std::string> concerned = HostsOf(plan);
  std::set<std::string> organisations;
  for (const v1::PlannedHost& host : plan.hosts()) {
    if (!host.organisation().empty()) organisations.insert(host.organisation());
  }
  for (const v1::Host& host : hosts_->Where([&](const v1::Host& one) {
         return organisations.count(one.hello().organisation()) > 0;
       }))
    concerned.insert(host.host_id());
  MQ_ASSIGN_OR_RETURN(const AttackGate gate, incidents_.GateOf(concerned));
  if (gate.kind != AttackGate::Kind::kGoesOn) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "ATTACK_GOES_ON",
               "the attack of incident " + gate.incident_id + " is not over (" + gate.why +
                   "), and mail that goes another way would have that one blocked next; nothing "
                   "was done; end the attack first, or say why despite that");
}

absl::StatusOr<std::map<std::string, std::string>> CoreImpl::RestoreBlockers(const v1::Plan& plan) {
  std::map<std::string, std::string> blockers;
  if (LastRestore(plan.playbook()) < 0) return blockers;
  for (const v1::PlannedHost& host : plan.hosts()) {
    MQ_ASSIGN_OR_RETURN(const std::string why, postures_.Blocker(host.host_id()));
    if (!why.empty())
      blockers[host.host_id()] = absl::StrCat(
          "its antivirus is ", why, "; mend it, or `mailquench antivirus waive ", host.name(), "`");
  }
  return blockers;
}

void RefuseRestore(const v1::Playbook& playbook, const std::string& why, v1::RunHost* host) {
  for (int i = 0; i <= LastRestore(playbook); ++i) {
    v1::HostStep* const step = host->add_steps();
    step->set_step(i);
    if (!playbook.steps(i).operation().has_restore()) continue;
    v1::OperationReport* const report = step->mutable_report();
    report->set_operation("restore");
    report->set_outcome(v1::OUTCOME_REFUSED);
    *report->mutable_error() =
        ToProto(Error(absl::StatusCode::kFailedPrecondition, kAntivirusBlocks,
                      absl::StrCat(why, "; nothing was put back on it")));
  }
}

}  // namespace mailquench::controller
