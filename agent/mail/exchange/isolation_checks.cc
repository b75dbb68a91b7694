#include "agent/mail/exchange/isolation_checks.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "agent/mail/exchange/row.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {

bool Has(const std::vector<std::string>& names, const std::string& name) {
  return std::any_of(names.begin(), names.end(), [&](const std::string& one) {
    return absl::EqualsIgnoreCase(LastPart(one), name);
  });
}

// No other server of its DAG, else of its site.
absl::StatusOr<bool> IsAlone(Shell& shell, const Installation& installation, absl::Time deadline) {
  if (installation.role == Role::kEdge) return false;
  MQ_ASSIGN_OR_RETURN(const std::vector<Row> dags, Ask(shell, {"Get-DatabaseAvailabilityGroup", {}},
                                                       {"Name", "Servers"}, deadline));
  for (const Row& dag : dags) {
    const std::vector<std::string> servers = Texts(dag, "Servers");
    if (Has(servers, installation.server)) return servers.size() == 1;
  }
  MQ_ASSIGN_OR_RETURN(const std::vector<Row> servers,
                      Ask(shell, {"Get-ExchangeServer", {}}, {"Name", "Site"}, deadline));
  std::string site;
  for (const Row& one : servers) {
    if (absl::EqualsIgnoreCase(Text(one, "Name"), installation.server)) site = Text(one, "Site");
  }
  return !site.empty() && std::none_of(servers.begin(), servers.end(), [&](const Row& one) {
    return !absl::EqualsIgnoreCase(Text(one, "Name"), installation.server) &&
           absl::EqualsIgnoreCase(LastPart(Text(one, "Site")), LastPart(site));
  });
}

// "[192.0.2.1]", "192.0.2.1", "mail.example.org", each with a port or without one.
std::string TargetOf(std::string host, const std::string& port) {
  host = std::string(absl::StripAsciiWhitespace(host));
  if (absl::StartsWith(host, "[") && absl::EndsWith(host, "]") && !absl::StrContains(host, "::"))
    host = host.substr(1, host.size() - 2);
  const auto colons = std::count(host.begin(), host.end(), ':');
  if (colons == 1) return host;
  return colons > 1 && host.front() != '[' ? absl::StrCat("[", host, "]:", port)
                                           : absl::StrCat(host, ":", port);
}
}  // namespace

absl::Status CheckShadow(Shell& shell, const Installation& installation, absl::Time deadline) {
  MQ_ASSIGN_OR_RETURN(const std::vector<Row> config, Ask(shell, {"Get-TransportConfig", {}},
                                                         {"ShadowRedundancyEnabled"}, deadline));
  if (config.size() == 1 &&
      absl::EqualsIgnoreCase(Text(config[0], "ShadowRedundancyEnabled"), "False"))
    return absl::OkStatus();
  MQ_ASSIGN_OR_RETURN(const bool alone, IsAlone(shell, installation, deadline));
  if (alone) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "SHADOW_REDUNDANCY",
               absl::StrCat("other servers keep copies of mail for ", installation.server,
                            " and send them all when it answers with another queue database; "
                            "nothing was touched; run `mailquench shadow suspend` first, and "
                            "repeat when the shadow queues are empty"));
}

absl::StatusOr<WayOut> FindWayOut(Shell& shell,
                                  const Installation& installation,
                                  absl::Time deadline) {
  MQ_ASSIGN_OR_RETURN(
      const std::vector<Row> connectors,
      Ask(shell, {"Get-SendConnector", {}},
          {"Name", "Enabled", "AddressSpaces", "SmartHosts", "Port", "SourceTransportServers"},
          deadline));
  WayOut out;
  for (const Row& one : connectors) {
    const std::string port = Text(one, "Port").empty() ? "25" : Text(one, "Port");
    if (std::find(out.ports.begin(), out.ports.end(), port) == out.ports.end())
      out.ports.push_back(port);
    if (absl::EqualsIgnoreCase(Text(one, "Enabled"), "False")) continue;
    const std::vector<std::string> sources = Texts(one, "SourceTransportServers");
    if (!sources.empty() && !Has(sources, installation.server)) continue;
    const std::vector<std::string> spaces = Texts(one, "AddressSpaces");
    const bool everybody = std::any_of(spaces.begin(), spaces.end(), [](const std::string& space) {
      absl::string_view rest = space;
      if (const std::size_t colon = rest.find(':'); colon != absl::string_view::npos)
        rest.remove_prefix(colon + 1);
      return absl::StartsWith(rest, "*;") || rest == "*";
    });
    if (!everybody) continue;
    for (const std::string& host : Texts(one, "SmartHosts")) {
      if (!host.empty()) out.smart_hosts.push_back(TargetOf(host, port));
    }
  }
  if (!out.smart_hosts.empty()) return out;
  return Error(absl::StatusCode::kFailedPrecondition, "ISOLATION_NOT_PROVEN",
               "no send connector of this server leads everybody's mail to a smart host, and "
               "without one a probe that does not leave proves nothing; nothing was touched; give "
               "the connector for * a smart host that answers, then repeat");
}

}  // namespace mailquench::agent::exchange
