// Who relays today, by the mail log.
#ifndef MAILQUENCH_AGENT_MAIL_POSTFIX_RELAY_TRAFFIC_H_
#define MAILQUENCH_AGENT_MAIL_POSTFIX_RELAY_TRAFFIC_H_

#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/mail/postfix/cidr.h"
#include "agent/mail/postfix/postconf.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench::agent::postfix {

struct TrafficRules {
  std::string instance;
  std::string syslog_name = "postfix";
  std::set<std::string> own_domains;    // Lower case.
  std::set<std::string> relay_domains;  // Lower case; subdomains count as well.
  bool accounts_stay = false;           // Who authenticates may go on.
  std::vector<Cidr> clients_stay;       // Who may go on by address.
};

// The last `max_bytes` of a file, from the first whole line on. Errors of open(2), read(2).
absl::StatusOr<std::string> ReadTail(const std::string& path, std::size_t max_bytes);

// Clients and accounts whose mail left for domains that are not ours and who may not go on: the 20
// with most messages.
std::vector<v1::LegitimateUse> RelayersIn(const std::string& log, const TrafficRules& rules);

}  // namespace mailquench::agent::postfix

#endif  // MAILQUENCH_AGENT_MAIL_POSTFIX_RELAY_TRAFFIC_H_
