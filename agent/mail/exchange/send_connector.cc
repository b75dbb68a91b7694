#include "agent/mail/exchange/send_connector.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "agent/mail/exchange/row.h"

namespace mailquench::agent::exchange {
namespace {

constexpr const char* kPlainProperties[] = {"SourceIPAddress", "DNSRoutingEnabled",
                                            "SmartHostAuthMechanism", "Port"};

// An address is shown in brackets and taken without them.
std::string WithoutBrackets(const std::string& host) {
  return host.size() > 2 && host.front() == '[' && host.back() == ']'
             ? host.substr(1, host.size() - 2)
             : host;
}

}  // namespace

std::vector<std::string> SendConnectorFields() {
  return {"Name",
          "Guid",
          "Enabled",
          "AddressSpaces",
          "SmartHosts",
          "SourceTransportServers",
          "Fqdn",
          "FrontendProxyEnabled",
          "TlsDomain",
          "SourceIPAddress",
          "Port",
          "DNSRoutingEnabled",
          "SmartHostAuthMechanism"};
}

SendConnector SendConnectorFrom(const Row& row) {
  SendConnector out;
  out.name = Text(row, "Name");
  out.identity = Text(row, "Guid").empty() ? out.name : Text(row, "Guid");
  out.enabled = IsTrue(row, "Enabled");
  out.address_spaces = Texts(row, "AddressSpaces");
  for (const std::string& one : Texts(row, "SourceTransportServers"))
    out.source_servers.push_back(LastPart(one));
  out.through_front_end = IsTrue(row, "FrontendProxyEnabled");
  out.tls_domain = Text(row, "TlsDomain");
  for (const char* property : kPlainProperties) {
    if (!Texts(row, property).empty()) out.properties[property] = Text(row, property);
  }
  out.properties["Fqdn"] = Text(row, "Fqdn");
  std::vector<std::string> hosts;
  for (const std::string& host : Texts(row, "SmartHosts")) {
    if (!host.empty()) hosts.push_back(WithoutBrackets(host));
  }
  out.properties["SmartHosts"] = absl::StrJoin(hosts, ",");
  return out;
}

bool LeadsEverywhere(const SendConnector& connector) {
  return std::any_of(connector.address_spaces.begin(), connector.address_spaces.end(),
                     [](const std::string& space) {
                       absl::string_view rest = space;
                       if (absl::StartsWithIgnoreCase(rest, "SMTP:")) rest.remove_prefix(5);
                       return rest == "*" || absl::StartsWith(rest, "*;");
                     });
}

std::vector<std::string> SmartHostList(const std::string& text) {
  return absl::StrSplit(text, ',', absl::SkipEmpty());
}

}  // namespace mailquench::agent::exchange
