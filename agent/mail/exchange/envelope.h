// The envelope of a message, as Replay reads it: X-headers before all others. From the
// documentation of the Pickup and Replay directories of Exchange 2013: one X-Sender, at least one
// X-Receiver, X-CreatedBy not blank, and X-EndOfInjectedXHeaders, "size in bytes of all the
// X-Headers", that may mark the last of them.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_ENVELOPE_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_ENVELOPE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mailquench::agent::exchange {

// Whether a message with this envelope can go back: kDataLoss/BAD_ENVELOPE where no recipient is
// known, or an address has no local part and domain or cannot be written in a line of a header,
// which is ASCII (RFC 2822). An empty sender is the null sender.
absl::Status CheckEnvelope(const std::string& sender, const std::vector<std::string>& recipients);

// The file for Replay. Transport puts such X-headers before what it exports: a block that ends in
// its mark and names these addresses and no others is kept, with all that it says of the
// recipients; any other is replaced. What of their kind the message itself begins with then is the
// sender's own, and goes: it would add recipients. Errors: those of CheckEnvelope().
absl::StatusOr<std::string> WithEnvelope(const std::string& sender,
                                         const std::vector<std::string>& recipients,
                                         const std::string& content);

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_ENVELOPE_H_
