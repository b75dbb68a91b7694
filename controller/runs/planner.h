// From a request to a frozen plan: which hosts, in which wave, under which hash.
#ifndef MAILQUENCH_CONTROLLER_RUNS_PLANNER_H_
#define MAILQUENCH_CONTROLLER_RUNS_PLANNER_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "controller/fleet/hosts.h"
#include "controller/runs/plan_groups.h"
#include "mailquench/v1/runs.pb.h"

namespace mailquench::controller {

// The request's playbook with its parameters applied. kNotFound/PLAYBOOK_NOT_FOUND,
// kInvalidArgument.
absl::StatusOr<v1::Playbook> ResolvePlaybook(const std::map<std::string, v1::Playbook>& playbooks,
                                             const v1::PlanRunRequest& request);

// Freezes hosts, waves, groups and who acts for an organisation; asks no agent. `debts`: as they
// are now. kNotFound/NO_HOST_MATCHED.
absl::StatusOr<v1::Plan> FreezePlan(const v1::Playbook& playbook,
                                    const v1::PlanRunRequest& request,
                                    Hosts* hosts,
                                    const OrganisationDebts& debts = {});

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_RUNS_PLANNER_H_
