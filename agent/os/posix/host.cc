#include "agent/os/host.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <unistd.h>

#include "absl/strings/ascii.h"
#include "agent/os/files.h"

namespace mailquench::agent {

std::uint32_t ProcessId() {
  return static_cast<std::uint32_t>(getpid());
}

std::string HostName() {
  char host[256] = "";
  if (gethostname(host, sizeof host - 1) != 0) host[0] = '\0';
  return host;
}

std::string BootId() {
  // A file of the kernel: its size reads as 0, so it is read to its end.
  const auto boot = ReadFile("/proc/sys/kernel/random/boot_id", 4096);
  return boot.ok() ? std::string(absl::StripAsciiWhitespace(*boot)) : "";
}

std::vector<std::string> OwnAddresses() {
  std::vector<std::string> v4, v6;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return {};
  for (const ifaddrs* i = list; i != nullptr; i = i->ifa_next) {
    if (i->ifa_addr == nullptr || (i->ifa_flags & IFF_LOOPBACK) != 0) continue;
    if ((i->ifa_flags & IFF_UP) == 0) continue;
    char text[INET6_ADDRSTRLEN];
    if (i->ifa_addr->sa_family == AF_INET) {
      const auto* a = reinterpret_cast<const sockaddr_in*>(i->ifa_addr);
      v4.emplace_back(inet_ntop(AF_INET, &a->sin_addr, text, sizeof text));
    } else if (i->ifa_addr->sa_family == AF_INET6) {
      const auto* a = reinterpret_cast<const sockaddr_in6*>(i->ifa_addr);
      if (IN6_IS_ADDR_LINKLOCAL(&a->sin6_addr)) continue;
      v6.emplace_back(inet_ntop(AF_INET6, &a->sin6_addr, text, sizeof text));
    }
  }
  freeifaddrs(list);
  v4.insert(v4.end(), v6.begin(), v6.end());
  return v4;
}

std::vector<std::string> AllAddresses() {
  std::vector<std::string> out;
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return out;
  for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr) continue;
    char text[INET6_ADDRSTRLEN];
    if (one->ifa_addr->sa_family == AF_INET) {
      const auto* a = reinterpret_cast<const sockaddr_in*>(one->ifa_addr);
      if (ntohl(a->sin_addr.s_addr) >> 24 == 127) continue;
      out.emplace_back(inet_ntop(AF_INET, &a->sin_addr, text, sizeof text));
    } else if (one->ifa_addr->sa_family == AF_INET6) {
      const auto* a = reinterpret_cast<const sockaddr_in6*>(one->ifa_addr);
      if (IN6_IS_ADDR_LOOPBACK(&a->sin6_addr) || IN6_IS_ADDR_LINKLOCAL(&a->sin6_addr)) continue;
      out.emplace_back(inet_ntop(AF_INET6, &a->sin6_addr, text, sizeof text));
    }
  }
  freeifaddrs(all);
  return out;
}

bool IsOwnAddress(const std::string& address) {
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return false;
  bool own = false;
  for (const ifaddrs* one = all; one != nullptr && !own; one = one->ifa_next) {
    if (one->ifa_addr == nullptr) continue;
    char text[INET6_ADDRSTRLEN] = "";
    if (one->ifa_addr->sa_family == AF_INET)
      inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(one->ifa_addr)->sin_addr, text,
                sizeof text);
    else if (one->ifa_addr->sa_family == AF_INET6)
      inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(one->ifa_addr)->sin6_addr, text,
                sizeof text);
    own = !address.empty() && address == text;
  }
  freeifaddrs(all);
  return own;
}

}  // namespace mailquench::agent
