#include "agent/mail/exchange/setting.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/mail/exchange/ace.h"
#include "agent/mail/exchange/flags.h"
#include "agent/quarantine/top_k.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
using Kind = SettingKey::Kind;

constexpr char kConnectorStart[] = "connector:";
constexpr char kDomainStart[] = "remote-domain:";
constexpr char kRuleStart[] = "transport-rule:";
constexpr char kIpBlockStart[] = "ip-block:";
constexpr char kSendStart[] = "send-connector:";
constexpr char kConfigStart[] = "transport-config/";
constexpr char kPermissionStart[] = "permission:";
constexpr char kPermissionsName[] = "permissions";

// Nothing else is ever written, whatever a record says.
constexpr const char* kConnectorProperties[] = {"Enabled", "PermissionGroups", "AuthMechanism"};
constexpr const char* kDomainProperties[] = {"NDREnabled", "DeliveryReportEnabled",
                                             "AutoReplyEnabled", "AutoForwardEnabled"};
constexpr const char* kSendProperties[] = {
    "SourceIPAddress", "Fqdn", "SmartHosts", "DNSRoutingEnabled", "SmartHostAuthMechanism", "Port"};
constexpr const char* kConfigProperties[] = {"ShadowRedundancyEnabled"};

template <typename List>
bool Holds(const List& list, absl::string_view property) {
  return std::find(std::begin(list), std::end(list), property) != std::end(list);
}

std::optional<SettingKey> ConnectorKey(const std::vector<std::string>& parts) {
  if (parts.size() == 2 && parts[1] == kPermissionsName)
    return SettingKey{Kind::kPermissions, "", "", "", ""};
  if (parts.size() == 2 && Holds(kConnectorProperties, parts[1]))
    return SettingKey{Kind::kConnector, "", parts[1], "", ""};
  if (parts.size() != 3 || !absl::StartsWith(parts[1], kPermissionStart)) return std::nullopt;
  const auto user = Unescape(absl::string_view(parts[1]).substr(sizeof kPermissionStart - 1));
  const auto right = Unescape(parts[2]);
  if (!user.has_value() || !right.has_value()) return std::nullopt;
  return SettingKey{Kind::kPermission, "", "", *user, *right};
}

std::optional<SettingKey> Parse(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, '/');
  if (absl::StartsWith(text, kConfigStart)) {
    if (parts.size() != 2 || !Holds(kConfigProperties, parts[1])) return std::nullopt;
    return SettingKey{Kind::kTransportConfig, "", parts[1], "", ""};
  }
  const std::size_t colon = parts[0].find(':');
  if (colon == std::string::npos) return std::nullopt;
  const std::string start = parts[0].substr(0, colon + 1);
  const std::optional<std::string> name = Unescape(absl::string_view(parts[0]).substr(colon + 1));
  if (!name.has_value() || name->empty()) return std::nullopt;
  std::optional<SettingKey> key;
  if (start == kConnectorStart)
    key = ConnectorKey(parts);
  else if (start == kDomainStart && parts.size() == 2 && Holds(kDomainProperties, parts[1]))
    key = SettingKey{Kind::kRemoteDomain, "", parts[1], "", ""};
  else if (start == kSendStart && parts.size() == 2 && Holds(kSendProperties, parts[1]))
    key = SettingKey{Kind::kSendConnector, "", parts[1], "", ""};
  else if (start == kRuleStart && parts.size() == 1)
    key = SettingKey{Kind::kTransportRule, "", "", "", ""};
  else if (start == kIpBlockStart && parts.size() == 1)
    key = SettingKey{Kind::kIpBlock, "", "", "", ""};
  if (key.has_value()) key->object = *name;
  return key;
}

