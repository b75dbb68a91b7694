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
