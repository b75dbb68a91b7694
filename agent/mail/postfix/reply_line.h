// One line of Postfix' log, as far as it is a remote server's refusal of a delivery.
#ifndef MAILQUENCH_AGENT_MAIL_POSTFIX_REPLY_LINE_H_
#define MAILQUENCH_AGENT_MAIL_POSTFIX_REPLY_LINE_H_

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "agent/mail/mail_system.h"

namespace mailquench::agent::postfix {

// The time that a line begins with: "Nov 25 17:00:01 " of syslog or "2026-11-25T17:00:01.5+00:00 "
// (RFC 3339). Syslog's has no year and is local: it is the last such time that is not more than a
// day after `latest`, the file's last change. What follows the time goes to `rest`.
bool ParseLogTime(absl::string_view line,
                  absl::Time latest,
                  const absl::TimeZone& zone,
                  absl::Time* time,
                  absl::string_view* rest);

// False: a line of something else. `rest` is what ParseLogTime leaves: "HOST postfix/smtp[1]: ...".
// Taken are the ends of deliveries, of servers that were passed over for another one, and of
// messages that wait because a server has just refused others. All but the time is set.
bool ParseReply(absl::string_view rest, DeliveryReply* reply);

// Whether it is worth to parse: quick, and no proof.
bool MayBeReply(absl::string_view line);

}  // namespace mailquench::agent::postfix

#endif  // MAILQUENCH_AGENT_MAIL_POSTFIX_REPLY_LINE_H_
