// Where Exchange is on this host, and what it is.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_INSTALLATION_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_INSTALLATION_H_

#include <string>

#include "absl/status/statusor.h"

namespace mailquench::agent::exchange {

enum class Role { kMailbox, kEdge };

struct Installation {
  std::string path;    // Without a separator at its end.
  std::string server;  // Its short name, which is the name of its one instance, too.
  std::string fqdn;
  std::string version;  // "15.2.1544.4"
  Role role = Role::kMailbox;
};

// From the registry (A1). kNotFound/NO_EXCHANGE; kUnimplemented/EXCHANGE_TOO_OLD before 2013.
absl::StatusOr<Installation> FindInstallation();

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_INSTALLATION_H_
