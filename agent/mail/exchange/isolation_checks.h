// What is asked before a host is isolated; nothing is changed.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_ISOLATION_CHECKS_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_ISOLATION_CHECKS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/mail/exchange/installation.h"
#include "agent/mail/exchange/shell.h"

namespace mailquench::agent::exchange {

// kFailedPrecondition/SHADOW_REDUNDANCY: other servers keep copies for this one, and would send
// them all when another database's number answers (A3.2). Else the errors of the shell.
absl::Status CheckShadow(Shell& shell, const Installation& installation, absl::Time deadline);

// Where mail leaves this server to.
struct WayOut {
  std::vector<std::string> ports;        // That send connectors name.
  std::vector<std::string> smart_hosts;  // Of the connector for everybody: "HOST:PORT".
};
// kFailedPrecondition/ISOLATION_NOT_PROVEN where mail leaves by DNS: no server could be asked
// whether it would have taken the probe.
absl::StatusOr<WayOut> FindWayOut(Shell& shell,
                                  const Installation& installation,
                                  absl::Time deadline);

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_ISOLATION_CHECKS_H_
