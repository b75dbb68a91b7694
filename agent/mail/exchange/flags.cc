#include "agent/mail/exchange/flags.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace mailquench::agent::exchange {

std::vector<std::string> Flags(absl::string_view text) {
  std::vector<std::string> out;
  for (absl::string_view flag : absl::StrSplit(text, ',')) {
    flag = absl::StripAsciiWhitespace(flag);
    const bool known = std::any_of(out.begin(), out.end(), [flag](const std::string& one) {
      return absl::EqualsIgnoreCase(one, flag);
    });
    if (!flag.empty() && !known && !absl::EqualsIgnoreCase(flag, "None")) out.emplace_back(flag);
  }
  return out;
}

std::string FlagsText(const std::vector<std::string>& flags) {
  return flags.empty() ? "None" : absl::StrJoin(flags, ", ");
}

bool HasFlag(absl::string_view text, absl::string_view flag) {
  const std::vector<std::string> all = Flags(text);
  return std::any_of(all.begin(), all.end(),
                     [flag](const std::string& one) { return absl::EqualsIgnoreCase(one, flag); });
}

bool SameFlags(absl::string_view a, absl::string_view b) {
  const std::vector<std::string> all = Flags(a);
  return all.size() == Flags(b).size() &&
         std::all_of(all.begin(), all.end(),
                     [b](const std::string& one) { return HasFlag(b, one); });
}

std::string WithoutFlags(absl::string_view text, const std::vector<std::string>& flags) {
  std::vector<std::string> all = Flags(text);
  const std::size_t erased = std::erase_if(all, [&](const std::string& one) {
    return std::any_of(flags.begin(), flags.end(),
                       [&](const std::string& flag) { return absl::EqualsIgnoreCase(one, flag); });
  });
  return erased == 0 ? std::string(text) : FlagsText(all);
}

bool MayCombine(absl::string_view auth_mechanism, absl::string_view permission_groups) {
  if (HasFlag(auth_mechanism, "BasicAuthRequireTLS") &&
      !(HasFlag(auth_mechanism, "BasicAuth") && HasFlag(auth_mechanism, "Tls")))
    return false;
  if (!HasFlag(auth_mechanism, "ExternalAuthoritative")) return true;
  return HasFlag(permission_groups, "ExchangeServers") &&
         Flags(WithoutFlags(auth_mechanism, {"ExternalAuthoritative", "Tls"})).empty();
}

}  // namespace mailquench::agent::exchange
