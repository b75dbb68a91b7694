#include "controller/incidents/incidents.h"

#include <algorithm>
#include <set>

#include "common/status/error.h"
#include "controller/store/ids.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

absl::Status Missing(const std::string& what) {
  return Error(absl::StatusCode::kInvalidArgument, "MISSING_REASON",
               what + "; nothing was changed");
}

}  // namespace

void Incidents::Note(v1::Incident* incident, const std::string& actor, const std::string& text) {
  v1::TimelineEntry* entry = incident->add_timeline();
  StampTime(clock_->Now(), entry->mutable_time());
  entry->set_actor(actor);
  entry->set_text(text);
}

void Incidents::NoteOnce(v1::Incident* incident, const std::string& text) {
  for (const v1::TimelineEntry& entry : incident->timeline()) {
    if (entry.text() == text) return;
  }
  Note(incident, "controller", text);
}

absl::StatusOr<v1::Incident> Incidents::Edit(const std::string& id, const Change& change) {
  const std::lock_guard<std::recursive_mutex> lock(mu_);
  MQ_ASSIGN_OR_RETURN(v1::Incident incident, store_->FindIncident(id));
  if (incident.state() == v1::INCIDENT_STATE_CLOSED) {
    return Error(absl::StatusCode::kFailedPrecondition, "INCIDENT_CLOSED",
                 "the incident " + id + " is closed; nothing was changed; open a new one");
  }
  MQ_RETURN_IF_ERROR(change(&incident));
  MQ_RETURN_IF_ERROR(store_->PutIncident(incident));
  return store_->FindIncident(id);
}

absl::StatusOr<v1::Incident> Incidents::Open(const std::string& title,
                                             const std::string& request_id,
                                             const std::string& actor) {
  const std::lock_guard<std::recursive_mutex> lock(mu_);
  const std::string request = request_id.empty() ? NewId() : request_id;
  const absl::StatusOr<std::string> before = store_->IncidentOfRequest(request);
  if (before.ok()) return store_->FindIncident(*before);
  if (!absl::IsNotFound(before.status())) return before.status();
  v1::Incident incident;
  incident.set_incident_id(NewId());
  incident.set_title(title.empty() ? "mail abuse" : title);
  incident.set_state(v1::INCIDENT_STATE_OPEN);
  incident.set_opened_by(actor);
  StampTime(clock_->Now(), incident.mutable_open_time());
  Note(&incident, actor, "opened: " + incident.title());
  MQ_RETURN_IF_ERROR(store_->InsertIncident(incident, request));
  return incident;
}

absl::StatusOr<v1::Incident> Incidents::AddNote(const v1::AddNoteRequest& request,
                                                const std::string& actor) {
  return Edit(request.incident_id(), [&](v1::Incident* incident) {
    Note(incident, actor, request.text());
    return absl::OkStatus();
  });
}

absl::StatusOr<v1::Incident> Incidents::AddCause(const v1::AddCauseRequest& request,
                                                 const std::string& actor,
                                                 const std::string& host_id,
                                                 bool known_is_enough) {
  static const std::set<std::string> kKinds = {"account", "client", "local_user", "open_relay",
                                               "other"};
  if (kKinds.count(request.kind()) == 0 || request.value().empty()) {
    return Error(absl::StatusCode::kInvalidArgument, "BAD_CAUSE",
                 "'" + request.kind() + "' with value '" + request.value() +
                     "' is no cause: the kind is account, client, local_user, open_relay or other, "
                     "and the value is not empty; nothing was changed");
  }
  return Edit(request.incident_id(), [&](v1::Incident* incident) {
    for (v1::Cause& cause : *incident->mutable_causes()) {
      if (cause.kind() != request.kind() || cause.value() != request.value()) continue;
      if (cause.host_id().empty()) cause.set_host_id(host_id);
      if (!cause.resolved() || known_is_enough) return absl::OkStatus();
      cause.set_resolved(false);
      cause.clear_how();
      cause.clear_resolve_time();
      Note(incident, actor, "cause again: " + request.kind() + " " + request.value());
      return absl::OkStatus();
    }
    v1::Cause* cause = incident->add_causes();
    cause->set_cause_id(NewId());
    cause->set_kind(request.kind());
    cause->set_value(request.value());
    cause->set_host_id(host_id);
    Note(incident, actor, "cause: " + request.kind() + " " + request.value());
    return absl::OkStatus();
  });
}

absl::StatusOr<v1::Incident> Incidents::ResolveCause(const v1::ResolveCauseRequest& request,
                                                     const std::string& actor) {
  if (request.how().empty()) return Missing("say how the cause was resolved");
  return Edit(request.incident_id(), [&](v1::Incident* incident) {
    for (v1::Cause& cause : *incident->mutable_causes()) {
      if (cause.cause_id() != request.cause_id()) continue;
      cause.set_resolved(true);
      cause.set_how(request.how());
      StampTime(clock_->Now(), cause.mutable_resolve_time());
      Note(incident, actor,
           "cause resolved: " + cause.kind() + " " + cause.value() + ", " + cause.how());
      return absl::OkStatus();
    }
    return Error(absl::StatusCode::kNotFound, "CAUSE_NOT_FOUND",
                 "the incident has no cause " + request.cause_id() + "; nothing was changed");
  });
}

