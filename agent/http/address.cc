#include "agent/http/address.h"

#include <cstdint>
#include <cstring>

#include "agent/os/host.h"

namespace mailquench::agent {
namespace {

struct Range4 {
  std::uint32_t begin;  // Host order.
  int prefix;
};
// IANA's registry of special-purpose IPv4 addresses: what is not globally reachable.
constexpr Range4 kNotPublic4[] = {
    {0x00000000, 8},   // this network
    {0x0a000000, 8},   // 10.0.0.0, private
    {0x64400000, 10},  // 100.64.0.0, shared by carriers
    {0x7f000000, 8},   // loopback
    {0xa9fe0000, 16},  // 169.254.0.0, link-local, metadata services
    {0xac100000, 12},  // 172.16.0.0, private
    {0xc0000000, 24},  // 192.0.0.0, protocol assignments
    {0xc0000200, 24},  // 192.0.2.0, documentation
    {0xc0586300, 24},  // 192.88.99.0, 6to4 relays
    {0xc0a80000, 16},  // 192.168.0.0, private
    {0xc6120000, 15},  // 198.18.0.0, benchmarks
    {0xc6336400, 24},  // 198.51.100.0, documentation
    {0xcb007100, 24},  // 203.0.113.0, documentation
    {0xe0000000, 3},   // multicast, reserved, broadcast
};

bool IsPublic4(std::uint32_t address) {
  for (const Range4& range : kNotPublic4) {
    const std::uint32_t mask = ~std::uint32_t{0} << (32 - range.prefix);
    if ((address & mask) == range.begin) return false;
  }
  return true;
}

std::uint32_t Word(const unsigned char* bytes) {
  std::uint32_t word = 0;
  std::memcpy(&word, bytes, sizeof word);
  return ntohl(word);
}

bool IsPublic6(const unsigned char* a) {
  static constexpr unsigned char kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  static constexpr unsigned char kNat64[12] = {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0};
  if (std::memcmp(a, kMapped, 12) == 0 || std::memcmp(a, kNat64, 12) == 0)
    return IsPublic4(Word(a + 12));
  if ((a[0] & 0xe0) != 0x20) return false;  // Global unicast is 2000::/3.
  const std::uint32_t head = Word(a);
  if (head == 0x20010db8) return false;                 // Documentation.
  if ((head & 0xfffffe00) == 0x20010000) return false;  // 2001::/23: Teredo, ORCHID and others.
  if ((head & 0xffff0000) == 0x20020000) return false;  // 2002::/16: 6to4, holds an IPv4 address.
  return (head & 0xfffff000) != 0x3fff0000;             // 3fff::/20, documentation.
}

// The bytes of an address; `size` is 4, 16 or 0.
const unsigned char* Bytes(const sockaddr* address, std::size_t* size) {
  if (address->sa_family == AF_INET) {
    *size = 4;
    return reinterpret_cast<const unsigned char*>(
        &reinterpret_cast<const sockaddr_in*>(address)->sin_addr);
  }
  if (address->sa_family == AF_INET6) {
    *size = 16;
    return reinterpret_cast<const unsigned char*>(
        &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr);
  }
  *size = 0;
  return nullptr;
}
}  // namespace

std::string Endpoint::Text() const {
  char text[INET6_ADDRSTRLEN] = "";
  std::size_t size = 0;
  const unsigned char* bytes = Bytes(reinterpret_cast<const sockaddr*>(&address), &size);
  if (size != 0) inet_ntop(family(), bytes, text, sizeof text);
  return text;
}

bool ParseAddress(const std::string& text, int port, Endpoint* endpoint) {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  *endpoint = {};
  if (inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(static_cast<std::uint16_t>(port));
    std::memcpy(&endpoint->address, &v4, sizeof v4);
    endpoint->length = sizeof v4;
    return true;
  }
  if (inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) != 1) return false;
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(static_cast<std::uint16_t>(port));
  std::memcpy(&endpoint->address, &v6, sizeof v6);
  endpoint->length = sizeof v6;
  return true;
}

bool IsPublic(const Endpoint& endpoint) {
  std::size_t size = 0;
  const unsigned char* bytes = Bytes(reinterpret_cast<const sockaddr*>(&endpoint.address), &size);
  if (size == 4) return IsPublic4(Word(bytes));
  return size == 16 && IsPublic6(bytes);
}

bool IsOwn(const Endpoint& endpoint) {
  return IsOwnAddress(endpoint.Text());
}

}  // namespace mailquench::agent
