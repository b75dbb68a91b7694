// Values of several flags as Exchange writes them, "Tls, Integrated": sets, whose order says
// nothing.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_FLAGS_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_FLAGS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace mailquench::agent::exchange {

// In their order, without "None", which is the empty set, and without repetition.
std::vector<std::string> Flags(absl::string_view text);
// "None" where there are none.
std::string FlagsText(const std::vector<std::string>& flags);
// Letters' case says nothing, either.
bool HasFlag(absl::string_view text, absl::string_view flag);
bool SameFlags(absl::string_view a, absl::string_view b);
// The others keep their order and spelling; the text itself where it holds none of them.
std::string WithoutFlags(absl::string_view text, const std::vector<std::string>& flags);

// Whether Set-ReceiveConnector takes these together (its page, AuthMechanism): BasicAuthRequireTLS
// needs BasicAuth and Tls; beside ExternalAuthoritative only Tls stands, and the group
// ExchangeServers is needed.
bool MayCombine(absl::string_view auth_mechanism, absl::string_view permission_groups);

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_FLAGS_H_
