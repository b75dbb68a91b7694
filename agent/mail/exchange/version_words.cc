#include "agent/mail/exchange/version_words.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace mailquench::agent::exchange {

std::string VersionWords(const Installation& installation) {
  const std::string& version = installation.version;
  const char* product = absl::StartsWith(version, "15.0.")   ? "Exchange 2013"
                        : absl::StartsWith(version, "15.1.") ? "Exchange 2016"
                        : absl::StartsWith(version, "15.2.") ? "Exchange 2019/SE"
                                                             : "Exchange";
  return absl::StrCat(product, " ", version, installation.role == Role::kEdge ? ", Edge" : "");
}

}  // namespace mailquench::agent::exchange
