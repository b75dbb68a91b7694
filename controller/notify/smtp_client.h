// One message given to a relay by SMTP (RFC 5321), with STARTTLS (RFC 3207) and AUTH PLAIN.
#ifndef MAILQUENCH_CONTROLLER_NOTIFY_SMTP_CLIENT_H_
#define MAILQUENCH_CONTROLLER_NOTIFY_SMTP_CLIENT_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/web/url.h"
#include "controller/notify/channel.h"

namespace mailquench::controller {

struct SmtpJob {
  web::HostPort relay;
  bool starttls = true;        // Demanded, and the relay's certificate is checked.
  std::string ca_file;         // Empty: the system's.
  std::string user, password;  // Given over TLS alone.
  std::string sender;          // Empty: the null reverse-path.
  std::vector<std::string> recipients;
  std::string message;          // Lines with CR LF.
  absl::Duration limit;         // For all up to the message's last byte, and
  absl::Duration answer_limit;  // from there for the answer to it.
  std::function<bool()> wanted;
};

// kDelivered where one recipient is enough to say so: `delivered_to` names who has it, `error` who
// was refused for good. kRetry where one is to be tried again, with those who have it. kRefused:
// the relay takes it for nobody, and will not. A refusal before MAIL (greeting, TLS, log-in) is the
// set-up's fault and not the message's: kRetry. Blocks at most `limit` and `answer_limit`;
// thread-safe.
Outcome SendMail(const SmtpJob& job);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_NOTIFY_SMTP_CLIENT_H_
