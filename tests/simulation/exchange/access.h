// Who may do what on a receive connector.
#ifndef MAILQUENCH_TESTS_SIMULATION_EXCHANGE_ACCESS_H_
#define MAILQUENCH_TESTS_SIMULATION_EXCHANGE_ACCESS_H_

#include <string>
#include <utility>
#include <vector>

#include "tests/simulation/exchange/settings.h"

namespace mailquench::simulation::exchange {

// Address and port of each binding of the server's enabled connectors of a role, each once. IPv4
// alone.
std::vector<std::pair<std::string, int>> BindingsOf(const Settings& settings,
                                                    const std::string& role);

// The enabled connector of that role that is bound to `local` ("ADDRESS:PORT") and whose
// RemoteIPRanges cover `client` most narrowly; null where there is none.
const Json& ChooseConnector(const Settings& settings,
                            const std::string& role,
                            const std::string& local,
                            const std::string& client);

struct Access {
  bool submit = false;
  bool any_recipient = false;  // ms-Exch-SMTP-Accept-Any-Recipient
};
// By AuthMechanism, PermissionGroups and Permissions; an entry that denies wins.
Access AccessOf(const Json& connector, bool authenticated);

// AUTH LOGIN and PLAIN, on a connection without TLS.
bool OffersBasic(const Json& connector);

// "" or the reply that refuses the recipient.
std::string RefuseRecipient(const Settings& settings,
                            const Access& access,
                            const std::string& recipient);

}  // namespace mailquench::simulation::exchange

#endif  // MAILQUENCH_TESTS_SIMULATION_EXCHANGE_ACCESS_H_
