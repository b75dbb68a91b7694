// What stands at port 25 of an address, asked as a stranger would: no mail is sent, the
// conversation ends before DATA.
#ifndef MAILQUENCH_CONTROLLER_MX_SMTP_LOOK_H_
#define MAILQUENCH_CONTROLLER_MX_SMTP_LOOK_H_

#include <string>

#include "absl/time/time.h"

namespace mailquench::controller::mx {

struct SmtpLook {
  bool answered = false;  // With 220.
  std::string banner;     // First line, harmless.
  enum class Relay { kClosed, kOpen, kUnknown } relay = Relay::kUnknown;
  std::string reply;  // That decided, harmless; or why there is none.
};
// Blocks at most `limit`; thread-safe. The recipient is in a domain that nobody serves (RFC 6761),
// the sender is the null one, whose domain cannot be refused.
SmtpLook LookAtSmtp(const std::string& address, int port, absl::Duration limit);

}  // namespace mailquench::controller::mx

#endif  // MAILQUENCH_CONTROLLER_MX_SMTP_LOOK_H_
