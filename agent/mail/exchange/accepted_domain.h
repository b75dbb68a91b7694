// What an accepted domain makes this organisation's own.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_ACCEPTED_DOMAIN_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_ACCEPTED_DOMAIN_H_

#include <string>

namespace mailquench::agent::exchange {

// "*", and a wildcard below what a registry hands out ("*.com", "*.co.uk"): it holds domains of
// strangers, to which everybody may then relay. "*.local" and other names that the internet does
// not have are not open. Without the list of public suffixes: two labels are told by their form.
bool IsOpenDomain(const std::string& domain);

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_ACCEPTED_DOMAIN_H_
