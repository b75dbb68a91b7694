// A program as a Windows service: made, taken away, and run by the service control manager. Windows
// alone.
#ifndef MAILQUENCH_AGENT_OS_SERVICE_HOST_H_
#define MAILQUENCH_AGENT_OS_SERVICE_HOST_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace mailquench::agent {

struct ServiceSetup {
  std::string name;
  std::string display_name;
  std::string description;
  std::vector<std::string> command;  // The program's full path, then its arguments.
};

// Makes a service that starts with the host (delayed), as LocalSystem with a SID of its own and of
// its privileges SeChangeNotify and SeRestore alone, and that is started again 5, 30 and 60 s after
// it has ended by itself. Returns what could not be set, one sentence each; the service is there
// all the same. Errors: kAlreadyExists/ALREADY_INSTALLED,
// kPermissionDenied, kInternal; then nothing was made.
absl::StatusOr<std::vector<std::string>> InstallService(const ServiceSetup& setup);

// Takes away a service that is stopped. Errors: kNotFound/NO_SERVICE, kPermissionDenied, kInternal.
absl::Status DeleteServiceNamed(const std::string& name);

// The command that a service runs, word by word. Errors: kNotFound/NO_SERVICE, kPermissionDenied.
absl::StatusOr<std::vector<std::string>> CommandOfService(const std::string& name);

// The full path of this process' program.
std::string OwnProgram();

// What a service's main function has of the manager. Thread-safe.
class ServiceControl {
 public:
  virtual ~ServiceControl() = default;
  // True as soon as the stop is asked for, or the host goes down; false after `most`.
  virtual bool AwaitStop(absl::Duration most) = 0;
  // To be called once, when it serves: until then the manager shows it as starting.
  virtual void Serving() = 0;
};

// Gives this process' main thread to the manager, which calls `run` on another one. From the stop's
// request to the return of `run` the manager is told every second that the stop makes progress.
// What `run` returns is the service's exit code; 0 is a clean end, and only others make the manager
// start it again. Errors: kFailedPrecondition/NOT_A_SERVICE (not started by the manager),
// kInternal.
absl::Status RunAsService(const std::string& name, const std::function<int(ServiceControl&)>& run);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OS_SERVICE_HOST_H_
