#include "controller/incidents/incident_gates.h"

#include <algorithm>
#include <utility>

#include "common/status/error.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

// Lists often notice an attack days after it has ended; a listing that is found later than that is
// of something new.
constexpr absl::Duration kCounts = absl::Hours(24 * 7);

}  // namespace

absl::StatusOr<Gates> Gates::Read(Store* store,
                                  absl::Time now,
                                  const std::set<std::string>& joined) {
  Gates gates;
  MQ_ASSIGN_OR_RETURN(gates.gone_, store->HostsNotActive());
  MQ_ASSIGN_OR_RETURN(std::vector<v1::Incident> all, store->AllIncidents(true));
  for (v1::Incident& incident : all) {
    Attack attack;
    attack.open = incident.state() != v1::INCIDENT_STATE_CLOSED;
    if (!attack.open && joined.count(incident.incident_id()) == 0 &&
        TimeOf(incident.close_time()) < now - kCounts)
      continue;
    for (const std::string& id : incident.run_ids()) {  // Oldest first.
      MQ_ASSIGN_OR_RETURN(const v1::Run run, store->FindRun(id));
      attack.picture.Add(run);
      // Whoever is only looked at is under no attack for that.
      const bool contains =
          std::any_of(run.playbook().steps().begin(), run.playbook().steps().end(),
                      [](const v1::PlaybookStep& step) { return IsContaining(step.operation()); });
      if (!contains) continue;
      for (const v1::RunHost& host : run.hosts()) attack.covered[host.host_id()] = host.name();
    }
    for (const v1::Cause& cause : incident.causes()) {
      if (!cause.host_id().empty()) attack.covered.emplace(cause.host_id(), cause.host_id());
    }
    // Nor is whose mail goes another way, or on whom an antivirus found something.
    for (const v1::Obligation& owed : incident.obligations()) {
      if (owed.operation() != "egress.set" && owed.operation() != "antivirus.scan" &&
          !owed.host_id().empty())
        attack.covered[owed.host_id()] = owed.host_name();
    }
    attack.incident = std::move(incident);
    gates.attacks_.push_back(std::move(attack));
  }
  return gates;
}

AttackGate Gates::GateOf(const Attack& attack, const std::set<std::string>& host_ids) const {
  AttackGate gate;
  std::string open, loud;
  bool any = false;
  for (const std::string& id : host_ids) {
    const auto covered = attack.covered.find(id);
    if (covered == attack.covered.end()) continue;
    gate.incident_id = attack.incident.incident_id();
    if (gone_.count(id) > 0) continue;
    any = true;
    const std::optional<absl::Time> quiet = attack.picture.QuietSince(id);
    if (quiet) {
      gate.since = std::max(gate.since, *quiet);
    } else {
      loud += (loud.empty() ? "" : ", ") + covered->second;
    }
  }
  if (gate.incident_id.empty()) return gate;
  for (const v1::Cause& cause : attack.incident.causes()) {
    if (!cause.host_id().empty() && host_ids.count(cause.host_id()) == 0) continue;
    if (!cause.resolved()) open += (open.empty() ? "" : ", ") + cause.kind() + " " + cause.value();
    gate.since = std::max(gate.since, TimeOf(cause.resolve_time()));
  }
  gate.kind = AttackGate::Kind::kGoesOn;
  if (!any) {
    gate.why =
        "its hosts are no part of the fleet any more, and nobody sees whether they are quiet";
  } else if (!loud.empty()) {
    gate.why = "not contained and seen quiet since: " + loud;
  } else if (!open.empty()) {
    gate.why = "causes are not resolved: " + open;
  } else {
    gate.kind = AttackGate::Kind::kOver;
  }
  return gate;
}

AttackGate Gates::Of(const std::set<std::string>& host_ids, const std::string& joined) const {
  AttackGate open, closed;
  for (const Attack& attack : attacks_) {
    const AttackGate one = GateOf(attack, host_ids);
    if (one.kind == AttackGate::Kind::kNone) continue;
    const bool mine = one.incident_id == joined;
    if (!attack.open) {
      if (one.kind == AttackGate::Kind::kOver && (mine || closed.kind == AttackGate::Kind::kNone))
        closed = one;
      continue;
    }
    const bool worse =
        one.kind == AttackGate::Kind::kGoesOn && open.kind != AttackGate::Kind::kGoesOn;
    const bool first = open.kind == AttackGate::Kind::kNone;
    const absl::Time since = std::max(open.since, one.since);
    if (first || worse || (mine && one.kind == open.kind)) open = one;
    open.since = since;
  }
  return open.kind == AttackGate::Kind::kNone ? closed : open;
}

bool Gates::IsOpen(const std::string& incident_id) const {
  return std::any_of(attacks_.begin(), attacks_.end(), [&](const Attack& attack) {
    return attack.open && attack.incident.incident_id() == incident_id;
  });
}

}  // namespace mailquench::controller
