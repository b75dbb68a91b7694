// relay.probe: one dialogue after another with explicit targets, as a stranger would have them.
#ifndef MAILQUENCH_AGENT_MAIL_SMTP_PROBE_H_
#define MAILQUENCH_AGENT_MAIL_SMTP_PROBE_H_

#include <string>

#include "absl/status/statusor.h"
#include "agent/mail/mail_system.h"
#include "agent/mail/smtp/smtp_dialogue.h"

namespace mailquench::agent {

// What every dialogue of the probe says. Errors: kInvalidArgument/BAD_TIMEOUT (negative, or above 5
// min).
absl::StatusOr<DialogueRequest> ProbeDialogue(const v1::RelayProbe& request);

// Asks one target; `with_auth`: one that is closed to strangers once more, with an account that
// does not exist. Never an error but for a malformed one; no answer is RELAY_VERDICT_UNKNOWN with
// the reason as reply.
absl::StatusOr<v1::ListenerProbe> ProbeTarget(const std::string& target,
                                              const DialogueRequest& dialogue,
                                              bool with_auth);

// Asks each of request.targets. `outside` is set: who names the targets answers for the vantage. A
// target on this host itself is never outside. Targets not asked before the context's deadline are
// RELAY_VERDICT_UNKNOWN.
absl::StatusOr<v1::RelayProbeResult> ProbeTargets(const v1::RelayProbe& request,
                                                  const CallContext& context);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_MAIL_SMTP_PROBE_H_
