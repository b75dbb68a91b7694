// What a name server has of a zone now, asked with the key that may change it.
#ifndef MAILQUENCH_CONTROLLER_DNS_LOOK_H_
#define MAILQUENCH_CONTROLLER_DNS_LOOK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/dns/exchange.h"
#include "controller/dns/tsig_key.h"

namespace mailquench::controller::dns {

// The primary server of a zone, and how to speak to it.
struct Primary {
  std::string server;  // Address and port, see ParseEndpoint().
  std::string zone;
  TsigKey key;
  Patience patience;
};

// The records of one name and one type.
struct Found {
  std::vector<std::string> values;  // Presentation format, canonical, sorted. Empty: none.
  std::uint32_t ttl = 0;            // Seconds.
  std::string alias;                // Where the name is an alias (CNAME): for what.
};
// "192.0.2.1, 192.0.2.2 with TTL 300", "nothing", "an alias for x.example"
std::string FoundText(const Found& found);

// Signed with the time `now`; the answer is signed too and authoritative. Blocks; thread-safe.
// Errors: those of Ask(); FAILED_PRECONDITION / DNS_NOT_AUTHORITATIVE, DNS_LOOK_FAILED (the
// server's own error).
absl::StatusOr<Found> Look(const Primary& primary,
                           const std::string& name,
                           const std::string& type,
                           absl::Time now);

}  // namespace mailquench::controller::dns

#endif  // MAILQUENCH_CONTROLLER_DNS_LOOK_H_
