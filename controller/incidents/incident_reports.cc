// What the reports of hosts mean for an incident: what is owed, what was seen, what is shut.
#include <algorithm>
#include <set>
#include <utility>

#include "common/operation/names.h"
#include "common/operation/picture.h"
#include "common/status/error.h"
#include "controller/incidents/incident_rules.h"
#include "controller/incidents/incidents.h"
#include "controller/manual/confirmation.h"
#include "controller/runs/engine.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

// What an incident does not take any more once it is closed is no reason to ask for a report again.
absl::Status UnlessClosed(const absl::StatusOr<v1::Incident>& edited) {
  if (ReasonOf(edited.status()) == "INCIDENT_CLOSED") return absl::OkStatus();
  return edited.status();
}

}  // namespace

absl::StatusOr<std::string> Incidents::StillChanging(const std::string& incident_id) {
  std::string out;
  // Of a host that is evicted or banned nothing is waited for.
  std::set<std::string> gone;
  MQ_ASSIGN_OR_RETURN(const auto hosts, store_->AllHosts());
  for (const Store::HostRow& row : hosts) {
    if (row.host.state() != v1::HOST_STATE_ACTIVE) gone.insert(row.host.host_id());
  }
  MQ_ASSIGN_OR_RETURN(const std::vector<std::string> ids, store_->RunIds(incident_id, false));
  for (const std::string& id : ids) {
    MQ_ASSIGN_OR_RETURN(const v1::Run run, store_->FindRun(id));
    for (const v1::RunHost& host : run.hosts()) {
      for (const v1::HostStep& step : host.steps()) {
        const v1::Operation& operation = run.playbook().steps(step.step()).operation();
        // A person stops the service with more than its switch: its start type, a firewall.
        const bool stops = step.has_manual_since_time() && operation.has_service_stop();
        const bool changes = stops || operation.has_contain() || operation.has_relay_lock() ||
                             operation.has_ndr_silence() || operation.has_sender_block() ||
                             operation.has_shadow_suspend() || operation.has_egress_set();
        const v1::Outcome outcome = step.report().outcome();
        // A person was asked and has said nothing: the half of it may be done.
        const bool unsaid =
            step.has_manual_since_time() && !step.report().has_manual() &&
            (outcome == v1::OUTCOME_UNREACHABLE || outcome == v1::OUTCOME_CANCELLED);
        const bool open =
            unsaid || outcome == v1::OUTCOME_UNKNOWN ||
            (outcome == v1::OUTCOME_UNSPECIFIED && run.state() == v1::RUN_STATE_RUNNING);
        if (!changes || !open || gone.count(host.host_id()) > 0) continue;
        out += (out.empty() ? "" : ", ") + OperationName(operation) + " on " + host.name() +
               " of run " + id;
      }
    }
  }
  // What stands stopped will lock and silence by itself.
  MQ_ASSIGN_OR_RETURN(const auto held, HeldIn(incident_id));
  for (const auto& [host_id, one] : held) {
    if (gone.count(host_id) > 0) continue;
    out += (out.empty() ? "" : ", ") + one.name + " was left stopped by a part of run " +
           one.run_id +
           (one.for_good ? ", could not do the rest by itself when its lease ended, and no lease "
                           "starts it any more"
                         : " and has not said yet that its lease has ended");
  }
  return out;
}

absl::Status Incidents::Reopen(const std::string& incident_id, const std::string& why) {
  MQ_ASSIGN_OR_RETURN(v1::Incident incident, store_->FindIncident(incident_id));
  if (incident.state() != v1::INCIDENT_STATE_CLOSED) return absl::OkStatus();
  incident.set_state(v1::INCIDENT_STATE_CONTAINED);
  incident.clear_close_time();
  Note(&incident, "controller", "open again: " + why);
  return store_->PutIncident(incident);
}

