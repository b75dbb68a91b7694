// Questions to Windows Management Instrumentation. Windows alone.
#ifndef MAILQUENCH_AGENT_OS_WMI_H_
#define MAILQUENCH_AGENT_OS_WMI_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace mailquench::agent {

// One object: its properties by name (the system's own "__..." are left out), each as texts: none
// for null, one for a plain value ("true" and "false" for what is either), as many as it has for an
// array.
using WmiRow = std::map<std::string, std::vector<std::string>>;

// Runs a query in WQL, "SELECT Name FROM Win32_Service", in a namespace, "ROOT\\CIMV2". Any thread
// may call; COM is initialised on it for the call. Errors: kNotFound (no such namespace or class),
// kPermissionDenied, kInvalidArgument (no WQL), kDeadlineExceeded, kUnavailable (the service does
// not run), kInternal. Wine has no rows instead of "no such class".
absl::StatusOr<std::vector<WmiRow>> QueryWmi(const std::string& name_space,
                                             const std::string& query,
                                             absl::Duration timeout);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OS_WMI_H_
