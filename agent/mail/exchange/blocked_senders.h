// Whose mail our own transport rules would reject. They see all that transport takes, so also what
// goes back to it out of a quarantine; a rejected message would be gone from there.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_BLOCKED_SENDERS_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_BLOCKED_SENDERS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "agent/mail/exchange/installation.h"
#include "agent/mail/exchange/ip_range.h"
#include "agent/mail/exchange/shell.h"

namespace mailquench::agent::exchange {

class BlockedSenders {
 public:
  explicit BlockedSenders(std::vector<std::string> accounts = {},
                          std::vector<IpRange> clients = {});

  // Of the rules that are enabled and ours. An Edge server has none. Whoever may not see rules has
  // made none. Errors: those of the shell.
  static absl::StatusOr<BlockedSenders> Read(Shell& shell, Role role, absl::Time deadline);

  // In words.
  std::vector<std::string> Names() const;
  // kFailedPrecondition/SENDER_BLOCKED where one of the accounts is the envelope's sender, or is
  // named in the message's From, Sender or Reply-To: what SenderAddressLocation HeaderOrEnvelope
  // looks at; or where the client, "" where none is known, is blocked. Whether a rule sees the
  // client's address again when a message comes out of Replay is documented nowhere.
  absl::Status Check(absl::string_view sender,
                     const std::string& client,
                     absl::string_view content) const;

 private:
  std::vector<std::string> accounts_;  // In lower case.
  std::vector<IpRange> clients_;
};

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_BLOCKED_SENDERS_H_
