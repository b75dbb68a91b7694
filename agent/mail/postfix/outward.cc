#include "agent/mail/postfix/outward.h"

#include <arpa/inet.h>

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "agent/mail/postfix/cidr.h"
#include "agent/mail/postfix/effective.h"
#include "agent/mail/postfix/listeners.h"
#include "agent/mail/postfix/master_cf.h"
#include "agent/os/files.h"
#include "agent/os/network.h"
#include "common/status/error.h"

namespace mailquench::agent::postfix {
namespace {
constexpr const char* kDomainLists[] = {
    "mydomain",     "myorigin", "mydestination", "virtual_alias_domains", "virtual_mailbox_domains",
    "relay_domains"};

void Add(std::vector<std::string>& list, const std::string& value) {
  if (!value.empty() && std::find(list.begin(), list.end(), value) == list.end())
    list.push_back(value);
}

// The numeric address, also where it is in brackets; "" for anything else, and for a wildcard.
std::string Numeric(const std::string& value, bool v6) {
  const std::optional<Cidr> cidr = Cidr::Parse(value);
  if (!cidr.has_value() || cidr->v6 != v6 || value.find('/') != std::string::npos) return "";
  const std::string address = cidr->Address();
  return address == "0.0.0.0" || address == "::" ? "" : address;
}

// Postfix sends from the address of inet_interfaces where it names exactly one of a family, and
// that is no loopback one (smtp_bind_address in postconf(5)).
std::string OnlyInterface(const std::string& inet_interfaces, bool v6) {
  std::string only;
  for (const std::string& name : SplitList(inet_interfaces)) {
    const std::optional<Cidr> cidr = Cidr::Parse(name);
    if (!cidr.has_value()) return "";  // all, loopback-only, or a name.
    if (cidr->v6 != v6) continue;
    if (!only.empty()) return "";
    only = cidr->IsLoopback() ? "" : cidr->Address();
  }
  return only;
}

bool IsDomain(const std::string& name) {
  if (name.size() > 253 || absl::StartsWith(name, "localhost") ||
      absl::EndsWith(name, ".localdomain"))
    return false;
  const std::vector<std::string> labels = absl::StrSplit(name, '.');
  if (labels.size() < 2) return false;
  const bool shaped = std::all_of(labels.begin(), labels.end(), [](const std::string& label) {
    return !label.empty() && label.size() <= 63 &&
           std::all_of(label.begin(), label.end(),
                       [](char c) { return absl::ascii_isalnum(c) || c == '-' || c == '_'; });
  });
  const std::string& last = labels.back();
  return shaped &&
         std::any_of(last.begin(), last.end(), [](char c) { return absl::ascii_isalpha(c); });
}
}  // namespace

std::vector<std::string> DomainsIn(const Parameters& parameters) {
  std::vector<std::string> domains;
  std::set<std::string> known;
  for (const char* parameter : kDomainLists) {
    std::string value = ValueOf(parameters, parameter);
    if (absl::StartsWith(value, "/") && std::string(parameter) == "myorigin") {
      const auto file = ReadFile(value, 4096);
      value = file.ok() ? file->substr(0, file->find('\n')) : "";
    }
    // What stays unexpanded, tables and files do not pass for a domain.
    for (const std::string& word : SplitList(value)) {
      const std::string name = absl::AsciiStrToLower(word);
      if (IsDomain(name) && known.insert(name).second) domains.push_back(name);
    }
  }
  return domains;
}

namespace {

constexpr std::size_t kMostNames = 32;

// Whatever stands in a configuration: only what can be a name or an address literal goes to the
// controller.
void AddName(std::vector<std::string>& names, const std::string& name) {
  const bool fits = !name.empty() && name.size() <= 253 && names.size() < kMostNames &&
                    std::all_of(name.begin(), name.end(), [](unsigned char c) {
                      return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '_' ||
                             c == '[' || c == ']' || c == ':';
                    });
  if (fits) Add(names, name);
}

}  // namespace

absl::StatusOr<Outward> ReadOutward(const Instance& instance) {
  std::vector<std::string> names(std::begin(kDomainLists), std::end(kDomainLists));
  for (const char* name : {"smtp_bind_address", "smtp_bind_address6", "smtp_helo_name",
                           "myhostname", "inet_interfaces", "inet_protocols"})
    names.emplace_back(name);
  MQ_ASSIGN_OR_RETURN(const Parameters main, EffectiveParameters(instance.config_directory, names));
  Outward outward;
  outward.domains = DomainsIn(main);
  const std::string helo = ValueOf(main, "smtp_helo_name");
  AddName(outward.helo_names, helo.empty() ? ValueOf(main, "myhostname") : helo);
  const auto master = ReadFile(instance.config_directory + "/master.cf");
  const std::vector<MasterCf::Service> services =
      master.ok() ? MasterCf(*master).Services() : std::vector<MasterCf::Service>();
  const std::string protocols = ValueOf(main, "inet_protocols");
  for (const bool v6 : {false, true}) {
    if (!absl::StrContains(protocols, v6 ? "ipv6" : "ipv4") && !absl::StrContains(protocols, "all"))
      continue;
    const std::string parameter = v6 ? "smtp_bind_address6" : "smtp_bind_address";
    std::string address = Numeric(ValueOf(main, parameter), v6);
    if (address.empty()) address = OnlyInterface(ValueOf(main, "inet_interfaces"), v6);
    Add(outward.addresses, address.empty() ? SourceOfDefaultRoute(v6) : address);
    for (const MasterCf::Service& service : services) {
      if (service.command != "smtp") continue;
      const auto own = service.overrides.find(parameter);
      if (own != service.overrides.end()) Add(outward.addresses, Numeric(own->second, v6));
    }
  }
  for (const MasterCf::Service& service : services) {
    const auto own = service.overrides.find("smtp_helo_name");
    if (service.command == "smtp" && own != service.overrides.end() &&
        !absl::StrContains(own->second, "$"))
      AddName(outward.helo_names, own->second);
  }
  return outward;
}

}  // namespace mailquench::agent::postfix
