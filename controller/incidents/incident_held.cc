// Hosts that a part of a contain has left stopped: their incident has to go on with them.
#include <algorithm>
#include <map>

#include "common/status/error.h"
#include "controller/incidents/incidents.h"
#include "controller/runs/engine.h"
#include "controller/runs/lockstep.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

// When the lease has run out at the latest: it is renewed no more once the run has ended.
absl::Time HeldUntil(const v1::Run& run, const v1::HostStep& held) {
  if (run.state() == v1::RUN_STATE_RUNNING) return absl::InfiniteFuture();
  absl::Time until = run.has_end_time() ? TimeOf(run.end_time()) : absl::InfinitePast();
  const std::int64_t asked =
      run.playbook().steps(held.step()).operation().contain().lease().seconds();
  until += absl::Seconds(asked > 0 ? asked : kPartLeaseSeconds);
  const v1::ContainResult& result = held.report().result().contain();
  return result.has_lease_end_time() ? std::max(until, TimeOf(result.lease_end_time())) : until;
}

}  // namespace

// By host id, as the runs of the incident leave them.
absl::StatusOr<std::map<std::string, Incidents::HeldHost>> Incidents::HeldIn(
    const std::string& incident_id) {
  std::map<std::string, HeldHost> held;
  MQ_ASSIGN_OR_RETURN(std::vector<v1::Run> runs, store_->RunsOfIncident(incident_id));
  std::reverse(runs.begin(), runs.end());  // The oldest first.
  for (const v1::Run& run : runs) {
    for (const v1::RunHost& host : run.hosts()) {
      for (const v1::HostStep& step : host.steps()) {
        const v1::Operation& operation = run.playbook().steps(step.step()).operation();
        const bool started =
            operation.has_service_start() && step.report().outcome() == v1::OUTCOME_SUCCEEDED;
        // A lease is taken over by what was sent. One that stands stopped for good does so until
        // something went well there: also a start that found it running, since a person started it.
        const bool went_well = WentWell(step.report().outcome()) &&
                               (operation.has_contain() || operation.has_service_start());
        const auto known = held.find(host.host_id());
        if (known == held.end()) continue;
        if (known->second.for_good ? went_well
                                   : (step.sent() && operation.has_contain()) || started)
          held.erase(known);
      }
      const v1::HostStep* step = HeldBy(run, host);
      if (step != nullptr)
        held[host.host_id()] = {host.name(), incident_id, run.run_id(), HeldUntil(run, *step)};
      else if (LeftForGood(run, host) != nullptr)
        held[host.host_id()] = {host.name(), incident_id, run.run_id(), absl::InfinitePast(), true};
    }
  }
  return held;
}

absl::StatusOr<std::vector<Incidents::HeldHost>> Incidents::HeldHosts(
    const std::set<std::string>& host_ids) {
  const std::lock_guard<std::recursive_mutex> lock(mu_);
  std::vector<HeldHost> out;
  MQ_ASSIGN_OR_RETURN(const auto incidents_of, store_->OpenIncidentsByHost());
  std::vector<std::string> open;
  for (const std::string& host_id : host_ids) {
    const auto found = incidents_of.find(host_id);
    if (found == incidents_of.end()) continue;
    for (const std::string& id : found->second) {
      if (std::find(open.begin(), open.end(), id) == open.end()) open.push_back(id);
    }
  }
  for (const std::string& incident_id : open) {
    MQ_ASSIGN_OR_RETURN(const auto held, HeldIn(incident_id));
    for (const auto& [host_id, one] : held) {
      if (host_ids.count(host_id) > 0 && clock_->Now() < one.until) out.push_back(one);
    }
  }
  return out;
}

absl::StatusOr<Incidents::Adopted> Incidents::Adopt(const v1::Playbook& playbook,
                                                    const std::set<std::string>& host_ids,
                                                    const std::string& incident_id) {
  Adopted adopted{incident_id, ""};
  const bool contains =
      std::any_of(playbook.steps().begin(), playbook.steps().end(),
                  [](const auto& step) { return step.operation().has_contain(); });
  if (!contains) return adopted;
  MQ_ASSIGN_OR_RETURN(const std::vector<HeldHost> held, HeldHosts(host_ids));
  std::set<std::string> owners;
  std::string who;
  for (const HeldHost& one : held) {
    if (one.incident_id == incident_id) continue;
    owners.insert(one.incident_id);
    who += (who.empty() ? "" : ", ") + one.name + " (run " + one.run_id + " of incident " +
           one.incident_id + ")";
  }
  if (owners.empty()) return adopted;
  if (incident_id.empty() && owners.size() == 1) {
    adopted.incident_id = *owners.begin();
    adopted.notice = "a part of a contain has left stopped: " + who +
                     "; this contain goes on with it, in incident " + adopted.incident_id;
    return adopted;
  }
  return Error(absl::StatusCode::kFailedPrecondition, "OTHER_CONTAIN",
               "a part of a contain of another incident has left stopped: " + who +
                   "; nothing was stopped; end that first, with the hosts of its group alone: "
                   "mailquench run contain --incident " +
                   *owners.begin() +
                   " --hosts NAME,NAME --reason TEXT; or begin again once their leases have ended");
}

}  // namespace mailquench::controller
