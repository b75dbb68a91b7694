// What runs and reports mean for an incident.
#include <algorithm>
#include <set>

#include "common/status/error.h"
#include "controller/incidents/incidents.h"
#include "controller/runs/engine.h"
#include "controller/store/ids.h"

namespace mailquench::controller {
namespace {

bool IsContaining(const v1::Operation& operation) {
  return operation.has_contain() || operation.has_relay_lock();
}

template <typename Predicate>
bool HasStep(const v1::Run& run, Predicate predicate) {
  return std::any_of(run.playbook().steps().begin(), run.playbook().steps().end(),
                     [&](const v1::PlaybookStep& step) { return predicate(step.operation()); });
}

// Every containing step of every host has gone well.
bool AllContained(const v1::Run& run) {
  for (const v1::RunHost& host : run.hosts()) {
    for (const v1::HostStep& step : host.steps()) {
      if (IsContaining(run.playbook().steps(step.step()).operation()) &&
          !WentWell(step.report().outcome())) {
        return false;
      }
    }
  }
  return true;
}

// Every host of the run has this block, so that what it names is shut.
bool BlockedEverywhere(const v1::Run& run, const v1::Operation& block) {
  for (const v1::RunHost& host : run.hosts()) {
    for (const v1::HostStep& step : host.steps()) {
      const v1::Operation& operation = run.playbook().steps(step.step()).operation();
      if (operation.SerializeAsString() == block.SerializeAsString() &&
          !WentWell(step.report().outcome())) {
        return false;
      }
    }
  }
  return true;
}

void MarkContained(absl::Time now, v1::Incident* incident) {
  incident->set_state(v1::INCIDENT_STATE_CONTAINED);
  if (incident->has_contain_time()) return;
  const std::int64_t nanos = absl::ToUnixNanos(now);
  incident->mutable_contain_time()->set_seconds(nanos / 1000000000);
  incident->mutable_contain_time()->set_nanos(static_cast<std::int32_t>(nanos % 1000000000));
  const std::int64_t took =
      nanos - incident->open_time().seconds() * 1000000000 - incident->open_time().nanos();
  incident->mutable_time_to_contain()->set_seconds(took / 1000000000);
  incident->mutable_time_to_contain()->set_nanos(static_cast<std::int32_t>(took % 1000000000));
}

}  // namespace

void Incidents::RunStarted(const v1::Run& run) {
  if (run.incident_id().empty()) return;
  Edit(run.incident_id(), [&](v1::Incident* incident) {
    Note(incident, run.requested_by(),
         "run " + run.run_id() + " started: " + run.playbook().name() + " on " +
             std::to_string(run.hosts_size()) + " hosts");
    if (HasStep(run, IsContaining)) {
      incident->set_state(v1::INCIDENT_STATE_CONTAINING);
    } else if (HasStep(run, [](const v1::Operation& o) { return o.has_restore(); })) {
      incident->set_state(v1::INCIDENT_STATE_RESTORING);
    } else if (HasStep(run, [](const v1::Operation& o) { return o.has_queue_watch(); }) &&
               incident->state() == v1::INCIDENT_STATE_CONTAINED) {
      incident->set_state(v1::INCIDENT_STATE_VERIFYING);
    }
    return absl::OkStatus();
  }).IgnoreError();
}

void Incidents::RunEnded(const v1::Run& run) {
  if (run.incident_id().empty()) return;
  Edit(run.incident_id(), [&](v1::Incident* incident) {
    Note(incident, "controller",
         "run " + run.run_id() + " ended: " + v1::RunState_Name(run.state()).substr(10) +
             (run.stop_reason().empty() ? "" : ", " + run.stop_reason()));
    bool watched = false, quiet = true, refilling = false;
    for (const v1::RunHost& host : run.hosts()) {
      for (const v1::HostStep& step : host.steps()) {
        if (!run.playbook().steps(step.step()).operation().has_queue_watch()) continue;
        const v1::WatchVerdict verdict = step.report().result().queue_watch().verdict();
        watched = true;
        quiet &= verdict == v1::WATCH_VERDICT_QUIET;
        if (verdict != v1::WATCH_VERDICT_REFILLING) continue;
        refilling = true;
        Note(incident, "controller", "the queue of " + host.name() + " is refilling");
      }
    }
    if (HasStep(run, IsContaining)) {
      const bool wrong = std::any_of(run.hosts().begin(), run.hosts().end(), [&](const auto& host) {
        return std::any_of(host.steps().begin(), host.steps().end(), [&](const auto& step) {
          const v1::PlaybookStep& said = run.playbook().steps(step.step());
          return !said.continue_on_failure() && !said.operation().has_queue_watch() &&
                 !WentWell(step.report().outcome());
        });
      });
      if (wrong) {  // A lock that its probe did not prove is no containment.
        incident->set_state(v1::INCIDENT_STATE_CONTAINING);
        incident->clear_contain_time();
        incident->clear_time_to_contain();
        return absl::OkStatus();
      }
      MarkContained(clock_->Now(), incident);
    }
    if (refilling) {
      incident->set_state(v1::INCIDENT_STATE_REFILLING);
    } else if (watched && quiet &&
               (incident->state() == v1::INCIDENT_STATE_CONTAINED ||
                incident->state() == v1::INCIDENT_STATE_VERIFYING)) {
      incident->set_state(v1::INCIDENT_STATE_CLEAN);
      Note(incident, "controller", "clean: every queue was watched and stayed quiet");
    } else if (watched && incident->state() == v1::INCIDENT_STATE_VERIFYING) {
      incident->set_state(v1::INCIDENT_STATE_CONTAINED);
    }
    return absl::OkStatus();
  }).IgnoreError();
}

void Incidents::Owe(const std::string& incident_id,
                    const std::string& host_id,
                    const std::string& host_name,
                    const std::string& operation,
                    const v1::ChangeResult& change) {
  if (change.snapshot_id().empty() || incident_id.empty()) return;
  const std::string id = host_id + "/" + change.snapshot_id();
  std::string owner;
  if (store_->FindObligation(id, &owner).ok()) return;  // A repeat, whatever became of it.
  v1::Obligation obligation;
  obligation.set_obligation_id(id);
  obligation.set_host_id(host_id);
  obligation.set_host_name(host_name);
  obligation.set_snapshot_id(change.snapshot_id());
  obligation.set_operation(operation);
  obligation.set_state(v1::Obligation::STATE_OUTSTANDING);
  *obligation.mutable_settings() = change.settings();
  store_->PutObligation(incident_id, obligation).IgnoreError();
  for (const v1::Setting& setting : change.settings()) {
    if (!setting.opened_relay()) continue;
    v1::AddCauseRequest cause;
    cause.set_incident_id(incident_id);
    cause.set_kind("open_relay");
    cause.set_value(host_name + " " + setting.instance() + " " + setting.key());
    AddCause(cause, "controller").IgnoreError();
  }
}

void Incidents::SettleObligations(const std::string& host_id,
                                  const v1::Restore* asked,
                                  const v1::OperationReport& report) {
  if (!WentWell(report.outcome())) return;
  const absl::StatusOr<std::vector<v1::Obligation>> all = store_->ObligationsOfHost(host_id);
  if (!all.ok()) return;
  const v1::RestoreResult& result = report.result().restore();
  for (v1::Obligation obligation : *all) {
    if (obligation.state() != v1::Obligation::STATE_OUTSTANDING) continue;
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
          kept += (kept.empty() ? "" : "; ") + setting.key() + ": " + restored.why();
        }
      }
      undecided |= !mentioned;  // Nobody said that it is back.
    }
    if (undecided) continue;
    obligation.set_state(kept.empty() ? v1::Obligation::STATE_RESTORED
                                      : v1::Obligation::STATE_KEPT_AS_FIX);
    obligation.set_reason(kept);
    store_->PutObligation("", obligation).IgnoreError();
  }
}

