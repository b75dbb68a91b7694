#include "common/os/name_servers.h"
#include "common/os/socket.h"
// After winsock2.h.
#include <iphlpapi.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace mailquench::os {
namespace {

constexpr int kTries = 5;  // Adapters may come between two calls.

// fec0:0:0:ffff::1 to ::3, which Windows names where nobody has set a server for IPv6.
bool IsPlaceholder(const sockaddr_in6& address) {
  static constexpr unsigned char kPrefix[15] = {0xfe, 0xc0, 0, 0, 0, 0, 0xff, 0xff};
  return std::memcmp(&address.sin6_addr, kPrefix, sizeof kPrefix) == 0;
}

std::string TextOf(const sockaddr* address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address->sa_family == AF_INET) {
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, text,
                sizeof text);
    return text;
  }
  if (address->sa_family != AF_INET6) return std::string();
  const auto* in6 = reinterpret_cast<const sockaddr_in6*>(address);
  if (IsPlaceholder(*in6)) return std::string();
  ::inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof text);
  return in6->sin6_scope_id == 0 ? std::string(text) : absl::StrCat(text, "%", in6->sin6_scope_id);
}

}  // namespace

std::vector<std::string> SystemNameServers() {
  StartSockets();
  ULONG size = 16 * 1024;
  std::vector<std::uint64_t> memory;  // Aligned for what is put into it.
  ULONG error = ERROR_BUFFER_OVERFLOW;
  for (int i = 0; i < kTries && error == ERROR_BUFFER_OVERFLOW; ++i) {
    memory.assign(size / sizeof(std::uint64_t) + 1, 0);
    error = ::GetAdaptersAddresses(
        AF_UNSPEC, GAA_FLAG_SKIP_UNICAST | GAA_FLAG_SKIP_ANYCAST | GAA_FLAG_SKIP_MULTICAST, nullptr,
        reinterpret_cast<IP_ADAPTER_ADDRESSES*>(memory.data()), &size);
  }
  if (error != NO_ERROR) return {};
  std::vector<std::pair<ULONG, std::string>> found;  // Metric and server.
  for (const auto* one = reinterpret_cast<const IP_ADAPTER_ADDRESSES*>(memory.data());
       one != nullptr; one = one->Next) {
    if (one->OperStatus != IfOperStatusUp) continue;
    for (const auto* server = one->FirstDnsServerAddress; server != nullptr;
         server = server->Next) {
      const sockaddr* address = server->Address.lpSockaddr;
      const std::string text = TextOf(address);
      if (text.empty()) continue;
      found.emplace_back(address->sa_family == AF_INET ? one->Ipv4Metric : one->Ipv6Metric, text);
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> servers;
  for (const auto& [metric, server] : found) {
    if (std::find(servers.begin(), servers.end(), server) == servers.end())
      servers.push_back(server);
  }
  return servers;
}

unsigned InterfaceIndex(const std::string& zone) {
  unsigned number = 0;
  return absl::SimpleAtoi(zone, &number) ? number : ::if_nametoindex(zone.c_str());
}

}  // namespace mailquench::os
