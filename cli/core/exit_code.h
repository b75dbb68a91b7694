// What a script learns from `mailquench`: one number, the same meaning everywhere.
#ifndef MAILQUENCH_CLI_CORE_EXIT_CODE_H_
#define MAILQUENCH_CLI_CORE_EXIT_CODE_H_

#include "absl/status/status.h"
#include "mailquench/v1/runs.pb.h"

namespace mailquench::cli {

enum ExitCode {
  kExitOk = 0,
  kExitUsage = 1,        // Usage or internal; also: the controller cannot be reached.
  kExitSomeFailed = 2,   // At least one host failed, refused or timed out.
  kExitSomeUnknown = 3,  // None failed, but some host is unreachable or unknown.
  kExitDenied = 4,       // Authentication or permission.
  kExitStopped = 5,      // Stopped by a gate, or cancelled before its end.
  kExitApproval = 6,     // Waits for a second person.
  kExitNoHost = 7,       // No host matched.
  kExitDeadline = 124,   // --timeout ran out; what was started goes on.
};

// The code of a failed call. OK maps to kExitOk.
int ExitCodeOf(const absl::Status& status);

// The code of a run. A run that has not ended maps to kExitDeadline.
int ExitCodeOf(const v1::Run& run);

// Of two results the one that a script should see: failed before denied, stopped, deadline,
// unknown, others, ok.
int Worse(int a, int b);

}  // namespace mailquench::cli

#endif  // MAILQUENCH_CLI_CORE_EXIT_CODE_H_
