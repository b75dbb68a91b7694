// Asks Postfix' own programs whether they would take a configuration, before it is written.
#ifndef MAILQUENCH_AGENT_MAIL_POSTFIX_CANDIDATE_H_
#define MAILQUENCH_AGENT_MAIL_POSTFIX_CANDIDATE_H_

#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "agent/mail/postfix/instance.h"

namespace mailquench::agent::postfix {

// Path of a file in the configuration folder -> its candidate content; none: it will be missing.
using Overlay = std::map<std::string, std::optional<std::string>>;

// Copies the configuration to a private folder, lays the overlay over it, and runs postconf(1) and,
// once for each set of overrides of an smtpd service, `smtpd -S`. It asks no other service, so it
// works with Postfix stopped. What smtpd says at start is all that it can tell: a dialogue after
// the reload has to decide. Errors: kFailedPrecondition/CANDIDATE_REFUSED; others where the asking
// failed. Nothing outside the folder is touched.
absl::Status CheckCandidate(const Instance& instance, const Overlay& overlay);

}  // namespace mailquench::agent::postfix

#endif  // MAILQUENCH_AGENT_MAIL_POSTFIX_CANDIDATE_H_
