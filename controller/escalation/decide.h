// What is done about alerts: a function of the rules and of what is known. It changes nothing, so
// that a test of an alert and the alert itself come to the same.
#ifndef MAILQUENCH_CONTROLLER_ESCALATION_DECIDE_H_
#define MAILQUENCH_CONTROLLER_ESCALATION_DECIDE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "controller/escalation/rules.h"
#include "controller/fleet/fleet_copy.h"
#include "mailquench/v1/escalation.pb.h"
#include "mailquench/v1/fleet.pb.h"

namespace mailquench::controller {

struct DecisionFacts {
  absl::Time now;
  FleetCopy hosts;  // All, with presence and heartbeat.
  // Those that are open, and those that ended within Rules::Memory().
  std::vector<v1::Escalation> escalations;
  // By fingerprint: when its alerts began or ended, within Rules::flap_within.
  std::map<std::string, std::vector<absl::Time>> changes;
  std::map<std::string, std::string> busy;         // Host id: the run that goes on there.
  std::map<std::string, std::string> incident_of;  // Host id: the newest open incident.
  // Whether this incident is still open; empty: all are.
  std::function<bool(const std::string& incident_id)> is_open;
  // Of an escalation whose second try is decided: it does not stand in its own way, but what its
  // first try has used of the budget is used. "" for none.
  std::string retried;
  OperationsOf operations;
  bool paused = false;
  std::string pause_reason;
};

struct Decision {
  std::string rule;
  std::string group_key;
  std::vector<v1::Alert> alerts;
  v1::EscalationAction wanted = v1::ESCALATION_ACTION_RECORD;
  v1::EscalationAction taken = v1::ESCALATION_ACTION_RECORD;
  std::vector<std::string> reasons;  // Each a sentence, in the order of the questions.
  // On which something is to be done: without those that an open escalation of this rule has
  // already. Where nothing is run, those of the alerts.
  std::vector<v1::EscalationHost> hosts;
  v1::PlanRunRequest request;  // With the hosts' ids; empty where nothing is run.
  std::string title;
  // The newest open one of the same rule and group: these alerts are added. Where `request` is set,
  // it is for hosts that need something new.
  std::string joins_escalation;
  // Empty: a new one, and one for all decisions of the same rule in this call.
  std::string joins_incident;
  bool without_incident = false;  // It is no attack: only the inbox has it.
  // A person is to look now: flapping, an alert that comes back after a failure, or a rule whose
  // run is not known; not where the escalation that it joins has paged already.
  bool page = false;
};

// What is left of the budget: of runs that rules have started, each try counts.
struct Budget {
  std::int64_t runs = 0;
  std::int64_t hosts = 0;
};
Budget BudgetLeft(const Rules& rules,
                  const std::vector<v1::Escalation>& escalations,
                  absl::Time now);

// Firing alerts of one moment. Those of one rule, source and group are one decision, so a flood is
// one; and where a rule would come to more than 10 decisions, all of its alerts of one source are
// one, since nobody can read a hundred proposals.
// Decisions are in the order of the rules, then of their first alert, and the budget is spent in
// that order: the same alerts in another order come to the same. Alerts that no rule wants are in
// none.
std::vector<Decision> Decide(const Rules& rules,
                             const std::vector<v1::Alert>& firing,
                             const DecisionFacts& facts);

// The first rule that matches; null: none does.
const Rule* RuleFor(const Rules& rules, const v1::Alert& alert);

// Whether mail is taken in there, as last heard: active, online, its mail service runs, no lease
// holds it, no alarm. A host without an agent is never counted.
bool IsAccepting(const v1::Host& host);

// By name, else by address, listener or helo name; a port is cut off, case does not matter. Null:
// none, or several, and never by localhost and loopback addresses, which are everybody's. Evicted
// and banned hosts are none of the fleet's.
const v1::Host* HostNamed(const std::vector<v1::Host>& hosts, const std::string& value);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_ESCALATION_DECIDE_H_
