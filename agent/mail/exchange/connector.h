// A receive connector of this server, and what it is for.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_CONNECTOR_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_CONNECTOR_H_

#include <string>
#include <vector>

#include "agent/mail/exchange/ace.h"
#include "agent/mail/exchange/ip_range.h"
#include "agent/mail/exchange/shell.h"

namespace mailquench::agent::exchange {

struct Connector {
  std::string name;
  // For -Identity: the GUID where there is one, else SERVER\NAME. Neither hits a connector of the
  // same name on another server.
  std::string identity;
  std::string
      directory_name;  // For -Identity of the cmdlets for permissions: its DN, else as above.
  std::string role;    // "FrontendTransport", "HubTransport"; on an Edge server either.
  bool enabled = false;
  std::string auth_mechanism;     // "Tls, Integrated"
  std::string permission_groups;  // Without Custom: that says only that it has entries of its own.
  std::vector<std::string> bindings;
  std::vector<std::string> remote_ranges;
  bool hybrid = false;  // TlsDomainCapabilities is set, which is how Exchange Online is let in.
};

// The properties that ConnectorFrom() takes.
std::vector<std::string> ConnectorFields();
// `server`: its short name.
Connector ConnectorFrom(const Row& row, const std::string& server);

enum class ConnectorKind {
  kServers,  // Between servers: it keeps its mechanisms.
  kInbound,  // Takes mail for own domains from anybody.
  kClients,  // For logins only.
  kRelay,    // Made to let some addresses relay.
  kNarrow,   // From some addresses, for own domains only.
};
ConnectorKind KindOf(const Connector& connector, const Aces& aces);

// Whether it takes so many addresses that they are strangers, or some that cannot be read.
bool TakesStrangers(const Connector& connector);
// Whether all that it takes is within `clients`.
bool IsWithin(const Connector& connector, const std::vector<IpRange>& clients);
bool IsExternalAuthoritative(const Connector& connector);

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_CONNECTOR_H_
