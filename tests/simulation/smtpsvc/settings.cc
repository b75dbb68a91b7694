// What the simulated service reads in the metabase.
#include <algorithm>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/os/folder.h"
#include "tests/simulation/smtpsvc/virtual_server.h"

namespace mailquench::simulation {

using agent::smtpsvc::IpSecurity;
using agent::smtpsvc::MetabaseValue;
using agent::smtpsvc::Property;

std::vector<std::string> TextsOf(const MetabaseValue& value) {
  std::vector<std::string> texts(1);
  for (std::size_t i = 0; i + 1 < value.bytes.size(); i += 2) {
    const unsigned code = static_cast<unsigned char>(value.bytes[i]) |
                          static_cast<unsigned char>(value.bytes[i + 1]) << 8;
    if (code == 0)
      texts.emplace_back();
    else  // The tests' settings are ASCII.
      texts.back().push_back(static_cast<char>(code));
  }
  std::erase(texts, "");
  return texts;
}

std::string TextOf(const MetabaseValue& value) {
  const std::vector<std::string> texts = TextsOf(value);
  return texts.empty() ? "" : texts[0];
}

std::uint32_t NumberOf(const MetabaseValue& value) {
  std::uint32_t number = 0;
  for (std::size_t i = std::min<std::size_t>(4, value.bytes.size()); i-- > 0;)
    number = number << 8 | static_cast<unsigned char>(value.bytes[i]);
  return number;
}

MetabaseValue MakeNumber(std::uint32_t number) {
  MetabaseValue value;
  for (int i = 0; i < 4; ++i) value.bytes.push_back(static_cast<char>(number >> 8 * i & 0xff));
  return value;
}

std::string VirtualServer::ReadSettings() {
  const auto text = [&](Property property) {
    const auto value = metabase_.Read(number_, property, true);
    return value.ok() && value->has_value() ? TextOf(**value) : std::string();
  };
  settings_ = {};
  settings_.queue = text(Property::kQueueDirectory);
  settings_.badmail = text(Property::kBadMailDirectory);
  settings_.drop = text(Property::kDropDirectory);
  settings_.fqdn = text(Property::kFullyQualifiedDomainName);
  if (settings_.fqdn.empty()) settings_.fqdn = "smtpsvc.test";
  const auto bindings = metabase_.Read(number_, Property::kServerBindings, true);
  if (bindings.ok() && bindings->has_value()) {
    for (const std::string& one : TextsOf(**bindings)) {
      const std::vector<std::string> parts = absl::StrSplit(one, ':');
      if (parts.size() >= 2) settings_.bindings.emplace_back(parts[0], std::atoi(parts[1].c_str()));
    }
  }
  const auto domains = metabase_.Children(number_ + "/Domain");
  if (domains.ok()) {
    for (const std::string& domain : *domains)
      settings_.local_domains.push_back(absl::AsciiStrToLower(domain));
  }
  for (const std::string& folder : {settings_.queue, settings_.badmail}) {
    const absl::Status there = agent::ForEachEntry(
        folder, [](const agent::FolderEntry&) -> absl::StatusOr<bool> { return false; });
    if (!there.ok())
      return absl::StrCat("invalid mail directory '", folder, "': ", there.message());
  }
  return settings_.bindings.empty() ? "no server bindings" : "";
}

bool VirtualServer::IsLocal(const std::string& recipient) const {
  const std::string domain = absl::AsciiStrToLower(recipient.substr(recipient.rfind('@') + 1));
  return std::find(settings_.local_domains.begin(), settings_.local_domains.end(), domain) !=
         settings_.local_domains.end();
}

namespace {
// "192.0.2.0, 255.255.255.0"
bool Covers(const std::string& entry, const std::string& client) {
  const std::vector<std::string> parts = absl::StrSplit(entry, ',');
  in_addr network{}, mask{}, address{};
  mask.s_addr = 0xffffffff;
  const auto parse = [](absl::string_view text, in_addr* out) {
    return ::inet_pton(AF_INET, std::string(absl::StripAsciiWhitespace(text)).c_str(), out) == 1;
  };
  if (!parse(parts[0], &network) || !parse(client, &address)) return false;
  if (parts.size() > 1 && !parse(parts[1], &mask)) return false;
  return (address.s_addr & mask.s_addr) == (network.s_addr & mask.s_addr);
}
bool AnyCovers(const std::vector<std::string>& entries, const std::string& client) {
  return std::any_of(entries.begin(), entries.end(),
                     [&](const std::string& one) { return Covers(one, client); });
}
}  // namespace

bool VirtualServer::MayRelay(const std::string& client, bool authenticated) {
  const auto with_login = metabase_.Read(number_, Property::kRelayForAuth, true);
  if (authenticated && with_login.ok() && with_login->has_value() && NumberOf(**with_login) != 0)
    return true;
  const auto list = metabase_.ReadIpSecurity(number_, Property::kRelayIpList);
  if (!list.ok() || !list->has_value())
    return false;  // Null: only the list below, and it is empty.
  return (*list)->grant_by_default ? !AnyCovers((*list)->ip_deny, client)
                                   : AnyCovers((*list)->ip_grant, client);
}

}  // namespace mailquench::simulation
