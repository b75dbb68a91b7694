// What is known of one message that was set aside or is queued, whatever the mail system.
#ifndef MAILQUENCH_AGENT_QUARANTINE_MESSAGE_FACTS_H_
#define MAILQUENCH_AGENT_QUARANTINE_MESSAGE_FACTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace mailquench::agent {

// Texts are bytes as they stood in the message; a hostile sender chose them.
struct MessageFacts {
  std::string sender;           // Envelope sender; empty is the null sender, unless it is unknown.
  bool sender_unknown = false;  // It may be anybody.
  std::string client;   // Address of the SMTP client; empty where the message came in locally.
  std::string account;  // SASL login name; empty without a login.
  std::vector<std::string> recipients;         // The first few.
  std::vector<std::string> recipient_domains;  // Distinct, in lower case, of all recipients.
  std::string subject;                         // Decoded.
  std::int64_t bytes = 0;
  absl::Time arrival = absl::InfinitePast();
};

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_QUARANTINE_MESSAGE_FACTS_H_
