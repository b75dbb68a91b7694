// What an error of a cmdlet is to whoever asked.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_POWERSHELL_FAULT_STATUS_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_POWERSHELL_FAULT_STATUS_H_

#include <string>

#include "absl/status/status.h"
#include "agent/mail/exchange/powershell/protocol.h"

namespace mailquench::agent::exchange {

// The error of a reply that has faults, as shell.h says. `text` is what was run.
absl::Status FaultStatus(const Reply& reply, const std::string& text);

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_POWERSHELL_FAULT_STATUS_H_
