#include "controller/incidents/incident_rules.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "controller/runs/engine.h"
#include "controller/store/times.h"

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
    bool containing = false, contained = true, begun = false;
    for (const v1::HostStep& step : host.steps()) {
      const v1::PlaybookStep& said = run.playbook().steps(step.step());
      const v1::Outcome outcome = step.report().outcome();
      if (said.operation().has_restore() && WentWell(outcome)) hosts_.erase(host.host_id());
      if (IsContaining(said.operation())) {
        containing = true;
        begun = begun || step.sent();
        contained = contained && WentWell(outcome);
      } else if (!said.continue_on_failure() && !said.operation().has_queue_watch() &&
                 outcome != v1::OUTCOME_UNSPECIFIED) {
        // A lock that its probe did not prove is no containment.
        contained = contained && WentWell(outcome);
      }
    }
    AddCalm(run, host, containing && begun, contained);
    auto known = hosts_.find(host.host_id());
    // What was never begun on a host leaves it as it was.
    if (containing && (begun || known == hosts_.end()))
      known =
          hosts_.insert_or_assign(host.host_id(), Host{host.name(), contained, false, false}).first;
    if (known == hosts_.end()) continue;
    for (const v1::HostStep& step : host.steps()) {
      const v1::WatchVerdict verdict = step.report().result().queue_watch().verdict();
      if (verdict == v1::WATCH_VERDICT_UNSPECIFIED) continue;
      known->second.quiet = verdict == v1::WATCH_VERDICT_QUIET;
      known->second.refilling = verdict == v1::WATCH_VERDICT_REFILLING;
    }
  }
}

void FleetPicture::AddCalm(const v1::Run& run,
                           const v1::RunHost& host,
                           bool begun,
                           bool contained) {
  if (begun) calm_.insert_or_assign(host.host_id(), Calm{contained, std::nullopt});
  const auto known = calm_.find(host.host_id());
  if (known == calm_.end()) return;
  for (const v1::HostStep& step : host.steps()) {
    const v1::WatchVerdict verdict = step.report().result().queue_watch().verdict();
    if (verdict == v1::WATCH_VERDICT_REFILLING) known->second.quiet_since.reset();
    // A run that has not ended may still tell of a refill.
    if (verdict == v1::WATCH_VERDICT_QUIET && run.has_end_time() && !known->second.quiet_since)
      // A person may say so when the run has ended long ago.
      known->second.quiet_since =
          std::max(TimeOf(run.end_time()), TimeOf(step.report().manual().confirm_time()));
  }
}

std::optional<absl::Time> FleetPicture::QuietSince(const std::string& host_id) const {
  const auto known = calm_.find(host_id);
  if (known == calm_.end() || !known->second.contained) return std::nullopt;
  return known->second.quiet_since;
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

bool FleetPicture::Refilling(const std::string& host_id) const {
  const auto known = hosts_.find(host_id);
  return known == hosts_.end() || known->second.refilling;
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

bool IsSetting(const v1::Cause& cause, const std::string& instance, const std::string& key) {
  return cause.kind() == "open_relay" &&
         absl::EndsWith(cause.value(), absl::StrCat(" ", instance, " ", key));
}

void MarkContained(absl::Time now, v1::Incident* incident) {
  incident->set_state(v1::INCIDENT_STATE_CONTAINED);
  if (incident->has_contain_time()) return;
  const std::int64_t nanos = absl::ToUnixNanos(now);
  StampTime(now, incident->mutable_contain_time());
  const std::int64_t took =
      nanos - incident->open_time().seconds() * 1000000000 - incident->open_time().nanos();
  incident->mutable_time_to_contain()->set_seconds(took / 1000000000);
  incident->mutable_time_to_contain()->set_nanos(static_cast<std::int32_t>(took % 1000000000));
}

}  // namespace mailquench::controller
