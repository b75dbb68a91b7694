#include "agent/mail/postfix/listeners.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/mail/postfix/cidr.h"
#include "agent/mail/postfix/effective.h"
#include "agent/os/files.h"
#include "agent/os/process.h"
#include "common/status/error.h"

namespace mailquench::agent::postfix {
namespace {
// "127.0.0.1:10025" -> {"127.0.0.1", "10025"}; "smtp" -> {"", "smtp"}. Brackets are taken off.
struct Endpoint {
  std::string host;
  std::string port;
};
Endpoint SplitService(const std::string& name) {
  const std::size_t colon = name.rfind(':');
  if (colon == std::string::npos) return {"", name};
  std::string host = name.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  return {host, name.substr(colon + 1)};
}

int PortOf(const std::string& name) {
  int port = 0;
  if (absl::SimpleAtoi(name, &port)) return port;
  servent entry{};
  servent* found = nullptr;
  char buffer[4096];
  if (getservbyname_r(name.c_str(), "tcp", &entry, buffer, sizeof buffer, &found) == 0 &&
      found != nullptr)
    return ntohs(static_cast<std::uint16_t>(found->s_port));
  // A host without /etc/services.
  static const auto* known = new std::map<std::string, int>{
      {"smtp", 25}, {"submission", 587}, {"submissions", 465}, {"smtps", 465}};
  const auto it = known->find(name);
  return it == known->end() ? 0 : it->second;
}

std::string Literal(const std::string& address, int port) {
  return address.find(':') == std::string::npos ? absl::StrCat(address, ":", port)
                                                : absl::StrCat("[", address, "]:", port);
}

// Numeric forms of a literal or a name; none where the name is unknown.
std::vector<std::string> Resolve(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &list) != 0) return {};
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(list, freeaddrinfo);
  std::vector<std::string> addresses;
  for (const addrinfo* it = list; it != nullptr; it = it->ai_next) {
    char buffer[NI_MAXHOST];
    if (getnameinfo(it->ai_addr, it->ai_addrlen, buffer, sizeof buffer, nullptr, 0,
                    NI_NUMERICHOST) == 0)
      addresses.emplace_back(buffer);
  }
  return addresses;
}

// Addresses of the interfaces that are up, link-local ones left out: those cannot be asked without
// a scope.
std::vector<std::string> InterfaceAddresses() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return {};
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, freeifaddrs);
  std::vector<std::string> addresses;
  for (const ifaddrs* it = list; it != nullptr; it = it->ifa_next) {
    if (it->ifa_addr == nullptr || (it->ifa_flags & IFF_UP) == 0) continue;
    const int family = it->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    if (family == AF_INET6) {
      const auto* v6 = reinterpret_cast<const sockaddr_in6*>(it->ifa_addr);
      if (IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr)) continue;
    }
    char buffer[NI_MAXHOST];
    const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    if (getnameinfo(it->ifa_addr, size, buffer, sizeof buffer, nullptr, 0, NI_NUMERICHOST) == 0)
      addresses.emplace_back(buffer);
  }
  return addresses;
}

bool IsLoopbackHost(const std::string& host) {
  if (host == "localhost") return true;
  const std::optional<Cidr> cidr = Cidr::Parse(host);
  return cidr.has_value() && cidr->IsLoopback();
}

class Interfaces {
 public:
  Interfaces(const std::string& inet_interfaces, const std::string& inet_protocols) {
    for (const std::string& item : SplitList(inet_protocols)) {
      v4_ |= item == "all" || item == "ipv4";
      v6_ |= item == "all" || item == "ipv6";
    }
    for (const std::string& item : SplitList(inet_interfaces)) {
      if (item == "all" || item == "loopback-only") {
        for (const std::string& address : InterfaceAddresses()) {
          if (item == "all" || IsLoopbackHost(address)) Add(address);
        }
      } else {
        const bool literal = item.front() == '[' && item.back() == ']';
        for (const std::string& address : Resolve(literal ? item.substr(1, item.size() - 2) : item))
          Add(address);
      }
    }
  }
  std::vector<std::string> At(const std::string& host, int port) const {
    std::vector<std::string> out;
    const std::vector<std::string> bound = host.empty() ? addresses_ : Resolve(host);
    for (const std::string& address : bound) {
      if (Wanted(address)) out.push_back(Literal(address, port));
    }
    return out;
  }

