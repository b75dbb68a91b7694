#include "controller/http/peers.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace mailquench::controller {

std::string PeerGroup(const std::string& address) {
  in6_addr bits = {};
  const std::string plain = address.substr(0, address.find('%'));  // Without the zone.
  if (::inet_pton(AF_INET6, plain.c_str(), &bits) != 1) return address;
  char text[INET6_ADDRSTRLEN] = {};
  if (IN6_IS_ADDR_V4MAPPED(&bits)) {
    ::inet_ntop(AF_INET, bits.s6_addr + 12, text, sizeof text);
    return text;
  }
  std::fill(std::begin(bits.s6_addr) + 8, std::end(bits.s6_addr), std::uint8_t{0});
  ::inet_ntop(AF_INET6, &bits, text, sizeof text);
  return std::string(text) + "/64";
}

}  // namespace mailquench::controller
