// Plan, ask, start, watch: the one way by which every command that acts on hosts does so.
#ifndef MAILQUENCH_CLI_CORE_RUN_DRIVER_H_
#define MAILQUENCH_CLI_CORE_RUN_DRIVER_H_

#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/core/session.h"
#include "cli/core/target.h"
#include "mailquench/v1/incidents.pb.h"
#include "mailquench/v1/runs.pb.h"

namespace mailquench::cli {

struct RunOrder {
  std::string verb;         // "Contain": begins the question.
  v1::PlanRunRequest plan;  // What and on which hosts.
  RunFlags flags;
};

// The worst class of what a plan holds, as far as it is known here.
v1::OperationClass ClassOfPlan(const v1::PlanRunRequest& request, const v1::Plan& plan);
std::set<std::string> HostNamesOf(const v1::Plan& plan);
// "a, b, c"; of many the first five, "and 7 more".
std::string HostList(const std::set<std::string>& names);

// Ids of hosts that were evicted or banned: no run takes them.
absl::StatusOr<std::set<std::string>> GoneHosts(Session* session);

// Fills selector, hosts and incident from the flags. An incident alone stands for the hosts of its
// runs and obligations, but for those that are gone. Errors: INVALID_ARGUMENT/USAGE when nothing
// names a host, NOT_FOUND/NO_HOST_MATCHED.
absl::Status FillTargets(Session* session, const RunFlags& flags, v1::PlanRunRequest* plan);

// With --dry-run prints the plan and starts nothing. Returns the exit code.
absl::StatusOr<int> Drive(Session* session, const RunOrder& order);

// Several orders under one question, one after the other. -o json and yaml are one array, also of a
// single order. An error stops at its order: what came before is printed, the error goes to stderr,
// and the exit code is the worst.
absl::StatusOr<int> DriveAll(Session* session, const std::vector<RunOrder>& orders);

// Follows a run to its end on stderr and prints it on stdout; connects again where the stream
// breaks.
absl::StatusOr<int> Watch(Session* session, const std::string& run_id);

}  // namespace mailquench::cli

#endif  // MAILQUENCH_CLI_CORE_RUN_DRIVER_H_
