// What a plan says of hosts that act together: groups in lockstep and organisations. Pure; any
// thread.
#ifndef MAILQUENCH_CONTROLLER_RUNS_PLAN_GROUPS_H_
#define MAILQUENCH_CONTROLLER_RUNS_PLAN_GROUPS_H_

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "mailquench/v1/fleet.pb.h"
#include "mailquench/v1/incidents.pb.h"
#include "mailquench/v1/runs.pb.h"

namespace mailquench::controller {

// What organisations still owe, by name.
struct OrganisationDebts {
  // An outstanding shadow.suspend, and a person said that the copies from before are gone.
  std::set<std::string> without_copies;
  // An outstanding shadow.suspend beside which there may be copies: why and what to do, one clause.
  std::map<std::string, std::string> copies_left;
  std::map<std::string, std::set<std::string>>
      holders;  // Host ids that hold an outstanding record.
  // What shadow.suspend has switched off: host id, and the setting as drift names it.
  std::map<std::string, std::vector<std::pair<std::string, std::string>>> suspended;
};

OrganisationDebts DebtsOf(const std::vector<v1::Incident>& open);
// Where a host tells that the copies were switched on again, its organisation keeps some.
void LookAtDrift(const std::vector<v1::Host>& fleet, OrganisationDebts* debts);

// The host as the plan knows it, without its wave.
v1::PlannedHost Planned(const v1::Playbook& playbook, const v1::Host& host);

// The hosts in their order, those that a lockstep step binds together in one unit: waves are made
// of units, so that no group is split.
std::vector<std::vector<v1::PlannedHost>> UnitsOf(const v1::Playbook& playbook,
                                                  const std::vector<v1::PlannedHost>& hosts);

// Marks in each organisation of the plan whose settings the playbook changes the host that does it
// for all: one that is online and can, that holds the organisation's records, of the first wave.
void Elect(const std::vector<v1::Host>& fleet, const OrganisationDebts& debts, v1::Plan* plan);

// Says what will stop together, who is missing, who acts for whom.
void SayNotices(const std::vector<v1::Host>& fleet, const OrganisationDebts& debts, v1::Plan* plan);
// Hosts of groups that are not online.
void SayOffline(v1::Plan* plan);
// Says on each host, and in a notice, what it would be refused for in a run of the plan.
void SayRefusals(const std::vector<v1::Host>& fleet, v1::Plan* plan);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_RUNS_PLAN_GROUPS_H_
