// The services of the host's service manager. One implementation is windows/, over the SCM; the
// tests have another.
#ifndef MAILQUENCH_AGENT_OS_SERVICE_MANAGER_H_
#define MAILQUENCH_AGENT_OS_SERVICE_MANAGER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace mailquench::agent {

enum class ServiceState {
  kStopped,
  kStartPending,
  kStopPending,
  kRunning,
  kContinuePending,
  kPausePending,
  kPaused
};
enum class StartType { kAutomatic, kManual, kDisabled, kOther };

struct ServiceInfo {
  ServiceState state = ServiceState::kStopped;
  std::uint32_t process_id = 0;  // 0 while it is stopped.
  std::uint32_t exit_code = 0;   // Of the last end.
  std::uint32_t checkpoint = 0;  // Grows while a pending start or stop makes progress.
  absl::Duration wait_hint;      // What the service says the next step may take.
  StartType start_type = StartType::kOther;
  std::string display_name;
};

// While it waits: told about twice a second what it sees, and asked whether to go on; an error ends
// the wait, not the service's own work.
using ServiceProgress = std::function<absl::Status(const ServiceInfo&, absl::Duration waited)>;

// Calls block; thread-safe.
class ServiceManager {
 public:
  virtual ~ServiceManager() = default;

  // kNotFound/NO_SERVICE, kPermissionDenied, kInternal.
  virtual absl::StatusOr<ServiceInfo> Query(const std::string& name) = 0;

  // Those that depend on it, at any depth, and are not stopped: in an order in which they can be
  // stopped.
  virtual absl::StatusOr<std::vector<std::string>> RunningDependents(const std::string& name) = 0;

  // Asks it to stop, unless it is stopping or stopped already, and waits until it is. A service
  // that makes no progress is waited for until the deadline all the same: it may be deleting a
  // million files. Errors: kDeadlineExceeded/ SERVICE_STOP_TIMED_OUT (it may end later),
  // kFailedPrecondition/DEPENDENTS_RUNNING, kFailedPrecondition/ SERVICE_REFUSES_STOP, those of
  // `progress`.
  virtual absl::Status Stop(const std::string& name,
                            absl::Time deadline,
                            const ServiceProgress& progress) = 0;

  // Starts it, unless it runs, and waits until it does. One that ends while it starts is
  // kAborted/SERVICE_ENDED with its exit code; kFailedPrecondition/SERVICE_DISABLED;
  // kDeadlineExceeded/SERVICE_START_TIMED_OUT.
  virtual absl::Status Start(const std::string& name,
                             absl::Time deadline,
                             const ServiceProgress& progress) = 0;
};

// Of this host. Windows alone; never null.
std::unique_ptr<ServiceManager> MakeServiceManager();

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OS_SERVICE_MANAGER_H_
