// Conversations with the listeners of an instance: before and after a change, and as a probe.
#ifndef MAILQUENCH_AGENT_MAIL_POSTFIX_LISTENER_CHECK_H_
#define MAILQUENCH_AGENT_MAIL_POSTFIX_LISTENER_CHECK_H_

#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/mail/mail_system.h"
#include "agent/mail/postfix/instance.h"

namespace mailquench::agent::postfix {

// Not thread-safe; asks its listeners from threads of its own.
class ListenerCheck {
 public:
  // `context` outlives it. `verify_closed`: no listener that is not exempt may relay for strangers.
  ListenerCheck(bool verify_closed, const CallContext& context)
      : verify_closed_(verify_closed), context_(context) {}

  // Remembers which of the listeners do not work before the change.
  absl::Status Before(const Instance& instance);

  // Errors: kFailedPrecondition/LISTENER_DEAD (a listener does not work with the new settings),
  // /LISTENER_OPEN (it still relays for strangers).
  absl::Status After(const Instance& instance) const;

 private:
  const bool verify_closed_;
  const CallContext& context_;
  std::set<std::string> broken_;  // Address and recipient that did not work before the change.
};

// A dialogue with every listener that is not exempt, all at once: a silent one is waited for once,
// not once an address. Errors: BAD_TIMEOUT, those of FindListeners() and Dialogue().
absl::StatusOr<v1::RelayProbeResult> ProbeListeners(const std::vector<Instance>& instances,
                                                    const v1::RelayProbe& request,
                                                    const CallContext& context);

}  // namespace mailquench::agent::postfix

#endif  // MAILQUENCH_AGENT_MAIL_POSTFIX_LISTENER_CHECK_H_
