// What the beginning and the end of a run mean for an incident.
#include <algorithm>
#include <initializer_list>

#include "common/status/error.h"
#include "controller/incidents/incident_rules.h"
#include "controller/incidents/incidents.h"
#include "controller/runs/engine.h"

namespace mailquench::controller {
namespace {

template <typename Predicate>
bool HasStep(const v1::Run& run, Predicate predicate) {
  return std::any_of(run.playbook().steps().begin(), run.playbook().steps().end(),
                     [&](const v1::PlaybookStep& step) { return predicate(step.operation()); });
}

}  // namespace

absl::StatusOr<FleetPicture> Incidents::PictureWith(const v1::Run& run) {
  MQ_ASSIGN_OR_RETURN(std::vector<v1::Run> runs, store_->RunsOfIncident(run.incident_id()));
  std::reverse(runs.begin(), runs.end());
  FleetPicture picture;
  // This one knows more than the store yet may.
  for (const v1::Run& other : runs) picture.Add(other.run_id() == run.run_id() ? run : other);
  MQ_ASSIGN_OR_RETURN(const std::set<std::string> gone, store_->HostsNotActive());
  for (const std::string& id : gone) picture.Forget(id);
  return picture;
}

// Whether some host of the run is not contained by those before it.
absl::StatusOr<bool> Incidents::JoinsWith(const v1::Run& run, const v1::Incident& incident) {
  if (!incident.has_contain_time()) return false;  // It is waited for already.
  v1::Run before = run;
  before.clear_hosts();
  MQ_ASSIGN_OR_RETURN(const FleetPicture picture, PictureWith(before));
  return std::any_of(run.hosts().begin(), run.hosts().end(),
                     [&](const auto& host) { return !picture.Contained(host.host_id()); });
}

absl::Status Incidents::RunStarted(const v1::Run& run) {
  if (run.incident_id().empty()) return absl::OkStatus();
  const auto changed = Edit(run.incident_id(), [&](v1::Incident* incident) -> absl::Status {
    Note(incident, run.requested_by(),
         "run " + run.run_id() + " started: " + run.playbook().name() + " on " +
             std::to_string(run.hosts_size()) + " hosts");
    if (HasStep(run, IsContaining)) {
      // The time to contain is that of the last host: one that joins now is waited for.
      MQ_ASSIGN_OR_RETURN(const bool joins, JoinsWith(run, *incident));
      if (joins) {
        incident->clear_contain_time();
        incident->clear_time_to_contain();
      }
      incident->set_state(v1::INCIDENT_STATE_CONTAINING);
    } else if (HasStep(run, [](const v1::Operation& o) { return o.has_restore(); })) {
      incident->set_state(v1::INCIDENT_STATE_RESTORING);
    } else if (HasStep(run, [](const v1::Operation& o) { return o.has_queue_watch(); }) &&
               incident->state() == v1::INCIDENT_STATE_CONTAINED) {
      incident->set_state(v1::INCIDENT_STATE_VERIFYING);
    }
    return absl::OkStatus();
  });
  return absl::IsInternal(changed.status()) ? changed.status() : absl::OkStatus();
}

void Incidents::Judge(const v1::Run& run, const FleetPicture& picture, v1::Incident* incident) {
  const auto is = [&](std::initializer_list<v1::IncidentState> states) {
    return std::find(states.begin(), states.end(), incident->state()) != states.end();
  };
  bool watched = false, refilling = false;
  for (const v1::RunHost& host : run.hosts()) {
    for (const v1::HostStep& step : host.steps()) {
      if (!run.playbook().steps(step.step()).operation().has_queue_watch()) continue;
      watched = true;
      if (step.report().result().queue_watch().verdict() != v1::WATCH_VERDICT_REFILLING ||
          !picture.Refilling(host.host_id()))
        continue;
      refilling = true;
      NoteOnce(incident,
               "the queue of " + host.name() + " is refilling (run " + run.run_id() + ")");
    }
  }
  if (HasStep(run, IsContaining)) {
    const std::string open = picture.NotContained();
    if (!open.empty()) {
      NoteOnce(incident, "not contained after run " + run.run_id() + ": " + open);
      if (!is({v1::INCIDENT_STATE_RESTORING})) incident->set_state(v1::INCIDENT_STATE_CONTAINING);
      incident->clear_contain_time();
      incident->clear_time_to_contain();
      return;
    }
    if (is({v1::INCIDENT_STATE_OPEN, v1::INCIDENT_STATE_CONTAINING}))
      MarkContained(clock_->Now(), incident);
  }
  if (refilling) {
    incident->set_state(v1::INCIDENT_STATE_REFILLING);
    return;
  }
  if (!watched || !is({v1::INCIDENT_STATE_CONTAINED, v1::INCIDENT_STATE_VERIFYING})) return;
  const std::string loud = picture.NotQuiet();
  if (loud.empty()) {
    incident->set_state(v1::INCIDENT_STATE_CLEAN);
    NoteOnce(incident,
             "clean after run " + run.run_id() + ": every queue was watched and stayed quiet");
  } else {
    incident->set_state(v1::INCIDENT_STATE_CONTAINED);
    NoteOnce(incident, "not yet seen quiet after run " + run.run_id() + ": " + loud);
  }
}

bool Incidents::Concluded(const v1::Run& run) {
  const auto incident = store_->FindIncident(run.incident_id());
  if (!incident.ok()) return true;  // Of none.
  const std::string text = "run " + run.run_id() + " ended: ";
  return std::any_of(incident->timeline().begin(), incident->timeline().end(),
                     [&](const auto& entry) { return entry.text().rfind(text, 0) == 0; });
}

void Incidents::RunEnded(const v1::Run& run) {
  if (run.incident_id().empty()) return;
  Edit(run.incident_id(), [&](v1::Incident* incident) -> absl::Status {
    NoteOnce(incident, "run " + run.run_id() +
                           " ended: " + v1::RunState_Name(run.state()).substr(10) +
                           (run.stop_reason().empty() ? "" : ", " + run.stop_reason()));
    MQ_ASSIGN_OR_RETURN(const FleetPicture picture, PictureWith(run));
    Judge(run, picture, incident);
    return absl::OkStatus();
  }).IgnoreError();
}

}  // namespace mailquench::controller