absl::Status Incidents::Owe(const std::string& incident_id,
                            const std::string& host_id,
                            const std::string& host_name,
                            const std::string& operation,
                            const v1::ChangeResult& change) {
  if (change.snapshot_id().empty() || incident_id.empty()) return absl::OkStatus();
  const std::string id = host_id + "/" + change.snapshot_id();
  std::string owner;
  const auto known = store_->FindObligation(id, &owner);
  if (known.ok()) return absl::OkStatus();  // A repeat, whatever became of it.
  if (!absl::IsNotFound(known.status())) return known.status();
  MQ_RETURN_IF_ERROR(
      Reopen(incident_id, host_name + " tells of " + operation + " that is still to be put back"));
  v1::Obligation obligation;
  obligation.set_obligation_id(id);
  obligation.set_host_id(host_id);
  obligation.set_host_name(host_name);
  obligation.set_snapshot_id(change.snapshot_id());
  obligation.set_operation(operation);
  obligation.set_organisation(change.organisation());
  obligation.set_state(v1::Obligation::STATE_OUTSTANDING);
  *obligation.mutable_settings() = change.settings();
  MQ_RETURN_IF_ERROR(store_->PutObligation(incident_id, obligation));
  for (const v1::Setting& setting : change.settings()) {
    if (!setting.opened_relay()) continue;
    v1::AddCauseRequest cause;
    cause.set_incident_id(incident_id);
    cause.set_kind("open_relay");
    cause.set_value(host_name + " " + setting.instance() + " " + setting.key());
    MQ_RETURN_IF_ERROR(AddCause(cause, "controller", host_id).status());
  }
  return absl::OkStatus();
}

absl::Status Incidents::KeptAsFix(const std::string& incident_id,
                                  const std::string& host_id,
                                  const v1::RestoredSetting& kept) {
  return UnlessClosed(Edit(incident_id, [&](v1::Incident* incident) {
    for (v1::Cause& cause : *incident->mutable_causes()) {
      if (cause.resolved() || cause.host_id() != host_id ||
          !IsSetting(cause, kept.setting().instance(), kept.setting().key()))
        continue;
      cause.set_resolved(true);
      cause.set_how("kept as fix: " + kept.why());
      StampTime(clock_->Now(), cause.mutable_resolve_time());
      Note(incident, "controller",
           "cause resolved: " + cause.kind() + " " + cause.value() + ", " + cause.how());
    }
    return absl::OkStatus();
  }));
}

