// No Exchange runs here; simulations and tests say what they stand for.
#include "agent/mail/exchange/installation.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {

absl::StatusOr<Installation> FindInstallation() {
  return Error(absl::StatusCode::kNotFound, "NO_EXCHANGE",
               "Exchange Server runs on Windows alone; nothing was done; give this agent its right "
               "mail_system");
}

}  // namespace mailquench::agent::exchange