// Bytes of a well-formed UTF-8 character at `at`; 0 where there is none. Surrogates and overlong
// forms, which a strict reader refuses, are none.
std::size_t Utf8Length(absl::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
  };
  const unsigned lead = byte(at);
  std::size_t length = 0;
  unsigned code = 0;
  if (lead >= 0xc2 && lead <= 0xdf)
    length = 2, code = lead & 0x1f;
  else if (lead >= 0xe0 && lead <= 0xef)
    length = 3, code = lead & 0x0f;
  else if (lead >= 0xf0 && lead <= 0xf4)
    length = 4, code = lead & 0x07;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return 0;
    code = code << 6 | (byte(at + i) & 0x3f);
  }
  if (length == 3 && (code < 0x800 || (code >= 0xd800 && code <= 0xdfff))) return 0;
  if (length == 4 && (code < 0x10000 || code > 0x10ffff)) return 0;
  // Controls, and what turns the direction of a line.
  if ((code >= 0x80 && code < 0xa0) || (code >= 0x200b && code <= 0x200f) ||
      (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069))
    return 0;
  return length;
}
}  // namespace

std::string Escape(absl::string_view name) {
  std::string out;
  for (std::size_t at = 0; at < name.size();) {
    const auto byte = static_cast<unsigned char>(name[at]);
    const std::size_t length = byte < 0x80 ? 1 : Utf8Length(name, at);
    if (length == 0 || byte < 0x20 || byte == 0x7f || byte == '%' || byte == '/' || byte == ':') {
      absl::StrAppend(&out, "%", absl::Hex(byte, absl::kZeroPad2));
      ++at;
      continue;
    }
    absl::StrAppend(&out, name.substr(at, length));
    at += length;
  }
  return out;
}

std::optional<std::string> Unescape(absl::string_view text) {
  std::string out;
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      out.push_back(text[at]);
      continue;
    }
    if (at + 2 >= text.size()) return std::nullopt;
    const int high = digit(text[at + 1]);
    const int low = digit(text[at + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out.push_back(static_cast<char>(high * 16 + low));
    at += 2;
  }
  if (Escape(out) != text) return std::nullopt;  // One key, one text.
  return out;
}

std::string ToText(const SettingKey& key) {
  const std::string name = Escape(key.object);
  switch (key.kind) {
    case Kind::kConnector:
      return absl::StrCat(kConnectorStart, name, "/", key.property);
    case Kind::kPermission:
      return absl::StrCat(kConnectorStart, name, "/", kPermissionStart, Escape(key.user), "/",
                          Escape(key.right));
    case Kind::kPermissions:
      return absl::StrCat(kConnectorStart, name, "/", kPermissionsName);
    case Kind::kRemoteDomain:
      return absl::StrCat(kDomainStart, name, "/", key.property);
    case Kind::kTransportConfig:
      return absl::StrCat(kConfigStart, key.property);
    case Kind::kTransportRule:
      return absl::StrCat(kRuleStart, name);
    case Kind::kIpBlock:
      return absl::StrCat(kIpBlockStart, name);
    case Kind::kSendConnector:
      return absl::StrCat(kSendStart, name, "/", key.property);
  }
  return "";
}

absl::StatusOr<SettingKey> SettingKeyFrom(const std::string& text) {
  std::optional<SettingKey> key = Parse(text);
  if (key.has_value()) return *std::move(key);
  return Error(absl::StatusCode::kDataLoss, "BAD_SETTING_TEXT",
               absl::StrCat("the record names the setting '", Printable(text),
                            "', which is none of Exchange that this agent sets; nothing was "
                            "written"));
}

bool SameValue(const SettingKey& key, const RawSetting& a, const RawSetting& b) {
  if (!a.has_value() || !b.has_value()) return a == b;
  if (key.kind == Kind::kPermissions) return AcesFrom(*a) == AcesFrom(*b);
  if (key.property == "PermissionGroups")  // Custom only says that there are entries of one's own.
    return SameFlags(WithoutFlags(*a, {"Custom"}), WithoutFlags(*b, {"Custom"}));
  if (key.property == "AuthMechanism") return SameFlags(*a, *b);
  return key.property.empty() ? *a == *b : absl::EqualsIgnoreCase(*a, *b);
}

}  // namespace mailquench::agent::exchange
