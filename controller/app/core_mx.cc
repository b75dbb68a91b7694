// What switches of mail routes ask of blacklists, incidents and hosts.
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>

#include "absl/strings/str_cat.h"
#include "controller/app/core_impl.h"
#include "controller/blacklist/fleet_subjects.h"
#include "controller/store/ids.h"

namespace mailquench::controller {
namespace {
constexpr int kProbeSeconds = 45;  // The agent itself gives up after 10.
}

mx::SwitchHands CoreImpl::MxHands() {
  mx::SwitchHands hands;
  hands.preflight.lists = [this](const v1::BlacklistCheckRequest& request,
                                 const mx::PreflightHands::OnEvent& on_event) {
    return watch_.Check(request, on_event);
  };
  hands.preflight.attack = [this](const std::string& incident_id,
                                  const std::vector<std::string>& domains) {
    return AttackOn(incident_id, domains);
  };
  hands.preflight.probe = [this](const std::string& host, const std::string& target,
                                 const std::string& actor) {
    return ProbeFrom(host, target, actor);
  };
  hands.owe = [this](const std::string& incident_id, const std::string& duty_id,
                     const std::string& text) {
    return incidents_.OweByPerson(incident_id, duty_id, "mx.switch", text);
  };
  hands.forgive = [this](const std::string&, const std::string& duty_id,
                         const std::string& reason) {
    return incidents_.ForgiveDuty(duty_id, reason);
  };
  hands.tell = [this](const v1::Notice& notice) { return notices_->Tell(notice); };
  return hands;
}

// A run like any other: in the log of all that is done, under the name of who asked. Without the
// login that relay.probe may try, since nobody said that the target is ours already.
absl::StatusOr<v1::ListenerProbe> CoreImpl::ProbeFrom(const std::string& host,
                                                      const std::string& target,
                                                      const std::string& actor) {
  v1::StartRunRequest request;
  request.set_request_id(NewId());
  request.set_no_input(true);
  request.set_reason(absl::StrCat("is ", target, " fit to take mail?"));
  request.mutable_plan()->add_hosts(host);
  request.mutable_plan()->set_skip_agents(true);
  v1::RelayProbe* probe = request.mutable_plan()->mutable_operation()->mutable_relay_probe();
  probe->add_targets(target);
  probe->set_skip_auth(true);
  MQ_ASSIGN_OR_RETURN(const v1::Run run, Begin(request, actor, false));

  struct Waiting {
    std::mutex mu;
    std::condition_variable ended;
    v1::Run run;
  };
  Waiting waiting;
  MQ_ASSIGN_OR_RETURN(const std::uint64_t subscription,
                      engine_->Subscribe(run.run_id(), [&waiting](const v1::RunEvent& event) {
                        const std::lock_guard<std::mutex> lock(waiting.mu);
                        waiting.run = event.run();
                        waiting.ended.notify_all();
                      }));
  v1::Run seen;
  {
    std::unique_lock<std::mutex> lock(waiting.mu);
    waiting.ended.wait_for(lock, std::chrono::seconds(kProbeSeconds),
                           [&waiting] { return waiting.run.state() != v1::RUN_STATE_RUNNING; });
    seen = waiting.run;
  }
  engine_->Unsubscribe(subscription);
  for (const v1::RunHost& one : seen.hosts()) {
    for (const v1::HostStep& step : one.steps()) {
      const v1::RelayProbeResult& result = step.report().result().relay_probe();
      if (result.listeners_size() == 1) return result.listeners(0);
      if (step.report().has_error()) return absl::UnavailableError(step.report().error().message());
    }
  }
  return absl::UnavailableError(absl::StrCat(host, " did not answer; see run ", run.run_id()));
}

// The hosts of the incident's runs; where none is named, those that have the domains.
absl::StatusOr<AttackGate> CoreImpl::AttackOn(const std::string& incident_id,
                                              const std::vector<std::string>& domains) {
  std::set<std::string> hosts;
  if (!incident_id.empty()) {
    MQ_ASSIGN_OR_RETURN(const v1::Incident incident, store_->FindIncident(incident_id));
    MQ_ASSIGN_OR_RETURN(const std::vector<v1::Run> runs, store_->RunsOfIncident(incident_id));
    for (const v1::Run& run : runs) {
      for (const v1::RunHost& host : run.hosts()) hosts.insert(host.host_id());
    }
    if (hosts.empty() && incident.state() != v1::INCIDENT_STATE_CLOSED) {
      AttackGate gate;
      gate.kind = AttackGate::Kind::kGoesOn;
      gate.incident_id = incident_id;
      gate.why = "nothing was contained in this incident";
      return gate;
    }
  } else {
    const std::set<std::string> wanted(domains.begin(), domains.end());
    for (const FleetSubject& one : SubjectsOf(hosts_->All(), true)) {
      if (wanted.count(one.subject.text()) > 0)
        hosts.insert(one.host_ids.begin(), one.host_ids.end());
    }
  }
  MQ_ASSIGN_OR_RETURN(const Gates gates,
                      Gates::Read(store_.get(), options_.clock->Now(), {incident_id}));
  return gates.Of(hosts, incident_id);
}

}  // namespace mailquench::controller
