#include "agent/os/network.h"

#include "common/os/socket.h"

namespace mailquench::agent {
namespace {
// Addresses for documentation (RFC 5737, RFC 3849): nobody routes them apart, so that the default
// route decides. A connect() of UDP only chooses.
constexpr char kSomewhere4[] = "192.0.2.1";
constexpr char kSomewhere6[] = "2001:db8::1";
constexpr int kDiscardPort = 9;
}  // namespace

std::string SourceOfDefaultRoute(bool v6) {
  os::StartSockets();
  sockaddr_in to4{};
  sockaddr_in6 to6{};
  to4.sin_family = AF_INET;
  to4.sin_port = htons(kDiscardPort);
  inet_pton(AF_INET, kSomewhere4, &to4.sin_addr);
  to6.sin6_family = AF_INET6;
  to6.sin6_port = htons(kDiscardPort);
  inet_pton(AF_INET6, kSomewhere6, &to6.sin6_addr);
  const os::Socket asked = os::OpenSocket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM);
  if (!asked.valid()) return "";
  char text[INET6_ADDRSTRLEN] = "";
  socklen_t size = v6 ? sizeof to6 : sizeof to4;
  auto* address = v6 ? reinterpret_cast<sockaddr*>(&to6) : reinterpret_cast<sockaddr*>(&to4);
  if (connect(asked.get(), address, size) == 0 && getsockname(asked.get(), address, &size) == 0) {
    const bool inward =
        v6 ? IN6_IS_ADDR_LOOPBACK(&to6.sin6_addr) || IN6_IS_ADDR_LINKLOCAL(&to6.sin6_addr) ||
                 IN6_IS_ADDR_UNSPECIFIED(&to6.sin6_addr)
           : (ntohl(to4.sin_addr.s_addr) >> 24) == 127 || to4.sin_addr.s_addr == 0 ||
                 (ntohl(to4.sin_addr.s_addr) >> 16) == 0xa9fe;
    const void* bytes = v6 ? static_cast<const void*>(&to6.sin6_addr) : &to4.sin_addr;
    if (!inward) inet_ntop(v6 ? AF_INET6 : AF_INET, bytes, text, sizeof text);
  }
  return text;
}

}  // namespace mailquench::agent
