#include "agent/mail/exchange/ace.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <tuple>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/mail/exchange/setting.h"

namespace mailquench::agent::exchange {
namespace {
constexpr char kAllow[] = "allow ";
constexpr char kDeny[] = "deny ";

std::string NameOf(const std::string& user) {
  return user.substr(user.find_last_of('\\') + 1);
}

// Windows' own accounts are in "NT AUTHORITY", in its language: "NT-AUTORIT\xc3\x84T", "AUTORITE
// NT".
bool IsOfWindows(const std::string& user) {
  const std::size_t end = user.find('\\');
  if (end == std::string::npos) return false;
  for (const absl::string_view word :
       absl::StrSplit(absl::string_view(user).substr(0, end), absl::ByAnyChar(" -"))) {
    if (absl::EqualsIgnoreCase(word, "NT") && user.find_first_of(" -") < end) return true;
  }
  return false;
}
}  // namespace

bool AceOrder::operator()(const Ace& a, const Ace& b) const {
  const auto key = [](const Ace& ace) {
    return std::make_tuple(absl::AsciiStrToLower(ace.user), absl::AsciiStrToLower(ace.right),
                           ace.deny);
  };
  return key(a) < key(b);
}

std::string ToText(const Aces& aces) {
  std::string out;
  for (const Ace& ace : aces)
    absl::StrAppend(&out, out.empty() ? "" : "\n", ace.deny ? kDeny : kAllow, Escape(ace.user), "/",
                    Escape(ace.right));
  return out;
}

Aces AcesFrom(const std::string& text) {
  Aces out;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const bool deny = absl::StartsWith(line, kDeny);
    if (!deny && !absl::StartsWith(line, kAllow)) continue;
    const std::vector<std::string> parts =
        absl::StrSplit(line.substr(deny ? sizeof kDeny - 1 : sizeof kAllow - 1), '/');
    if (parts.size() != 2) continue;
    const std::optional<std::string> user = Unescape(parts[0]);
    const std::optional<std::string> right = Unescape(parts[1]);
    if (user.has_value() && right.has_value()) out.insert({*user, *right, deny});
  }
  return out;
}

bool IsServers(const std::string& user) {
  return absl::StartsWithIgnoreCase(user, "MS Exchange\\") ||
         absl::StartsWithIgnoreCase(user, "S-1-9-1419165041-") ||
         absl::EndsWithIgnoreCase(user, "\\Exchange Servers") ||
         absl::EndsWithIgnoreCase(user, "\\ExchangeLegacyInterop");
}

bool IsAdministrators(const std::string& user) {
  // "Domain Admins", "Administratoren", "Admins du domaine", "Amministratori", in Cyrillic.
  for (const char* part : {"admin", "ammin", "\xd0\xb4\xd0\xbc\xd0\xb8\xd0\xbd"}) {
    if (absl::StrContains(absl::AsciiStrToLower(NameOf(user)), part)) return true;
  }
  for (const char* name : {"Organization Management", "Exchange Trusted Subsystem",
                           "Exchange Windows Permissions", "Delegated Setup"}) {
    if (absl::EqualsIgnoreCase(NameOf(user), name)) return true;
  }
  if (IsOfWindows(user))
    return absl::EqualsIgnoreCase(NameOf(user), "SYSTEM") ||
           absl::StartsWithIgnoreCase(NameOf(user), "SYST") || absl::EndsWith(user, "SYSTEM") ||
           absl::EqualsIgnoreCase(NameOf(user), "SELF");
  return absl::EqualsIgnoreCase(user, "S-1-5-18") || absl::EqualsIgnoreCase(user, "S-1-5-32-544") ||
         (absl::StartsWithIgnoreCase(user, "S-1-5-21-") &&
          (absl::EndsWith(user, "-512") || absl::EndsWith(user, "-518") ||
           absl::EndsWith(user, "-519")));
}

bool IsAnonymous(const std::string& user) {
  if (IsAuthenticatedUsers(user) || IsServers(user) || IsAdministrators(user)) return false;
  if (absl::StrContains(absl::AsciiStrToLower(NameOf(user)), "anonym")) return true;
  // Of a domain are "DOMAIN\\name" and S-1-5-21-...; Everyone is in no domain, whatever it is
  // called.
  if (user.find('\\') == std::string::npos) return !absl::StartsWithIgnoreCase(user, "S-1-5-21-");
  return IsOfWindows(user);
}

bool IsAuthenticatedUsers(const std::string& user) {
  if (absl::EqualsIgnoreCase(user, "S-1-5-11") ||
      absl::EqualsIgnoreCase(user, "Authenticated Users"))
    return true;
  if (!IsOfWindows(user)) return false;
  static constexpr const char* kNames[] = {
      "Authenticated Users",
      "Authentifizierte Benutzer",
      "Utilisateurs authentifi\xc3\xa9s",
      "Usuarios autentificados",
      "Usu\xc3\xa1rios autenticados",
      "Utilizadores Autenticados",
      "Geverifieerde gebruikers",
      "Autentiserade anv\xc3\xa4ndare",
      "U\xc5\xbcytkownicy uwierzytelnieni",
      "\xd0\x9f\xd1\x80\xd0\xbe\xd1\x88\xd0\xb5\xd0\xb4\xd1\x88\xd0\xb8\xd0\xb5 "
      "\xd0\xbf\xd1\x80\xd0\xbe\xd0\xb2\xd0\xb5\xd1\x80\xd0\xba\xd1\x83"};
  return std::any_of(std::begin(kNames), std::end(kNames),
                     [&](const char* name) { return absl::EqualsIgnoreCase(NameOf(user), name); });
}

bool IsOfExchangeUsers(const Ace& ace) {
  static constexpr const char* kRights[] = {"ms-Exch-SMTP-Submit", "ms-Exch-Accept-Headers-Routing",
                                            "ms-Exch-Bypass-Anti-Spam", kAnyRecipient};
  return !ace.deny && IsAuthenticatedUsers(ace.user) &&
         std::any_of(std::begin(kRights), std::end(kRights),
                     [&](const char* right) { return absl::EqualsIgnoreCase(ace.right, right); });
}

bool IsExtra(const Ace& ace, const Aces& wanted, bool users_come) {
  if (wanted.count(ace) != 0) return false;
  return !users_come || ace.deny || IsAnonymous(ace.user) || IsServers(ace.user);
}

bool AreAces(const Aces& now, const Aces& wanted, bool users_come) {
  return std::all_of(wanted.begin(), wanted.end(),
                     [&](const Ace& ace) { return now.count(ace) != 0; }) &&
         std::none_of(now.begin(), now.end(),
                      [&](const Ace& ace) { return IsExtra(ace, wanted, users_come); });
}

}  // namespace mailquench::agent::exchange
