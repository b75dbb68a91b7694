#include "controller/escalation/host_index.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "controller/escalation/decide.h"

namespace mailquench::controller {
namespace {

bool IsOfFleet(const v1::Host& host) {
  return host.state() != v1::HOST_STATE_EVICTED && host.state() != v1::HOST_STATE_BANNED;
}

// "[2001:DB8::1]:25" and "2001:db8:0::1" are one, so are "MX1.example.org.:9100" and
// "mx1.example.org".
std::string Normal(const std::string& text) {
  absl::string_view value = absl::StripAsciiWhitespace(text);
  const std::size_t colon = value.find(':');
  if (!value.empty() && value.front() == '[') {
    value = value.substr(1, value.find(']') - 1);
  } else if (colon != value.npos && value.find(':', colon + 1) == value.npos) {
    value = value.substr(0, colon);  // Several colons are an IPv6 address.
  }
  std::string name = absl::AsciiStrToLower(absl::StripSuffix(value, "."));
  in6_addr address;
  if (inet_pton(AF_INET6, name.c_str(), &address) != 1) return name;
  std::array<char, INET6_ADDRSTRLEN> canonical;
  inet_ntop(AF_INET6, &address, canonical.data(), canonical.size());
  name = canonical.data();
  // An IPv4 address on a socket of IPv6.
  return absl::StartsWith(name, "::ffff:") && absl::StrContains(name, ".") ? name.substr(7) : name;
}

bool IsEverybodys(const std::string& name) {
  return name.empty() || name == "localhost" || absl::StartsWith(name, "localhost.") ||
         absl::StartsWith(name, "127.") || name == "0.0.0.0" || name == "::1" || name == "::";
}

}  // namespace

HostIndex::HostIndex(const std::vector<v1::Host>& hosts) {
  for (const v1::Host& host : hosts) {
    if (!IsOfFleet(host)) continue;
    all_.push_back({&host, {host.labels().begin(), host.labels().end()}});
    by_id_[host.host_id()] = &host;
    by_name_[Normal(host.name())].push_back(&host);
    const auto add = [&](const std::string& value) {
      const std::string name = Normal(value);
      std::vector<const v1::Host*>& there = by_address_[name];
      if (!IsEverybodys(name) && (there.empty() || there.back() != &host)) there.push_back(&host);
    };
    for (const std::string& one : host.hello().addresses()) add(one);
    for (const std::string& one : host.hello().listeners()) add(one);
    for (const std::string& one : host.hello().helo_names()) add(one);
  }
  std::sort(all_.begin(), all_.end(), [](const Entry& a, const Entry& b) {
    return std::forward_as_tuple(a.host->name(), a.host->host_id()) <
           std::forward_as_tuple(b.host->name(), b.host->host_id());
  });
}

std::vector<const v1::Host*> HostIndex::Find(const std::string& value) const {
  const std::string name = Normal(value);
  if (name.empty()) return {};
  // What a host says of itself does not make it another one.
  for (const auto* index : {&by_name_, &by_address_}) {
    const auto found = index->find(name);
    if (found != index->end() && !found->second.empty()) return found->second;
  }
  return {};
}

const v1::Host* HostIndex::ById(const std::string& host_id) const {
  const auto found = by_id_.find(host_id);
  return found == by_id_.end() ? nullptr : found->second;
}

const v1::Host* HostNamed(const std::vector<v1::Host>& hosts, const std::string& value) {
  const std::vector<const v1::Host*> found = HostIndex(hosts).Find(value);
  return found.size() == 1 ? found.front() : nullptr;
}

bool IsAccepting(const v1::Host& host) {
  return host.state() == v1::HOST_STATE_ACTIVE && host.online() && !host.has_manual() &&
         host.heartbeat().mail_service() == v1::MAIL_SERVICE_STATE_RUNNING &&
         host.heartbeat().leases().empty() && !host.heartbeat().alarm();
}

}  // namespace mailquench::controller
