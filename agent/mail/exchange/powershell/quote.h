// Values as literals of Windows PowerShell. The only place that makes them.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_POWERSHELL_QUOTE_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_POWERSHELL_QUOTE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "agent/mail/exchange/shell.h"

namespace mailquench::agent::exchange {

// Well-formed UTF-8 without NUL (surrogates and over-long forms are not well-formed).
bool IsSendable(absl::string_view text);

// `text` in single quotes, within which nothing is expanded. PowerShell reads U+2018 to U+201B as
// single quotes, too (about_Quoting_Rules), so those are doubled as well. Error:
// kInvalidArgument/BAD_COMMAND where it is not sendable.
absl::StatusOr<std::string> QuoteText(absl::string_view text);

// What follows a parameter's name, with what separates them: "" for a switch, ":$false", " 'a'",
// " @('a','b')". Error: as of QuoteText().
absl::StatusOr<std::string> QuoteArgument(const Value& value);

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_POWERSHELL_QUOTE_H_
