// A setting of Exchange as the journal and the contract name it: one property of one object. Names
// are other people's texts, so whatever could be taken for a part of the key is escaped.
//
//   connector:NAME/Enabled, /PermissionGroups, /AuthMechanism
//   connector:NAME/permission:USER/RIGHT   "allow"; absent where there is no such entry
//   connector:NAME/permissions             all entries that are not inherited; only of changes
//   remote-domain:NAME/NDREnabled, /DeliveryReportEnabled, /AutoReplyEnabled, /AutoForwardEnabled
//   transport-config/ShadowRedundancyEnabled
//   transport-rule:NAME                    "Enabled" or "Disabled", and what it blocks
//   send-connector:NAME/SourceIPAddress, /Fqdn, /SmartHosts, /DNSRoutingEnabled,
//                      /SmartHostAuthMechanism, /Port    "" where there is none
//   ip-block:RANGE                         "block"; absent where Mailquench has no such entry
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_SETTING_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_SETTING_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "agent/mail/restore_rules.h"

namespace mailquench::agent::exchange {

struct SettingKey {
  enum class Kind {
    kConnector,
    kPermission,
    kPermissions,
    kRemoteDomain,
    kTransportConfig,
    kTransportRule,
    kIpBlock,
    kSendConnector
  };
  Kind kind = Kind::kConnector;
  std::string object;    // A name; "" of kTransportConfig.
  std::string property;  // Of kConnector, kRemoteDomain, kTransportConfig and kSendConnector.
  std::string user;      // Of kPermission, as the next.
  std::string right;

  bool IsOfConnector() const {
    return kind == Kind::kConnector || kind == Kind::kPermission || kind == Kind::kPermissions;
  }
  // The properties of one object are set together.
  bool SameObject(const SettingKey& other) const {
    return object == other.object &&
           (kind == other.kind || (IsOfConnector() && other.IsOfConnector()));
  }
  bool operator==(const SettingKey&) const = default;
};

std::string ToText(const SettingKey& key);
// Error: kDataLoss/BAD_SETTING_TEXT.
absl::StatusOr<SettingKey> SettingKeyFrom(const std::string& text);

// Percent and two digits for control characters, '%', '/', ':', and what is no UTF-8.
std::string Escape(absl::string_view name);
// nullopt where it is not what Escape() gives.
std::optional<std::string> Unescape(absl::string_view text);

// Whether two values say the same, in whatever order and spelling.
bool SameValue(const SettingKey& key, const RawSetting& a, const RawSetting& b);

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_SETTING_H_
