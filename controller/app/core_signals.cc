// What the core's events and figures are to the metrics and to the own watch.
#include <sys/stat.h>

#include "common/status/error.h"
#include "controller/app/core_impl.h"
#include "controller/store/times.h"

namespace mailquench::controller {

MetricSources CoreImpl::FiguresOf() {
  MetricSources figures;
  figures.hosts = [this] { return hosts_->All(); };
  // What cannot be read is no empty fleet: alerts would end in the middle of a fire.
  figures.incidents = [this] { return store_->AllIncidents(false); };
  figures.listings = [this] { return store_->ListingsOf("", false); };
  figures.list_health = [this] { return store_->AllBlacklistHealth(); };
  figures.escalations = [this] { return store_->OpenEscalations(absl::InfiniteFuture()); };
  figures.endpoint_results = options_.endpoint_results;
  figures.undelivered_notices = [this] { return store_->CountOpenDeliveries(); };
  figures.given_up_notices = [this] {
    return store_->CountGivenUp(options_.clock->Now() - absl::Hours(24));
  };
  figures.undone_alerts = [this] { return store_->CountUndoneAlerts(); };
  figures.paused = [this]() -> absl::StatusOr<bool> {
    // A pause that cannot be read counts as one, so the store is asked whether it can be.
    MQ_RETURN_IF_ERROR(store_->FindValue("").status());
    return escalator_->Paused();
  };
  figures.rules = [this] { return escalator_->GetRules(); };
  for (const auto& [name, playbook] : playbooks_) figures.playbooks.push_back(name);
  figures.store_bytes = [this]() -> std::int64_t {
    std::int64_t bytes = 0;
    for (const char* end : {"", "-wal"}) {
      struct stat info = {};
      if (::stat((options_.store_path + end).c_str(), &info) == 0) bytes += info.st_size;
    }
    return bytes;
  };
  return figures;
}

void CoreImpl::OnBeat(const std::string& host_id, const v1::Heartbeat& heartbeat) {
  metrics_->Beat(host_id, heartbeat);
}

void CoreImpl::SignalReport(const v1::OperationReport& report) {
  metrics_->StepReported(report.operation(), report.outcome());
}

// A verdict is of the host that was asked, not of the vantage that asked. One that could not be
// asked says nothing.
void CoreImpl::SignalProbes(const v1::Run& run) {
  std::map<std::string, bool> found;  // By host id: open.
  FleetCopy fleet;
  for (const v1::RunHost& host : run.hosts()) {
    for (const v1::HostStep& step : host.steps()) {
      for (const v1::ListenerProbe& one : step.report().result().relay_probe().listeners()) {
        if (one.verdict() != v1::RELAY_VERDICT_OPEN && one.verdict() != v1::RELAY_VERDICT_CLOSED)
          continue;
        if (fleet == nullptr) fleet = hosts_->Fleet();
        const v1::Host* asked = HostNamed(*fleet, one.target());
        if (asked != nullptr) found[asked->host_id()] |= one.verdict() == v1::RELAY_VERDICT_OPEN;
      }
    }
  }
  for (const auto& [host_id, open] : found) own_watch_->Probed(host_id, open);
}

void CoreImpl::SignalEnd(const v1::Run& run) {
  metrics_->RunEnded(run);
  if (own_watch_ != nullptr) SignalProbes(run);
  if (!run.incident_id().empty()) {
    const absl::StatusOr<v1::Incident> incident = store_->FindIncident(run.incident_id());
    if (incident.ok() && incident->has_contain_time() &&
        TimeOf(incident->contain_time()) >= TimeOf(run.start_time()))
      metrics_->Contained(absl::Seconds(incident->time_to_contain().seconds()) +
                          absl::Nanoseconds(incident->time_to_contain().nanos()));
  }
  if (escalator_ != nullptr) escalator_->RunEnded();
}

}  // namespace mailquench::controller
