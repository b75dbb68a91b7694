// Addresses of DNS servers, as options and resolv.conf name them.
#ifndef MAILQUENCH_COMMON_BLACKLIST_RESOLVER_ADDRESS_H_
#define MAILQUENCH_COMMON_BLACKLIST_RESOLVER_ADDRESS_H_

#include <array>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/os/socket.h"

namespace mailquench::blacklist {

struct ServerAddress {
  // In network byte order; `size` bytes of it count.
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
  // Without port and scope; an IPv4 address is ::ffff:a.b.c.d.
  std::array<unsigned char, 16> Binary() const;
};

// "192.0.2.53", "192.0.2.53:5353", "2001:db8::53", "[2001:db8::53]", "[2001:db8::53]:53",
// "fe80::1%eth0". Port 53 where none is given. Error: kInvalidArgument/BAD_SERVER.
absl::StatusOr<ServerAddress> ParseServer(const std::string& text);

// The first three servers of a resolv.conf(5) that are addresses, or those that the system is set
// up with where `path` is empty; "127.0.0.1" where there is none, also where the file cannot be
// read.
std::vector<std::string> SystemServers(const std::string& path);

}  // namespace mailquench::blacklist

#endif  // MAILQUENCH_COMMON_BLACKLIST_RESOLVER_ADDRESS_H_
