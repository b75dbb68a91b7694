// What switches of mail routes ask of blacklists and incidents.
#include <set>

#include "controller/app/core_impl.h"
#include "controller/blacklist/fleet_subjects.h"

namespace mailquench::controller {

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
  hands.owe = [this](const std::string& incident_id, const std::string& duty_id,
                     const std::string& text) {
    return incidents_.OweByPerson(incident_id, duty_id, "mx.switch", text);
  };
  hands.forgive = [this](const std::string&, const std::string& duty_id,
                         const std::string& reason) {
    return incidents_.ForgiveDuty(duty_id, reason);
  };
  return hands;
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