absl::Status Incidents::SettleObligations(const std::string& host_id,
                                          const v1::Restore* asked,
                                          const v1::OperationReport& report) {
  if (!WentWell(report.outcome())) return absl::OkStatus();
  MQ_ASSIGN_OR_RETURN(const std::vector<v1::Obligation> all, store_->ObligationsOfHost(host_id));
  const v1::RestoreResult& result = report.result().restore();
  for (v1::Obligation obligation : all) {
    // What a person owes is not done by putting settings back.
    if (obligation.state() != v1::Obligation::STATE_OUTSTANDING || !obligation.duty().empty())
      continue;
    if (asked != nullptr && asked->snapshot_ids_size() > 0 &&
        std::find(asked->snapshot_ids().begin(), asked->snapshot_ids().end(),
                  obligation.snapshot_id()) == asked->snapshot_ids().end()) {
      continue;
    }
    bool undecided = obligation.settings_size() == 0 && result.needs_decision() > 0;
    std::string kept;
    for (const v1::Setting& setting : obligation.settings()) {
      bool mentioned = false;
      for (const v1::RestoredSetting& restored : result.settings()) {
        if (restored.setting().key() != setting.key() ||
            restored.setting().instance() != setting.instance()) {
          continue;
        }
        mentioned = true;
        undecided |= restored.state() == v1::RestoredSetting::STATE_NEEDS_DECISION;
        if (restored.state() == v1::RestoredSetting::STATE_KEPT_AS_FIX) {
          std::string owner;
          MQ_RETURN_IF_ERROR(store_->FindObligation(obligation.obligation_id(), &owner).status());
          MQ_RETURN_IF_ERROR(KeptAsFix(owner, host_id, restored));
          kept += (kept.empty() ? "" : "; ") + setting.key() + ": " + restored.why();
        }
      }
      undecided |= !mentioned;  // Nobody said that it is back.
    }
    if (undecided) continue;
    obligation.set_state(kept.empty() ? v1::Obligation::STATE_RESTORED
                                      : v1::Obligation::STATE_KEPT_AS_FIX);
    obligation.set_reason(kept);
    MQ_RETURN_IF_ERROR(store_->PutObligation("", obligation));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Incidents::IncidentOfLocal(const std::string& host_name,
                                                       const v1::OperationReport& report) {
  MQ_ASSIGN_OR_RETURN(const std::vector<v1::Incident> open, store_->AllIncidents(false));
  if (open.size() == 1) return open.front().incident_id();
  MQ_ASSIGN_OR_RETURN(const v1::Incident made, Open("changed on " + host_name + " itself",
                                                    "local:" + report.command_id(), "controller"));
  return made.incident_id();
}

absl::Status Incidents::SeeQuarantines(const std::string& host_id,
                                       const std::string& host_name,
                                       const v1::OperationReport& report) {
  const auto put = [&](const v1::QuarantineInfo& info) {
    v1::FleetQuarantine seen;
    seen.set_host_id(host_id);
    seen.set_host_name(host_name);
    *seen.mutable_quarantine() = info;
    return store_->PutQuarantine(seen);
  };
  const auto put_all = [&](const auto& quarantines) -> absl::Status {
    for (const auto& info : quarantines) MQ_RETURN_IF_ERROR(put(info));
    return absl::OkStatus();
  };
  const v1::OperationResult& result = report.result();
  MQ_RETURN_IF_ERROR(put_all(result.queue_quarantine().quarantines()));
  MQ_RETURN_IF_ERROR(put_all(result.contain().quarantine().quarantines()));
  if (result.has_quarantine_analyse())
    MQ_RETURN_IF_ERROR(put(result.quarantine_analyse().quarantine()));
  if (result.quarantine_scan()
          .has_quarantine())  // Beside an error, too: what was found until then.
    MQ_RETURN_IF_ERROR(put(result.quarantine_scan().quarantine()));
  if (result.has_quarantine_move()) MQ_RETURN_IF_ERROR(put(result.quarantine_move().quarantine()));
  if (result.has_quarantine_list() && WentWell(report.outcome())) {
    MQ_RETURN_IF_ERROR(store_->DeleteQuarantinesOf(host_id));
    MQ_RETURN_IF_ERROR(put_all(result.quarantine_list().quarantines()));
  }
  const auto left = [&](const std::string& id, std::int64_t count) -> absl::Status {
    MQ_ASSIGN_OR_RETURN(const auto all, store_->Quarantines(""));
    for (const v1::FleetQuarantine& one : all) {
      if (one.host_id() != host_id || one.quarantine().quarantine_id() != id) continue;
      v1::QuarantineInfo info = one.quarantine();
      info.set_messages(count);
      MQ_RETURN_IF_ERROR(put(info));
    }
    return absl::OkStatus();
  };
  if (result.has_quarantine_release()) {
    MQ_RETURN_IF_ERROR(
        left(result.quarantine_release().quarantine_id(), result.quarantine_release().left()));
  }
  if (result.has_quarantine_discard()) {
    MQ_RETURN_IF_ERROR(
        left(result.quarantine_discard().quarantine_id(), result.quarantine_discard().left()));
  }
  return absl::OkStatus();
}

void Incidents::Drifted(const std::string& host_id,
                        const std::string& host_name,
                        const std::vector<std::string>& drifted) {
  const std::lock_guard<std::recursive_mutex> lock(mu_);
  const absl::StatusOr<std::vector<v1::Obligation>> all = store_->ObligationsOfHost(host_id);
  if (!all.ok()) return;
  std::set<std::string> concerned;
  for (const v1::Obligation& obligation : *all) {
    std::string owner;
    if (obligation.state() == v1::Obligation::STATE_OUTSTANDING &&
        store_->FindObligation(obligation.obligation_id(), &owner).ok())
      concerned.insert(owner);
  }
  std::string text = "drift on " + host_name + ": ";
  if (drifted.empty()) text += "none any more";
  for (std::size_t i = 0; i < drifted.size(); ++i) text += (i == 0 ? "" : ", ") + drifted[i];
  if (!drifted.empty()) text += " was changed since it was locked";
  for (const std::string& id : concerned) {
    Edit(id, [&](v1::Incident* incident) {
      Note(incident, "controller", text);
      return absl::OkStatus();
    }).IgnoreError();
  }
}

// What was queued before the first change goes into the timeline, once.
absl::Status Incidents::NoteEvidence(const std::string& incident_id,
                                     const std::string& host_name,
                                     const v1::QueueSurveyResult& evidence) {
  for (const v1::InstanceSurvey& survey : evidence.instances()) {
    const std::string text = "evidence from " + host_name + ", instance " + survey.instance() +
                             ", before the first change: " + (survey.partial() ? "at least " : "") +
                             std::to_string(survey.messages()) + " messages" +
                             WhoStandsOut(survey.picture());
    MQ_RETURN_IF_ERROR(UnlessClosed(Edit(incident_id, [&](v1::Incident* incident) {
      NoteOnce(incident, text);
      return absl::OkStatus();
    })));
  }
  return absl::OkStatus();
}

// What a person did and saw stands in the timeline under that person's name, once.
absl::Status Incidents::NoteByHand(const std::string& incident_id,
                                   const std::string& host_name,
                                   const std::string& run_id,
                                   const v1::OperationReport& report) {
  const std::string text = "by hand on " + host_name + ": " + report.operation() + " " +
                           InWords(report.manual()) + " (run " + run_id + ")";
  return UnlessClosed(Edit(incident_id, [&](v1::Incident* incident) {
    const bool told = std::any_of(incident->timeline().begin(), incident->timeline().end(),
                                  [&](const auto& entry) { return entry.text() == text; });
    if (!told) Note(incident, report.manual().confirmed_by(), text);
    return absl::OkStatus();
  }));
}

// A block that every host of its run has resolves the cause that it names.
absl::Status Incidents::Blocked(const v1::Run& run,
                                const std::string& incident_id,
                                const v1::Operation& operation) {
  const v1::SenderBlock& block = operation.sender_block();
  v1::AddCauseRequest cause;
  cause.set_incident_id(incident_id);
  cause.set_kind(block.has_account() ? "account" : block.has_client() ? "client" : "local_user");
  cause.set_value(block.has_account()  ? block.account()
                  : block.has_client() ? block.client()
                                       : block.local_user());
  const absl::StatusOr<v1::Incident> incident =
      AddCause(cause, "controller", "", /*known_is_enough=*/true);
  if (!incident.ok()) return UnlessClosed(incident);
  if (!BlockedEverywhere(run, operation)) return absl::OkStatus();
  for (const v1::Cause& known : incident->causes()) {
    if (known.kind() != cause.kind() || known.value() != cause.value() || known.resolved())
      continue;
    v1::ResolveCauseRequest resolved;
    resolved.set_incident_id(incident_id);
    resolved.set_cause_id(known.cause_id());
    resolved.set_how("blocked on " + std::to_string(run.hosts_size()) + " hosts by run " +
                     run.run_id());
    MQ_RETURN_IF_ERROR(ResolveCause(resolved, "controller").status());
  }
  return absl::OkStatus();
}

absl::Status Incidents::Reported(const v1::Run& run,
                                 const std::string& host_id,
                                 const std::string& host_name,
                                 const v1::Operation* operation,
                                 const v1::OperationReport& report) {
  const std::lock_guard<std::recursive_mutex> lock(mu_);
  return store_->Transaction([&] { return Keep(run, host_id, host_name, operation, report); });
}

absl::Status Incidents::Keep(const v1::Run& run,
                             const std::string& host_id,
                             const std::string& host_name,
                             const v1::Operation* operation,
                             const v1::OperationReport& report) {
  const v1::OperationResult& result = report.result();
  MQ_RETURN_IF_ERROR(SeeQuarantines(host_id, host_name, report));
  // Both parts of a containment may share one snapshot; then it is one obligation.
  v1::ChangeResult lock_part = result.contain().lock();
  if (lock_part.snapshot_id() == result.contain().silence().snapshot_id()) {
    lock_part.mutable_settings()->MergeFrom(result.contain().silence().settings());
    if (lock_part.organisation().empty())
      lock_part.set_organisation(result.contain().silence().organisation());
  }
  const std::pair<const char*, const v1::ChangeResult*> changes[] = {
      {"relay.lock", &result.relay_lock()},
      {"ndr.silence", &result.ndr_silence()},
      {"sender.block", &result.sender_block()},
      {"shadow.suspend", &result.shadow_suspend()},
      {"egress.set", &result.egress_set()},
      {"contain", &lock_part},
      {"contain", &result.contain().silence()},
      {report.operation().c_str(), &report.changed_by_hand()}};
  std::string incident_id = run.incident_id();
  for (const auto& [name, change] : changes) {
    if (change->snapshot_id().empty() && change->duties().empty()) continue;
    if (incident_id.empty()) {
      MQ_ASSIGN_OR_RETURN(incident_id, IncidentOfLocal(host_name, report));
    }
    MQ_RETURN_IF_ERROR(Owe(incident_id, host_id, host_name, name, *change));
    MQ_RETURN_IF_ERROR(OweDuties(incident_id, host_id, host_name, report, *change));
  }
  if (result.has_restore()) {
    MQ_RETURN_IF_ERROR(
        SettleObligations(host_id, operation == nullptr ? nullptr : &operation->restore(), report));
  }
  if (incident_id.empty()) return absl::OkStatus();
  if (report.has_manual())
    MQ_RETURN_IF_ERROR(NoteByHand(incident_id, host_name, run.run_id(), report));
  if (operation == nullptr && !run.run_id().empty()) {
    MQ_RETURN_IF_ERROR(UnlessClosed(Edit(incident_id, [&](v1::Incident* incident) {
      NoteOnce(incident, host_name + " did alone at the end of its lease: " + report.operation() +
                             ", " + OutcomeName(report.outcome()) + " (run " + run.run_id() + ")");
      return absl::OkStatus();
    })));
  }
  MQ_RETURN_IF_ERROR(NoteEvidence(incident_id, host_name, result.contain().evidence()));
  if (operation == nullptr) return absl::OkStatus();
  if (operation->has_sender_block() && WentWell(report.outcome()))
    MQ_RETURN_IF_ERROR(Blocked(run, incident_id, *operation));
  // Most reports end here; the store is asked for the other runs once a run's hosts are all done.
  if (!IsContaining(*operation) || !AllContained(run)) return absl::OkStatus();
  MQ_ASSIGN_OR_RETURN(const FleetPicture picture, PictureWith(run));
  if (!picture.NotContained().empty()) return absl::OkStatus();
  return UnlessClosed(Edit(incident_id, [&](v1::Incident* incident) {
    if (incident->state() != v1::INCIDENT_STATE_CONTAINING) return absl::OkStatus();
    MarkContained(clock_->Now(), incident);
    NoteOnce(incident, "contained: " + std::to_string(run.hosts_size()) + " hosts (run " +
                           run.run_id() + ")");
    return absl::OkStatus();
  }));
}

}  // namespace mailquench::controller
