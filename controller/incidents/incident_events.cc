// What the beginning and the end of a run mean for an incident.
#include <algorithm>

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

}  // namespace mailquench::controller