std::string Incidents::IncidentOfLocal(const std::string& host_name,
                                       const v1::OperationReport& report) {
  const absl::StatusOr<std::vector<v1::Incident>> open = store_->AllIncidents(false);
  if (open.ok() && open->size() == 1) return open->front().incident_id();
  const absl::StatusOr<v1::Incident> made =
      Open("changed on " + host_name + " itself", "local:" + report.command_id(), "controller");
  return made.ok() ? made->incident_id() : "";
}

void Incidents::SeeQuarantines(const std::string& host_id,
                               const std::string& host_name,
                               const v1::OperationReport& report) {
  const auto put = [&](const v1::QuarantineInfo& info) {
    v1::FleetQuarantine seen;
    seen.set_host_id(host_id);
    seen.set_host_name(host_name);
    *seen.mutable_quarantine() = info;
    store_->PutQuarantine(seen).IgnoreError();
  };
  const v1::OperationResult& result = report.result();
  for (const auto& info : result.queue_quarantine().quarantines()) put(info);
  for (const auto& info : result.contain().quarantine().quarantines()) put(info);
  if (result.has_quarantine_analyse()) put(result.quarantine_analyse().quarantine());
  if (result.has_quarantine_list() && WentWell(report.outcome())) {
    store_->DeleteQuarantinesOf(host_id).IgnoreError();
    for (const auto& info : result.quarantine_list().quarantines()) put(info);
  }
  const auto left = [&](const std::string& id, std::int64_t count) {
    const auto all = store_->Quarantines("");
    if (!all.ok()) return;
    for (const v1::FleetQuarantine& one : *all) {
      if (one.host_id() != host_id || one.quarantine().quarantine_id() != id) continue;
      v1::QuarantineInfo info = one.quarantine();
      info.set_messages(count);
      put(info);
    }
  };
  if (result.has_quarantine_release()) {
    left(result.quarantine_release().quarantine_id(), result.quarantine_release().left());
  }
  if (result.has_quarantine_discard()) {
    left(result.quarantine_discard().quarantine_id(), result.quarantine_discard().left());
  }
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
void Incidents::NoteEvidence(const std::string& incident_id,
                             const std::string& host_name,
                             const v1::QueueSurveyResult& evidence) {
  for (const v1::InstanceSurvey& survey : evidence.instances()) {
    std::string text = "evidence from " + host_name + ", instance " + survey.instance() +
                       ", before the first change: " + (survey.partial() ? "at least " : "") +
                       std::to_string(survey.messages()) + " messages";
    const auto top = [&text](const char* what, const auto& all) {
      if (all.size() == 0) return;
      text += std::string(", most by ") + what + " " + all.Get(0).value() + " (" +
              std::to_string(all.Get(0).messages()) + ")";
    };
    top("sender", survey.picture().senders());
    top("account", survey.picture().accounts());
    top("client", survey.picture().clients());
    Edit(incident_id, [&](v1::Incident* incident) {
      for (const auto& known : incident->timeline()) {
        if (known.text() == text) return absl::OkStatus();
      }
      Note(incident, "controller", text);
      return absl::OkStatus();
    }).IgnoreError();
  }
}

void Incidents::Reported(const v1::Run& run,
                         const std::string& host_id,
                         const std::string& host_name,
                         const v1::Operation* operation,
                         const v1::OperationReport& report) {
  const std::lock_guard<std::recursive_mutex> lock(mu_);
  const v1::OperationResult& result = report.result();
  SeeQuarantines(host_id, host_name, report);
  const bool changes = !result.relay_lock().snapshot_id().empty() ||
                       !result.ndr_silence().snapshot_id().empty() ||
                       !result.sender_block().snapshot_id().empty() ||
                       !result.contain().lock().snapshot_id().empty() ||
                       !result.contain().silence().snapshot_id().empty();
  std::string incident_id = run.incident_id();
  if (incident_id.empty() && changes) incident_id = IncidentOfLocal(host_name, report);
  Owe(incident_id, host_id, host_name, "relay.lock", result.relay_lock());
  Owe(incident_id, host_id, host_name, "ndr.silence", result.ndr_silence());
  Owe(incident_id, host_id, host_name, "sender.block", result.sender_block());
  // Both parts of a containment may share one snapshot; then it is one obligation.
  v1::ChangeResult lock_part = result.contain().lock();
  if (lock_part.snapshot_id() == result.contain().silence().snapshot_id()) {
    lock_part.mutable_settings()->MergeFrom(result.contain().silence().settings());
  }
  Owe(incident_id, host_id, host_name, "contain", lock_part);
  Owe(incident_id, host_id, host_name, "contain", result.contain().silence());
  if (!incident_id.empty()) NoteEvidence(incident_id, host_name, result.contain().evidence());
  if (result.has_restore()) {
    SettleObligations(host_id, operation == nullptr ? nullptr : &operation->restore(), report);
  }
  if (operation != nullptr && operation->has_sender_block() && WentWell(report.outcome()) &&
      !incident_id.empty()) {
    const v1::SenderBlock& block = operation->sender_block();
    v1::AddCauseRequest cause;
    cause.set_incident_id(incident_id);
    cause.set_kind(block.has_account() ? "account" : block.has_client() ? "client" : "local_user");
    cause.set_value(block.has_account()  ? block.account()
                    : block.has_client() ? block.client()
                                         : block.local_user());
    const absl::StatusOr<v1::Incident> incident = AddCause(cause, "controller");
    if (!incident.ok()) return;
    for (const v1::Cause& known : incident->causes()) {
      if (known.kind() != cause.kind() || known.value() != cause.value() || known.resolved() ||
          !BlockedEverywhere(run, *operation)) {
        continue;
      }
      v1::ResolveCauseRequest resolved;
      resolved.set_incident_id(incident_id);
      resolved.set_cause_id(known.cause_id());
      resolved.set_how("blocked on " + std::to_string(run.hosts_size()) + " hosts by run " +
                       run.run_id());
      ResolveCause(resolved, "controller").IgnoreError();
    }
  }
  if (operation != nullptr && IsContaining(*operation) && !incident_id.empty() &&
      AllContained(run)) {
    Edit(incident_id, [&](v1::Incident* incident) {
      if (incident->state() != v1::INCIDENT_STATE_CONTAINING) return absl::OkStatus();
      MarkContained(clock_->Now(), incident);
      Note(incident, "controller", "contained: " + std::to_string(run.hosts_size()) + " hosts");
      return absl::OkStatus();
    }).IgnoreError();
  }
}

}  // namespace mailquench::controller
