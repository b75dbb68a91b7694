// The listeners of a host, asked as a stranger would.
#ifndef MAILQUENCH_AGENT_MAIL_SMTP_ASK_LISTENERS_H_
#define MAILQUENCH_AGENT_MAIL_SMTP_ASK_LISTENERS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/mail/smtp/smtp_dialogue.h"

namespace mailquench::agent {

// "192.0.2.1:25", "[2001:db8::1]:25".
std::string ListenerTarget(const std::string& address, int port);

// What each target says to a stranger's request, all asked at the same time, in their order; at
// most 10 s, and not beyond `deadline`. Errors: those of Dialogue().
absl::StatusOr<std::vector<DialogueResult>> AskListeners(const std::vector<std::string>& targets,
                                                         absl::Time deadline);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_MAIL_SMTP_ASK_LISTENERS_H_
