// Blocks of IPv4 addresses as IIS writes them, "192.0.2.0, 255.255.255.0", and as people do,
// "192.0.2.0/24".
#ifndef MAILQUENCH_AGENT_MAIL_SMTPSVC_IP_BLOCK_H_
#define MAILQUENCH_AGENT_MAIL_SMTPSVC_IP_BLOCK_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace mailquench::agent::smtpsvc {

struct IpBlock {
  std::uint32_t address = 0;  // Host bits are zero.
  int prefix = 32;

  bool Contains(const IpBlock& other) const;
  std::string ForIis() const;   // "192.0.2.0, 255.255.255.0"
  std::string ForUser() const;  // "192.0.2.0/24"; "192.0.2.1"

  bool operator==(const IpBlock&) const = default;
};

// nullopt where it is not two addresses, or the mask has a hole.
std::optional<IpBlock> ParseIisBlock(const std::string& text);
// Errors: kInvalidArgument/BAD_CLIENT: no address and no block, IPv6, bits behind the prefix, or
// wider than /8: so wide is no client, it is strangers.
absl::StatusOr<IpBlock> ParseClient(const std::string& text);

// Whether it holds so many addresses that they are strangers.
bool HoldsStrangers(const IpBlock& block);

}  // namespace mailquench::agent::smtpsvc

#endif  // MAILQUENCH_AGENT_MAIL_SMTPSVC_IP_BLOCK_H_
