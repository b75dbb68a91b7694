#include "agent/mail/postfix/effective.h"

#include "absl/strings/ascii.h"
#include "agent/mail/postfix/cidr.h"

namespace mailquench::agent::postfix {

std::vector<std::string> SplitList(const std::string& value) {
  std::vector<std::string> items;
  std::string item;
  int depth = 0;
  for (const char c : value + " ") {
    if (c == '{') ++depth;
    if (c == '}' && depth > 0) --depth;
    const bool between =
        depth == 0 && (c == ',' || absl::ascii_isspace(static_cast<unsigned char>(c)));
    if (!between) {
      item += c;
    } else if (!item.empty()) {
      items.push_back(item);
      item.clear();
    }
  }
  if (!item.empty()) items.push_back(item);
  return items;
}

bool TrustsStrangers(const std::string& mynetworks) {
  for (const std::string& item : SplitList(mynetworks)) {
    const std::optional<Cidr> cidr = Cidr::Parse(item);
    if (cidr.has_value() && cidr->prefix < 8) return true;
  }
  return false;
}

bool LetsStrangersPass(const std::string& restrictions, bool networks_trust_strangers) {
  for (const std::string& item : SplitList(restrictions)) {
    const std::string name = absl::AsciiStrToLower(item);
    if (name == "permit" || name == "static:ok" || name == "static:permit") return true;
    if (name == "permit_mynetworks" && networks_trust_strangers) return true;
    if (name == "reject" || name == "reject_unauth_destination" || name == "defer" ||
        name == "defer_unauth_destination" || name == "defer_if_permit")
      return false;
  }
  return true;
}

}  // namespace mailquench::agent::postfix
