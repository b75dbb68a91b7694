#include "agent/mail/exchange/connector.h"

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/mail/exchange/flags.h"
#include "agent/mail/exchange/row.h"

namespace mailquench::agent::exchange {
namespace {
bool IsGuid(const std::string& text) {
  return text.size() == 36 && std::all_of(text.begin(), text.end(), [](char c) {
           return c == '-' || absl::ascii_isxdigit(static_cast<unsigned char>(c));
         });
}

bool LetsAddressesRelay(const Connector& connector, const Aces& aces) {
  return IsExternalAuthoritative(connector) ||
         std::any_of(aces.begin(), aces.end(), [](const Ace& ace) {
           return !ace.deny && absl::EqualsIgnoreCase(ace.right, kAnyRecipient) &&
                  !IsServers(ace.user) && !IsOfExchangeUsers(ace);
         });
}
}  // namespace

std::vector<std::string> ConnectorFields() {
  return {"Name",
          "Identity",
          "Guid",
          "DistinguishedName",
          "Server",
          "Enabled",
          "TransportRole",
          "AuthMechanism",
          "PermissionGroups",
          "Bindings",
          "RemoteIPRanges",
          "TlsDomainCapabilities"};
}

Connector ConnectorFrom(const Row& row, const std::string& server) {
  Connector out;
  out.name = Text(row, "Name");
  const std::string guid = Text(row, "Guid");
  out.identity = IsGuid(guid) ? guid : absl::StrCat(server, "\\", out.name);
  const std::string dn = Text(row, "DistinguishedName");
  out.directory_name = dn.empty() ? out.identity : dn;
  out.role = Text(row, "TransportRole");
  out.enabled = IsTrue(row, "Enabled");
  out.auth_mechanism = absl::StrJoin(Texts(row, "AuthMechanism"), ", ");
  out.permission_groups =
      WithoutFlags(absl::StrJoin(Texts(row, "PermissionGroups"), ", "), {"Custom"});
  out.bindings = Texts(row, "Bindings");
  out.remote_ranges = Texts(row, "RemoteIPRanges");
  const std::vector<std::string> capabilities = Texts(row, "TlsDomainCapabilities");
  out.hybrid = std::any_of(capabilities.begin(), capabilities.end(), [](const std::string& one) {
    return !absl::StripAsciiWhitespace(one).empty();
  });
  return out;
}

bool IsExternalAuthoritative(const Connector& connector) {
  return HasFlag(connector.auth_mechanism, "ExternalAuthoritative");
}

bool TakesStrangers(const Connector& connector) {
  return std::any_of(connector.remote_ranges.begin(), connector.remote_ranges.end(),
                     [](const std::string& text) {
                       const std::optional<IpRange> range = ParseRange(text);
                       return !range.has_value() || range->HoldsStrangers();
                     });
}

bool IsWithin(const Connector& connector, const std::vector<IpRange>& clients) {
  return !connector.remote_ranges.empty() &&
         std::all_of(connector.remote_ranges.begin(), connector.remote_ranges.end(),
                     [&](const std::string& text) {
                       const std::optional<IpRange> range = ParseRange(text);
                       return range.has_value() && std::any_of(clients.begin(), clients.end(),
                                                               [&](const IpRange& client) {
                                                                 return client.Contains(*range);
                                                               });
                     });
}

// By what it does, not by its name: names are changed, and those of the connectors that setup makes
// differ from version to version.
ConnectorKind KindOf(const Connector& connector, const Aces& aces) {
  const bool anonymous = HasFlag(connector.permission_groups, "AnonymousUsers");
  const bool wide = TakesStrangers(connector);
  const bool servers = HasFlag(connector.permission_groups, "ExchangeServers") &&
                       HasFlag(connector.auth_mechanism, "ExchangeServer");
  if (servers) return anonymous ? ConnectorKind::kInbound : ConnectorKind::kServers;
  if (anonymous && wide) return ConnectorKind::kInbound;
  if (LetsAddressesRelay(connector, aces)) return ConnectorKind::kRelay;
  if (!anonymous && HasFlag(connector.permission_groups, "ExchangeUsers"))
    return ConnectorKind::kClients;
  return ConnectorKind::kNarrow;
}

}  // namespace mailquench::agent::exchange
