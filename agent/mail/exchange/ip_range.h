// Ranges of addresses as a receive connector has them, "10.0.0.1-10.0.0.9", and as people write
// them, "10.0.0.0/24".
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_IP_RANGE_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_IP_RANGE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace mailquench::agent::exchange {

struct IpRange {
  using Address = std::array<std::uint8_t, 16>;  // Of IPv4 the mapped one, ::ffff:192.0.2.1.
  Address first{};
  Address last{};

  bool Contains(const IpRange& other) const { return first <= other.first && other.last <= last; }
  bool IsV4() const;
  // More than 2^24 addresses of IPv4, more than a /32 of IPv6: so many are strangers.
  bool HoldsStrangers() const;
  bool IsOne() const { return first == last; }
  std::string Text() const;  // "192.0.2.1", "192.0.2.0-192.0.2.255"

  bool operator==(const IpRange&) const = default;
};

// An address, FIRST-LAST, or ADDRESS/BITS, whatever its host bits are. nullopt: none of them.
std::optional<IpRange> ParseRange(const std::string& text);
// Errors: kInvalidArgument/BAD_CLIENT: none of the above, bits behind the prefix, or so wide that
// it is strangers.
absl::StatusOr<IpRange> ParseClient(const std::string& text);

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_IP_RANGE_H_
