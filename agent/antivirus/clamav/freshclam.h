// freshclam(1), run once with its own configuration.
#ifndef MAILQUENCH_AGENT_ANTIVIRUS_CLAMAV_FRESHCLAM_H_
#define MAILQUENCH_AGENT_ANTIVIRUS_CLAMAV_FRESHCLAM_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/antivirus/run_command.h"

namespace mailquench::agent::clamav {

struct FreshclamOptions {
  std::string program = "freshclam";  // A path, or found in the system's folders.
  std::string config;                 // Empty: its own default.
  absl::Duration limit = absl::Minutes(10);
};

struct FreshclamResult {
  std::vector<std::string> updated;  // "daily.cld updated (version: 27500, ...)", at most 10.
  bool notified_clamd = false;
};

// Errors: kUnavailable/MIRROR_AWAY (no mirror answers, or none now), kFailedPrecondition/
// FRESHCLAM_FAILED, kNotFound/NO_FRESHCLAM, kDeadlineExceeded, those of the context. What
// signatures there were stay.
absl::StatusOr<FreshclamResult> RunFreshclam(const FreshclamOptions& options,
                                             const WorkContext& context);

// What its end and its words mean. Of the exit codes those of fc_error_t in libfreshclam.h.
absl::StatusOr<FreshclamResult> FreshclamResultOf(const CommandResult& ran);

}  // namespace mailquench::agent::clamav

#endif  // MAILQUENCH_AGENT_ANTIVIRUS_CLAMAV_FRESHCLAM_H_
