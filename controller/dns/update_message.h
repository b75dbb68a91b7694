// The message of an update (RFC 2136 sections 2.3 to 2.5). For update.cc and tests.
#ifndef MAILQUENCH_CONTROLLER_DNS_UPDATE_MESSAGE_H_
#define MAILQUENCH_CONTROLLER_DNS_UPDATE_MESSAGE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/dns/update.h"

namespace mailquench::controller::dns {

// Unsigned, in wire format. Thread-safe.
// INVALID_ARGUMENT / BAD_UPDATE: no change, one name and type twice, records that a server would
// not change or would pass over in silence (SOA, a zone's own NS, an alias together with other
// records).
absl::StatusOr<std::string> UpdateMessage(const std::string& zone,
                                          const std::vector<Change>& changes);

}  // namespace mailquench::controller::dns

#endif  // MAILQUENCH_CONTROLLER_DNS_UPDATE_MESSAGE_H_
