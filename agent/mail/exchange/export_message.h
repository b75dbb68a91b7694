// One queued message as bytes.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_EXPORT_MESSAGE_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_EXPORT_MESSAGE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/mail/exchange/shell.h"

namespace mailquench::agent::exchange {

// A larger one does not fit into an answer of the shell as Base64 (powershell/session.h).
inline constexpr std::int64_t kMostExported = std::int64_t{46} * 1024 * 1024;

// Of a suspended message. Errors: kDataLoss/BAD_EXPORT (what came is no message), those of the
// shell. Blocks.
absl::StatusOr<std::string> ExportMessage(Shell& shell,
                                          const std::string& identity,
                                          absl::Time deadline);

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_EXPORT_MESSAGE_H_
