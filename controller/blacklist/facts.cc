#include "controller/blacklist/facts.h"

#include <algorithm>

#include "common/status/error.h"
#include "controller/runs/engine.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

void Count(const v1::QueueQuarantineResult& result, Facts* facts) {
  for (const v1::QuarantineInfo& one : result.quarantines()) {
    if (one.messages() < 0) facts->uncounted = true;
    facts->set_aside += std::max<std::int64_t>(one.messages(), 0);
  }
}

bool AllClosedOutside(const v1::RelayProbeResult& probe) {
  bool outside = false;
  for (const v1::ListenerProbe& one : probe.listeners()) {
    if (!one.outside()) continue;
    if (one.verdict() != v1::RELAY_VERDICT_CLOSED) return false;
    outside = true;
  }
  return outside;
}

void AddStep(const v1::Run& run, const v1::HostStep& step, Facts* facts) {
  const v1::OperationReport& report = step.report();
  const absl::Time when =
      std::max(TimeOf(report.end_time()),
               report.has_end_time() ? absl::InfinitePast() : TimeOf(run.end_time()));
  Count(report.result().queue_quarantine(), facts);
  Count(report.result().contain().quarantine(), facts);
  if (report.result().has_relay_probe())
    facts->proved = AllClosedOutside(report.result().relay_probe()) ? when : absl::InfinitePast();
  if (!WentWell(report.outcome())) return;
  const v1::Operation& operation = run.playbook().steps(step.step()).operation();
  if (operation.has_contain()) facts->contained = std::max(facts->contained, when);
  if (operation.has_contain() || operation.has_relay_lock())
    facts->locked = std::max(facts->locked, when);
}

}  // namespace

absl::StatusOr<Facts> FactsOf(Store* store, const v1::Listing& listing) {
  Facts facts;
  if (listing.incident_id().empty()) return facts;
  MQ_ASSIGN_OR_RETURN(const v1::Incident incident, store->FindIncident(listing.incident_id()));
  facts.incident = true;
  const auto mine = [&](const std::string& host) {
    return std::find(listing.host_ids().begin(), listing.host_ids().end(), host) !=
           listing.host_ids().end();
  };
  for (const std::string& id : incident.run_ids()) {  // Oldest first.
    MQ_ASSIGN_OR_RETURN(const v1::Run run, store->FindRun(id));
    for (const v1::RunHost& host : run.hosts()) {
      if (!mine(host.host_id())) continue;
      for (const v1::HostStep& step : host.steps()) AddStep(run, step, &facts);
    }
  }
  for (const v1::Cause& cause : incident.causes()) {
    if (cause.host_id().empty() || mine(cause.host_id())) facts.causes.push_back(cause);
  }
  return facts;
}

}  // namespace mailquench::controller
