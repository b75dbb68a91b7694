// Completion for shells: a small script that asks `mailquench __complete WORD...` for candidates.
#ifndef MAILQUENCH_CLI_COMPLETION_H_
#define MAILQUENCH_CLI_COMPLETION_H_

#include <string>
#include <vector>

#include "cli/core/session.h"

namespace mailquench::cli {

// Candidates for the last of `words`, one a line on stdout. Never says an error and gives up on the
// controller after 800 ms: a shell that hangs at TAB is worse than one that offers nothing. Always
// 0.
int Complete(const std::vector<std::string>& words, Session* session);

}  // namespace mailquench::cli

#endif  // MAILQUENCH_CLI_COMPLETION_H_
