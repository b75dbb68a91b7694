// The question before a change.
#ifndef MAILQUENCH_CLI_CORE_CONFIRM_H_
#define MAILQUENCH_CLI_CORE_CONFIRM_H_

#include <string>

#include "absl/status/status.h"
#include "cli/core/session.h"

namespace mailquench::cli {

struct Question {
  std::string what;  // "Contain 12 hosts (a, b, ...)", without a question mark.
  int hosts = 0;     // Typed in full for what cannot be undone.
  bool irreversible = false;
  bool yes = false;       // --yes was given.
  bool no_input = false;  // --no-input was given: as without a terminal.
};

// OK: go on. Errors: FAILED_PRECONDITION/CONFIRMATION_NEEDED (no terminal),
// CANCELLED/NOT_CONFIRMED.
absl::Status Confirm(const Session& session, const Question& question);

}  // namespace mailquench::cli

#endif  // MAILQUENCH_CLI_CORE_CONFIRM_H_
