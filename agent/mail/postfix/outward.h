// What an instance is to other mail servers: the addresses that its mail leaves from, the names
// that it says, the domains that it serves or writes in.
#ifndef MAILQUENCH_AGENT_MAIL_POSTFIX_OUTWARD_H_
#define MAILQUENCH_AGENT_MAIL_POSTFIX_OUTWARD_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/mail/postfix/instance.h"
#include "agent/mail/postfix/postconf.h"

namespace mailquench::agent::postfix {

struct Outward {
  // smtp_bind_address and smtp_bind_address6, of main.cf and of the smtp services of master.cf; for
  // a family without one, the only address of inet_interfaces, else what the default route gives.
  std::vector<std::string> addresses;
  std::vector<std::string> helo_names;  // smtp_helo_name, likewise.
  std::vector<std::string> domains;     // Lower case, in the order of their parameters, each once.
};

// Errors: those of EffectiveParameters().
absl::StatusOr<Outward> ReadOutward(const Instance& instance);

// The real domain names among the values: no tables, files, patterns, addresses, names without a
// dot and no localhost. `myorigin` may name a file whose first line is the domain.
std::vector<std::string> DomainsIn(const Parameters& parameters);

}  // namespace mailquench::agent::postfix

#endif  // MAILQUENCH_AGENT_MAIL_POSTFIX_OUTWARD_H_
