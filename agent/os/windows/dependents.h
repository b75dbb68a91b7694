// Services that depend on another.
#ifndef MAILQUENCH_AGENT_OS_WINDOWS_DEPENDENTS_H_
#define MAILQUENCH_AGENT_OS_WINDOWS_DEPENDENTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/os/windows/scm.h"

namespace mailquench::agent {

// Those that are not stopped, at any depth, in an order in which they can be stopped.
absl::StatusOr<std::vector<std::string>> RunningDependentsOf(SC_HANDLE manager,
                                                             const std::string& name);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OS_WINDOWS_DEPENDENTS_H_
