// Keeps Managed Availability from starting what is stopped on purpose: its component
// RecoveryActionsEnabled is held inactive meanwhile. What was changed is on disk before it is
// changed, so that whoever comes next lifts it.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_RECOVERY_HOLD_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_RECOVERY_HOLD_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "agent/mail/exchange/components.h"
#include "agent/mail/exchange/shell.h"

namespace mailquench::agent::exchange {

// The requester whose entry is ours. Not Maintenance: that one is what the documented procedure and
// every administrator use, who would lift our entry with theirs, and whose entry we could not tell
// from ours. Exchange's setup sets its own Functional entries active again at its end.
inline constexpr char kRequester[] = "Functional";
inline constexpr char kRecovery[] = "RecoveryActionsEnabled";

// Calls block; one at a time.
class RecoveryHold {
 public:
  // The shell outlives it. `file`: what is held; its folder is there.
  RecoveryHold(Shell& shell, std::string server, std::string file)
      : shell_(shell), server_(std::move(server)), file_(std::move(file)) {}

  // `now`: the components as they are. An entry of kRequester that is inactive before is somebody
  // else's, and stays. Where the directory cannot be written it is held on this host alone. After
  // an error IsHeld() says whether something may have been changed. Errors: those of the shell and
  // the disk.
  absl::Status Hold(const std::vector<Component>& now, absl::Time deadline);
  // Nothing where nothing is held. Done is what directory and host both say. After an error it is
  // still held somewhere; repeat. Errors: those of the shell and the disk,
  // kAborted/STILL_HELD.
  absl::Status Lift(absl::Time deadline);
  bool IsHeld() const;

 private:
  absl::Status Set(const char* state, bool local_only, absl::Time deadline);

  Shell& shell_;
  const std::string server_, file_;
};

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_RECOVERY_HOLD_H_
