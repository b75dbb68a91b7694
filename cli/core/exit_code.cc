#include "cli/core/exit_code.h"

#include <algorithm>
#include <array>
#include <string>

#include "common/status/error.h"

namespace mailquench::cli {

int ExitCodeOf(const absl::Status& status) {
  if (status.ok()) return kExitOk;
  const std::string reason = ReasonOf(status);
  if (reason == "NO_HOST_MATCHED") return kExitNoHost;
  if (reason.rfind("APPROVAL_", 0) == 0) return kExitApproval;
  if (reason.rfind("GATE_", 0) == 0 || reason == "PREFLIGHT_FAILED") return kExitStopped;
  switch (status.code()) {
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
      return kExitDenied;
    case absl::StatusCode::kDeadlineExceeded:
      return kExitDeadline;
    default:
      return kExitUsage;
  }
}

int ExitCodeOf(const v1::Run& run) {
  bool failed = false, unknown = false;
  for (const v1::RunHost& host : run.hosts()) {
    switch (host.outcome()) {
      case v1::OUTCOME_FAILED:
      case v1::OUTCOME_REFUSED:
      case v1::OUTCOME_TIMED_OUT:
        failed = true;
        break;
      case v1::OUTCOME_UNREACHABLE:
      case v1::OUTCOME_UNKNOWN:
        unknown = true;
        break;
      default:
        break;
    }
  }
  switch (run.state()) {
    case v1::RUN_STATE_SUCCEEDED:
      // The hosts have the last word: a state that contradicts them must not read as success.
      return failed ? kExitSomeFailed : unknown ? kExitSomeUnknown : kExitOk;
    case v1::RUN_STATE_FAILED:
      return kExitSomeFailed;
    case v1::RUN_STATE_STOPPED:
      return kExitStopped;
    case v1::RUN_STATE_CANCELLED:
      return failed ? kExitSomeFailed : kExitStopped;
    case v1::RUN_STATE_INCOMPLETE:
      return failed ? kExitSomeFailed : kExitSomeUnknown;
    case v1::RUN_STATE_RUNNING:
      return kExitDeadline;
    default:
      return kExitUsage;
  }
}

int Worse(int a, int b) {
  constexpr std::array<int, 9> kOrder = {kExitSomeFailed, kExitDenied,   kExitStopped,
                                         kExitDeadline,   kExitApproval, kExitSomeUnknown,
                                         kExitNoHost,     kExitUsage,    kExitOk};
  return std::find(kOrder.begin(), kOrder.end(), a) <= std::find(kOrder.begin(), kOrder.end(), b)
             ? a
             : b;
}

}  // namespace mailquench::cli