 private:
  bool Wanted(const std::string& address) const {
    return address.find(':') == std::string::npos ? v4_ : v6_;
  }
  void Add(const std::string& address) {
    if (Wanted(address) &&
        std::find(addresses_.begin(), addresses_.end(), address) == addresses_.end())
      addresses_.push_back(address);
  }
  std::vector<std::string> addresses_;
  bool v4_ = false;
  bool v6_ = false;
};

// Overrides may name other parameters: postconf knows what they come to.
absl::Status Expand(const Instance& instance, const std::string& service, Parameters* overrides) {
  const bool needed = std::any_of(overrides->begin(), overrides->end(), [](const auto& entry) {
    return entry.second.find('$') != std::string::npos;
  });
  if (!needed) return absl::OkStatus();
  ProcessOptions options;
  options.timeout = absl::Seconds(15);
  MQ_ASSIGN_OR_RETURN(
      const ProcessResult ended,
      RunProcess({"postconf", "-c", instance.config_directory, "-x", "-P", service + "/*"},
                 options));
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(ended.out, '\n'))) {
    const std::size_t equals = line.find(" = ");
    const std::string prefix = service + "/";
    if (equals == std::string::npos || !absl::StartsWith(line, prefix)) continue;
    const auto it = overrides->find(line.substr(prefix.size(), equals - prefix.size()));
    if (it != overrides->end()) it->second = line.substr(equals + 3);
  }
  return absl::OkStatus();
}
}  // namespace

absl::StatusOr<std::vector<Listener>> FindListeners(const Instance& instance,
                                                    const MasterCf& master) {
  MQ_ASSIGN_OR_RETURN(
      Parameters parameters,
      EffectiveParameters(instance.config_directory, {"inet_interfaces", "inet_protocols"}));
  const Interfaces interfaces(parameters["inet_interfaces"], parameters["inet_protocols"]);
  const std::vector<MasterCf::Service> services = master.Services();
  std::vector<Listener> listeners;
  for (const MasterCf::Service& service : services) {
    if (service.command != "smtpd") continue;
    Listener listener{service.key, service.key, {}, service.overrides, false};
    if (service.type == "inet") {
      const Endpoint endpoint = SplitService(service.name);
      listener.addresses = interfaces.At(endpoint.host, PortOf(endpoint.port));
      const auto filter = service.overrides.find("content_filter");
      listener.exempt = IsLoopbackHost(endpoint.host) && filter != service.overrides.end() &&
                        filter->second.empty();
    } else if (service.type == "pass") {
      for (const MasterCf::Service& screen : services) {
        if (screen.command != "postscreen" || screen.type != "inet") continue;
        const Endpoint endpoint = SplitService(screen.name);
        listener.label = screen.key;
        for (const std::string& address : interfaces.At(endpoint.host, PortOf(endpoint.port)))
          listener.addresses.push_back(address);
      }
    }
    MQ_RETURN_IF_ERROR(Expand(instance, service.key, &listener.overrides));
    listeners.push_back(std::move(listener));
  }
  return listeners;
}

absl::StatusOr<std::vector<Listener>> FindListeners(const Instance& instance) {
  MQ_ASSIGN_OR_RETURN(const std::string text,
                      ReadFile(absl::StrCat(instance.config_directory, "/master.cf")));
  return FindListeners(instance, MasterCf(text));
}

std::string ValueOf(const Parameters& parameters, const std::string& name) {
  const auto it = parameters.find(name);
  return it == parameters.end() ? "" : it->second;
}

std::string ValueAt(const Listener& listener, const Parameters& main, const std::string& name) {
  const auto it = listener.overrides.find(name);
  return it == listener.overrides.end() ? ValueOf(main, name) : it->second;
}

absl::StatusOr<std::vector<std::string>> TrustedRanges(const Instance& instance) {
  MQ_ASSIGN_OR_RETURN(Parameters parameters,
                      EffectiveParameters(instance.config_directory, {"mynetworks"}));
  std::vector<std::string> ranges;
  for (const std::string& item : SplitList(parameters["mynetworks"])) {
    const std::optional<Cidr> cidr = Cidr::Parse(item);
    ranges.push_back(cidr.has_value() ? cidr->ForTable() : item);
  }
  return ranges;
}

}  // namespace mailquench::agent::postfix
