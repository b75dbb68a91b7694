// The switches that Managed Availability and administrators have for the parts of a server. A
// component is active where no requester holds it inactive, in the directory or in the registry.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_COMPONENTS_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_COMPONENTS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/mail/exchange/installation.h"
#include "agent/mail/exchange/shell.h"

namespace mailquench::agent::exchange {

struct Component {
  std::string name;   // "HubTransport"
  std::string state;  // "Active", "Inactive", "Draining"
  // What each requester says: "Maintenance": "Inactive"; the less active of directory and registry.
  std::map<std::string, std::string> entries;
  bool active() const { return state == "Active"; }
};

// All components of the server. Errors: those of the shell.
absl::StatusOr<std::vector<Component>> ReadComponents(Shell& shell,
                                                      const std::string& server,
                                                      absl::Time deadline);

// Those of mail flow on a server of this role.
std::vector<std::string> MailComponents(Role role);

// Adds what one text of LocalStates or RemoteStates says: "Requestor:Functional; State:Active;
// Timestamp:...".
void AddEntry(const std::string& text, std::map<std::string, std::string>& entries);

// "HubTransport Inactive (Maintenance)"
std::string Words(const Component& component);

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_COMPONENTS_H_
