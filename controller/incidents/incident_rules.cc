#include "controller/incidents/incident_rules.h"

#include "controller/runs/engine.h"

namespace mailquench::controller {

bool IsContaining(const v1::Operation& operation) {
  return operation.has_contain() || operation.has_relay_lock();
}

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

void FleetPicture::Add(const v1::Run& run) {
  for (const v1::RunHost& host : run.hosts()) {
    bool containing = false, contained = true;
    for (const v1::HostStep& step : host.steps()) {
      const v1::PlaybookStep& said = run.playbook().steps(step.step());
      const v1::Outcome outcome = step.report().outcome();
      if (IsContaining(said.operation())) {
        containing = true;
        contained = contained && WentWell(outcome);
      } else if (!said.continue_on_failure() && !said.operation().has_queue_watch() &&
                 outcome != v1::OUTCOME_UNSPECIFIED) {
        // A lock that its probe did not prove is no containment.
        contained = contained && WentWell(outcome);
      }
    }
    if (containing) hosts_[host.host_id()] = {host.name(), contained, false};
    const auto known = hosts_.find(host.host_id());
    if (known == hosts_.end()) continue;
    for (const v1::HostStep& step : host.steps()) {
      const v1::WatchVerdict verdict = step.report().result().queue_watch().verdict();
      if (verdict != v1::WATCH_VERDICT_UNSPECIFIED)
        known->second.quiet = verdict == v1::WATCH_VERDICT_QUIET;
    }
  }
}

std::string FleetPicture::Names(bool Host::*wanted) const {
  std::string names;
  for (const auto& [id, host] : hosts_) {
    if (!(host.*wanted)) names += (names.empty() ? "" : ", ") + host.name;
  }
  return names;
}

std::string FleetPicture::NotContained() const {
  return Names(&Host::contained);
}

std::string FleetPicture::NotQuiet() const {
  return Names(&Host::quiet);
}

bool FleetPicture::Contained(const std::string& host_id) const {
  const auto known = hosts_.find(host_id);
  return known != hosts_.end() && known->second.contained;
}

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

}  // namespace mailquench::controller
