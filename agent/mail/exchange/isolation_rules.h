// The firewall rules that keep this server's Transport from all others.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_ISOLATION_RULES_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_ISOLATION_RULES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "agent/mail/exchange/installation.h"
#include "agent/mail/exchange/shell.h"

namespace mailquench::agent::exchange {

// Outbound, to the ports of SMTP alone: Transport does not start where it cannot reach a domain
// controller. Blocked are EdgeTransport.exe, which sends, and the front end's program, through
// which a send connector may be told to send; MSExchangeTransport.exe only starts and watches
// EdgeTransport.exe and speaks no SMTP. Inbound, all of EdgeTransport.exe: what another server
// handed over meanwhile would be in a database that is thrown away, and a holder of shadow copies
// would see another database's number. Windows does not filter what stays on the host.
class IsolationRules {
 public:
  // The shell outlives it.
  IsolationRules(Shell& shell, const Installation& installation);

  // Whether this Windows has the cmdlets, and this account may use them. kFailedPrecondition/
  // NO_FIREWALL.
  absl::Status CheckThere(absl::Time deadline);
  // `ports`: besides those of SMTP, the ones that send connectors name. Rules of ours that are
  // there are replaced. Errors: those of the shell.
  absl::Status Put(const std::vector<std::string>& ports,
                   const std::string& why,
                   absl::Time deadline);
  // Reads them back. kFailedPrecondition/ISOLATION_NOT_PROVEN.
  absl::Status Verify(absl::Time deadline);
  // Those that are there.
  absl::Status Remove(absl::Time deadline);

 private:
  struct Rule {
    std::string name, direction, program;
  };
  Shell& shell_;
  std::vector<Rule> rules_;
};

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_ISOLATION_RULES_H_
