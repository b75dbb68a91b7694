// What an Exchange server is made of, and what can be done on it.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_INVENTORY_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_INVENTORY_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/mail/exchange/belonging.h"
#include "agent/mail/exchange/installation.h"
#include "agent/mail/exchange/shell.h"
#include "agent/mail/mail_system.h"

namespace mailquench::agent::exchange {

// Why an operation is not there; the same words in the inventory and in the refusal.
inline constexpr char kNoMove[] =
    "a queue database is moved with its server's own account and rights, which is not proven";

// `listeners`: of the receive connectors. What the shell does not answer is left out; where it
// cannot be had at all, what needs it is not available, with its reason, and neither is contain
// where `belonging` is not known.
Inventory TakeInventory(Shell& shell,
                        const Installation& installation,
                        const absl::StatusOr<std::vector<std::string>>& listeners,
                        const absl::StatusOr<Belonging>& belonging,
                        absl::Time deadline);

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_INVENTORY_H_
