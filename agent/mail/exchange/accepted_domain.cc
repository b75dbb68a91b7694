#include "agent/mail/exchange/accepted_domain.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"

namespace mailquench::agent::exchange {
namespace {
// RFC 6761, 6762, 8375, 9476, and what has been used for networks of one's own.
constexpr const char* kPrivate[] = {"local", "localhost", "localdomain", "lan",  "internal",
                                    "corp",  "intranet",  "private",     "home", "test",
                                    "alt",   "invalid",   "example",     "onion"};
// Second labels that registries of countries hand domains out below.
constexpr const char* kRegistry[] = {"ac",  "co", "com", "edu", "gob", "gov", "gv", "ltd",
                                     "mil", "ne", "net", "nom", "or",  "org", "plc"};

template <std::size_t N>
bool Has(const char* const (&list)[N], const std::string& label) {
  return std::any_of(std::begin(list), std::end(list),
                     [&](const char* one) { return label == one; });
}
}  // namespace

bool IsOpenDomain(const std::string& domain) {
  std::vector<std::string> labels =
      absl::StrSplit(absl::AsciiStrToLower(absl::StripAsciiWhitespace(domain)), '.');
  if (labels.size() > 1 && labels.back().empty()) labels.pop_back();
  if (labels[0] != "*") return false;
  if (labels.size() == 1) return true;
  if (labels.size() == 2) return !Has(kPrivate, labels[1]);
  return labels.size() == 3 && labels[2].size() == 2 && Has(kRegistry, labels[1]);
}

}  // namespace mailquench::agent::exchange