absl::StatusOr<v1::Incident> Incidents::Waive(const v1::WaiveObligationRequest& request,
                                              const std::string& actor) {
  if (request.reason().empty()) return Missing("an obligation is waived only with a reason");
  return Edit(request.incident_id(), [&](v1::Incident* incident) {
    for (v1::Obligation& obligation : *incident->mutable_obligations()) {
      if (obligation.obligation_id() != request.obligation_id()) continue;
      if (obligation.state() != v1::Obligation::STATE_OUTSTANDING) return absl::OkStatus();
      if (request.done() && obligation.duty().empty()) {
        return Error(absl::StatusCode::kFailedPrecondition, "NOT_A_DUTY",
                     obligation.obligation_id() +
                         " is settings of a host, not a person's duty; nothing was changed; "
                         "restore them, or waive them with a reason");
      }
      obligation.set_state(request.done() ? v1::Obligation::STATE_DONE
                                          : v1::Obligation::STATE_WAIVED);
      obligation.set_reason(request.reason());
      const std::string what =
          obligation.duty().empty() ? obligation.obligation_id() : obligation.duty();
      Note(incident, actor,
           (request.done() ? "done: " : "waived: ") + what + ", " + request.reason());
      return store_->PutObligation(incident->incident_id(), obligation);
    }
    return Error(
        absl::StatusCode::kNotFound, "OBLIGATION_NOT_FOUND",
        "the incident has no obligation " + request.obligation_id() + "; nothing was changed");
  });
}

absl::StatusOr<v1::Incident> Incidents::Close(const v1::CloseIncidentRequest& request,
                                              const std::string& actor) {
  return Edit(request.incident_id(), [&](v1::Incident* incident) {
    std::string outstanding, duties;
    for (const v1::Obligation& o : incident->obligations()) {
      if (o.state() != v1::Obligation::STATE_OUTSTANDING) continue;
      std::string& list = o.duty().empty() ? outstanding : duties;
      list += (list.empty() ? "" : ", ") + o.obligation_id() + " (" +
              (!o.duty().empty()
                   ? o.duty()
                   : o.operation() + " on " + o.host_name() +
                         (o.organisation().empty() ? "" : " for all of " + o.organisation())) +
              ")";
    }
    if (!outstanding.empty()) {
      return Error(absl::StatusCode::kFailedPrecondition, "OBLIGATION_OUTSTANDING",
                   "these settings are still as the incident changed them: " + outstanding +
                       (duties.empty() ? "" : "; and a person owes: " + duties) +
                       "; the incident stays open; restore them, or waive each with a reason");
    }
    if (!duties.empty()) {
      return Error(absl::StatusCode::kFailedPrecondition, "OBLIGATION_OUTSTANDING",
                   "a person still owes: " + duties +
                       "; the incident stays open; say of each how it was done with 'mailquench "
                       "incident done', or waive it with a reason");
    }
    MQ_ASSIGN_OR_RETURN(const std::string changing, StillChanging(incident->incident_id()));
    if (!changing.empty()) {
      return Error(
          absl::StatusCode::kFailedPrecondition, "STILL_CHANGING",
          "settings may still be changing: " + changing +
              "; the incident stays open; wait for the report, run contain again with "
              "--incident where hosts were left stopped, say what became of a step that is "
              "done by hand with 'mailquench run confirm', or evict a host that "
              "is gone for good");
    }
    incident->set_state(v1::INCIDENT_STATE_CLOSED);
    StampTime(clock_->Now(), incident->mutable_close_time());
    Note(incident, actor, "closed: " + request.summary());
    MQ_RETURN_IF_ERROR(NoteOpenListings(incident));
    return absl::OkStatus();
  });
}

absl::Status Incidents::AllowRestore(const std::string& incident_id,
                                     const v1::Restore& restore,
                                     const std::set<std::string>& host_ids) {
  MQ_ASSIGN_OR_RETURN(const v1::Incident incident, store_->FindIncident(incident_id));
  std::string open;
  for (const v1::Cause& cause : incident.causes()) {
    // One host's own setting keeps no other host from being restored.
    if (cause.resolved() || (!cause.host_id().empty() && host_ids.count(cause.host_id()) == 0))
      continue;
    const bool kept = std::any_of(restore.decisions().begin(), restore.decisions().end(),
                                  [&](const auto& decision) {
                                    return decision.choice() == v1::RESTORE_CHOICE_KEEP_AS_FIX &&
                                           !decision.reason().empty() &&
                                           IsSetting(cause, decision.instance(), decision.key());
                                  });
    if (kept && !cause.host_id().empty()) continue;
    open += (open.empty() ? "" : ", ") + cause.kind() + " " + cause.value();
  }
  if (open.empty()) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "CAUSE_UNRESOLVED",
               "restore waits for these causes: " + open +
                   "; nothing was restored; block each, keep its setting as a fix, or mark it as "
                   "resolved with how");
}

}  // namespace mailquench::controller
