#include "common/blacklist/resolver_address.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/os/name_servers.h"
#include "common/status/error.h"

namespace mailquench::blacklist {
namespace {

constexpr std::size_t kMostSystemServers = 3;  // As the C library has it.
constexpr int kDnsPort = 53;

bool SetIpv4(const std::string& host, std::uint16_t port, ServerAddress& address) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = port;
  if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) != 1) return false;
  std::memcpy(&address.storage, &v4, sizeof v4);
  address.size = sizeof v4;
  return true;
}

bool SetIpv6(std::string host, std::uint16_t port, ServerAddress& address) {
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = port;
  const std::size_t percent = host.find('%');
  if (percent != std::string::npos) {
    v6.sin6_scope_id = os::InterfaceIndex(host.substr(percent + 1));
    if (v6.sin6_scope_id == 0) return false;
    host.resize(percent);
  }
  if (::inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) != 1) return false;
  std::memcpy(&address.storage, &v6, sizeof v6);
  address.size = sizeof v6;
  return true;
}

}  // namespace

std::array<unsigned char, 16> ServerAddress::Binary() const {
  std::array<unsigned char, 16> binary{};
  if (family() == AF_INET) {
    binary[10] = binary[11] = 0xff;
    std::memcpy(&binary[12], &reinterpret_cast<const sockaddr_in*>(&storage)->sin_addr, 4);
  } else {
    std::memcpy(binary.data(), &reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_addr, 16);
  }
  return binary;
}

absl::StatusOr<ServerAddress> ParseServer(const std::string& text) {
  const absl::Status bad = Error(absl::StatusCode::kInvalidArgument, "BAD_SERVER",
                                 absl::StrCat("'", text, "' is no DNS server's address"));
  std::string host = text, port;
  const bool bracket = !text.empty() && text[0] == '[';
  if (bracket) {
    const std::size_t end = text.find(']');
    if (end == std::string::npos) return bad;
    host = text.substr(1, end - 1);
    const std::string rest = text.substr(end + 1);
    if (!rest.empty() && (rest[0] != ':' || rest.size() == 1)) return bad;
    if (!rest.empty()) port = rest.substr(1);
  } else if (std::count(text.begin(), text.end(), ':') == 1) {
    const std::size_t colon = text.find(':');
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (port.empty()) return bad;
  }
  int number = kDnsPort;
  if (!port.empty() && (port.find_first_not_of("0123456789") != std::string::npos ||
                        !absl::SimpleAtoi(port, &number) || number < 1 || number > 65535))
    return bad;
  ServerAddress address;
  const std::uint16_t wire = htons(static_cast<std::uint16_t>(number));
  if (!bracket && SetIpv4(host, wire, address)) return address;
  if (SetIpv6(host, wire, address)) return address;
  return bad;
}

std::vector<std::string> SystemServers(const std::string& path) {
  std::vector<std::string> servers;
  for (const std::string& server :
       path.empty() ? os::SystemNameServers() : os::NameServersIn(path)) {
    if (servers.size() < kMostSystemServers && ParseServer(server).ok()) servers.push_back(server);
  }
  if (servers.empty()) servers.emplace_back("127.0.0.1");
  return servers;
}

}  // namespace mailquench::blacklist
