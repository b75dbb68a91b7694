// The name servers of a zone with all their addresses.
#ifndef MAILQUENCH_CONTROLLER_DNS_NAME_SERVERS_H_
#define MAILQUENCH_CONTROLLER_DNS_NAME_SERVERS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/dns/exchange.h"

namespace mailquench::controller::dns {

struct NameServer {
  std::string name;
  std::vector<std::string> addresses;  // See ParseEndpoint(), v4 before v6. Empty: it has none.
  bool partly = false;                 // Some could not be looked up.
};

// Asks the resolver at the address `resolver` for the zone's NS records and for A and AAAA of each
// of them. `port` is put to each address. Blocks; thread-safe. Errors: those of Ask(); NOT_FOUND /
// DNS_NO_NAME_SERVERS; UNAVAILABLE / DNS_RESOLVER_FAILED (one question was not answered: a list
// that lacks addresses would hide a server that is behind).
absl::StatusOr<std::vector<NameServer>> FindNameServers(const std::string& zone,
                                                        const std::string& resolver,
                                                        const Patience& patience,
                                                        int port = 53);

}  // namespace mailquench::controller::dns

#endif  // MAILQUENCH_CONTROLLER_DNS_NAME_SERVERS_H_
