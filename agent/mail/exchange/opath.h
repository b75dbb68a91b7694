// The part of a message filter that Get-Message can judge itself.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_OPATH_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_OPATH_H_

#include <string>

#include "absl/status/status.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench::agent::exchange {

// Matches at least what `filter` matches: whoever asks judges each message again. "": all. Only
// values of harmless bytes go in: conditions are joined by -and alone, and quotes are the only ones
// that are documented.
std::string OpathOf(const v1::MessageFilter& filter);

// kUnimplemented/NO_ACCOUNTS: queues name no account.
absl::Status RefuseAccounts(const v1::MessageFilter& filter);

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_OPATH_H_
