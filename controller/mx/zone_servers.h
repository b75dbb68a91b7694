// The zone of a name and its name servers, and what each of them has.
#ifndef MAILQUENCH_CONTROLLER_MX_ZONE_SERVERS_H_
#define MAILQUENCH_CONTROLLER_MX_ZONE_SERVERS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/dns/name_servers.h"
#include "controller/mx/lookups.h"
#include "controller/mx/options.h"
#include "mailquench/v1/mx.pb.h"

namespace mailquench::controller::mx {

struct ZoneCut {
  std::string zone;
  std::uint32_t negative_ttl = 0;  // RFC 2308 section 5: the smaller of the SOA's TTL and minimum.
};
// The nearest SOA at or above the name. Errors: NOT_FOUND/ZONE_NOT_FOUND,
// UNAVAILABLE/DNS_NO_ANSWER.
absl::StatusOr<ZoneCut> FindZone(Lookups* lookups, const std::string& name);

// At most 16 servers with 8 addresses each; `port` is put to each. One whose addresses could not
// all be looked up is `partly`. Empty: there are none, or they could not be found out.
std::vector<dns::NameServer> ServersOf(Lookups* lookups, const std::string& zone, int port);

// Asks each server at each address for the serial and for the domain's MX, all at the same time.
std::vector<v1::NameServerView> AskServers(const std::vector<dns::NameServer>& servers,
                                           const std::string& zone,
                                           const std::string& domain,
                                           const dns::Patience& patience);

// The records as a server with authority has them: the zone's primary where it is configured, else
// the first of its name servers that answers; not signed. No values: there are none. Errors: those
// of FindZone(), UNAVAILABLE/DNS_NO_ANSWER; FAILED_PRECONDITION/RECORD_IS_ALIAS.
absl::StatusOr<v1::RecordSet> AskAuthority(const Options& options,
                                           Lookups* lookups,
                                           const std::string& name,
                                           const std::string& type);
// FAILED_PRECONDITION/RECORD_IS_ALIAS: `name` has no `type` of its own.
absl::Status IsAlias(const std::string& name, const std::string& alias, const std::string& type);
// The configured zone that is nearest above the name; null: none.
const Zone* ConfiguredZone(const Options& options, const std::string& name);

}  // namespace mailquench::controller::mx

#endif  // MAILQUENCH_CONTROLLER_MX_ZONE_SERVERS_H_
