// The operator's own program that changes a record where no update is possible.
#ifndef MAILQUENCH_CONTROLLER_MX_HOOK_H_
#define MAILQUENCH_CONTROLLER_MX_HOOK_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace mailquench::controller::mx {

// Runs the program (an absolute path) without a shell and without arguments, with `input` on its
// standard input, in a session of its own, with no environment but PATH, in the folder /. OK: it
// ended with 0, which says no more than that. It is killed with all that it started when `limit` is
// over. Blocks; thread-safe. Errors: FAILED_PRECONDITION/HOOK_FAILED (with its code and the first
// line that it wrote to standard error), DEADLINE_EXCEEDED/HOOK_TIMED_OUT, those of system calls.
// CANCELLED/HOOK_STOPPED: `stop`, which is asked often, said so, and it was killed likewise.
absl::Status RunHook(const std::string& program,
                     const std::string& input,
                     absl::Duration limit,
                     const std::function<bool()>& stop);

}  // namespace mailquench::controller::mx

#endif  // MAILQUENCH_CONTROLLER_MX_HOOK_H_
