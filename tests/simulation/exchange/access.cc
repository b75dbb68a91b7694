#include "tests/simulation/exchange/access.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace mailquench::simulation::exchange {
namespace {

const Json kNone;

std::optional<std::uint32_t> ParseIp(absl::string_view text) {
  const std::vector<absl::string_view> parts =
      absl::StrSplit(absl::StripAsciiWhitespace(text), '.');
  std::uint32_t ip = 0;
  if (parts.size() != 4) return std::nullopt;
  for (const absl::string_view part : parts) {
    std::uint32_t number = 0;
    if (!absl::SimpleAtoi(part, &number) || number > 255) return std::nullopt;
    ip = ip * 256 + number;
  }
  return ip;
}

// How many addresses a range has that holds `ip`: "A", "A-B" or "A/BITS". nullopt: it does not.
std::optional<std::uint64_t> SizeIfHolds(const std::string& range, std::uint32_t ip) {
  std::optional<std::uint32_t> first, last;
  if (const std::size_t dash = range.find('-'); dash != std::string::npos) {
    first = ParseIp(range.substr(0, dash));
    last = ParseIp(range.substr(dash + 1));
  } else if (const std::size_t slash = range.find('/'); slash != std::string::npos) {
    int bits = 0;
    first = ParseIp(range.substr(0, slash));
    if (!first.has_value() || !absl::SimpleAtoi(range.substr(slash + 1), &bits) || bits < 0 ||
        bits > 32)
      return std::nullopt;
    const std::uint32_t mask = bits == 0 ? 0 : ~std::uint32_t{0} << (32 - bits);
    last = (*first & mask) | ~mask;
    first = *first & mask;
  } else {
    first = last = ParseIp(range);
  }
  if (!first.has_value() || !last.has_value() || ip < *first || ip > *last) return std::nullopt;
  return std::uint64_t{*last} - *first + 1;
}

std::vector<std::string> TextsIn(const Json& object, const std::string& key) {
  std::vector<std::string> texts;
  for (const Json& one : ListIn(object, key)) {
    if (one.is_string()) texts.push_back(one.get<std::string>());
  }
  if (texts.empty() && !TextIn(object, key).empty()) texts.push_back(TextIn(object, key));
  return texts;
}

bool IsOf(const Json& connector, const std::string& role) {
  return BoolIn(connector, "Enabled", true) &&
         absl::EqualsIgnoreCase(TextIn(connector, "TransportRole", "HubTransport"), role);
}

bool EntryHas(const Json& entry, const std::string& user, const std::string& right) {
  std::string who = TextIn(entry, "User");
  if (absl::StartsWithIgnoreCase(who, "NT AUTHORITY\\")) who.erase(0, 13);
  const std::vector<std::string> rights = TextsIn(entry, "ExtendedRights");
  return absl::EqualsIgnoreCase(who, user) &&
         std::any_of(rights.begin(), rights.end(),
                     [&](const std::string& one) { return absl::EqualsIgnoreCase(one, right); });
}

// What the groups give (`preset`) and hand-made entries add or take.
bool Has(const Json& connector, const std::string& user, const std::string& right, bool preset) {
  bool has = preset;
  for (const Json& entry : ListIn(connector, "Permissions")) {
    if (!EntryHas(entry, user, right)) continue;
    if (BoolIn(entry, "Deny", false)) return false;
    has = true;
  }
  return has;
}

}  // namespace

std::vector<std::pair<std::string, int>> BindingsOf(const Settings& settings,
                                                    const std::string& role) {
  std::vector<std::pair<std::string, int>> bindings;
  for (const Json& connector : ListIn(settings.Server(), "receive_connectors")) {
    if (!IsOf(connector, role)) continue;
    for (const std::string& text : TextsIn(connector, "Bindings")) {
      const std::size_t colon = text.rfind(':');
      int port = 0;
      if (colon == std::string::npos || !ParseIp(text.substr(0, colon)).has_value() ||
          !absl::SimpleAtoi(text.substr(colon + 1), &port))
        continue;
      const auto binding = std::make_pair(text.substr(0, colon), port);
      if (std::find(bindings.begin(), bindings.end(), binding) == bindings.end())
        bindings.push_back(binding);
    }
  }
  return bindings;
}

const Json& ChooseConnector(const Settings& settings,
                            const std::string& role,
                            const std::string& local,
                            const std::string& client) {
  const std::string any =
      absl::StrCat("0.0.0.0", local.substr(std::min(local.size(), local.rfind(':'))));
  const std::optional<std::uint32_t> ip = ParseIp(client);
  const Json* best = &kNone;
  std::uint64_t narrowest = ~std::uint64_t{0};
  for (const Json& connector : ListIn(settings.Server(), "receive_connectors")) {
    const std::vector<std::string> bindings = TextsIn(connector, "Bindings");
    if (!ip.has_value() || !IsOf(connector, role) ||
        std::none_of(bindings.begin(), bindings.end(),
                     [&](const std::string& one) { return one == local || one == any; }))
      continue;
    for (const std::string& range : TextsIn(connector, "RemoteIPRanges")) {
      const std::optional<std::uint64_t> size = SizeIfHolds(range, *ip);
      if (!size.has_value() || *size >= narrowest) continue;
      best = &connector;
      narrowest = *size;
    }
  }
  return *best;
}

bool OffersBasic(const Json& connector) {
  return HasFlag(connector, "AuthMechanism", "BasicAuth") &&
         !HasFlag(connector, "AuthMechanism", "BasicAuthRequireTLS");
}

Access AccessOf(const Json& connector, bool authenticated) {
  constexpr char kSubmit[] = "ms-Exch-SMTP-Submit";
  constexpr char kAny[] = "ms-Exch-SMTP-Accept-Any-Recipient";
  // Whoever connects is one of the externally secured servers.
  if (HasFlag(connector, "AuthMechanism", "ExternalAuthoritative") &&
      HasFlag(connector, "PermissionGroups", "ExchangeServers"))
    return {true, true};
  const std::string user = authenticated ? "Authenticated Users" : "ANONYMOUS LOGON";
  const bool group =
      HasFlag(connector, "PermissionGroups", authenticated ? "ExchangeUsers" : "AnonymousUsers");
  return {Has(connector, user, kSubmit, group), Has(connector, user, kAny, authenticated && group)};
}

std::string RefuseRecipient(const Settings& settings,
                            const Access& access,
                            const std::string& recipient) {
  const std::string domain = DomainOf(recipient);
  if (domain.empty()) return "501 5.1.3 Invalid address";
  if (access.any_recipient || !settings.AcceptedDomain(domain).is_null()) return "";
  return "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain";
}

}  // namespace mailquench::simulation::exchange
