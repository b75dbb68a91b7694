// What all servers of an organisation share: silence of notifications, shadow redundancy.
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/mail/exchange/directory.h"
#include "agent/mail/exchange/draft.h"
#include "agent/mail/exchange/row.h"
#include "agent/mail/exchange/settings_ops.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
absl::Status OnMailboxServer(const char* what) {
  return Error(absl::StatusCode::kUnimplemented, "ON_MAILBOX_SERVER",
               absl::StrCat(what,
                            " is a setting of the Exchange organisation, and an Edge server has a "
                            "copy of it at most; nothing was changed; do it on a Mailbox server of "
                            "the organisation, which hands it on (Start-EdgeSynchronization)"));
}

absl::Status Unclear(const char* cmdlet, const std::string& what) {
  return Error(absl::StatusCode::kDataLoss, "SHELL_SPOKE_RUBBISH",
               absl::StrCat(cmdlet, " did not say what ", what,
                            " is; nothing was changed; look at Exchange's own shell on this "
                            "server"));
}
}  // namespace

bool IsOrganisationWide(const std::string& setting_key) {
  return absl::StartsWith(setting_key, "remote-domain:") ||
         absl::StartsWith(setting_key, "transport-config/") ||
         absl::StartsWith(setting_key, "transport-rule:") ||
         absl::StartsWith(setting_key, "send-connector:");
}

absl::StatusOr<SettingsChange> ExchangeSettings::PlanNdrSilence(
    const v1::NdrSilence& /*request*/) const {
  if (options_.role == Role::kEdge) return OnMailboxServer("what may be sent to remote domains");
  Directory directory(shell_, options_, absl::Now() + options_.plan_wait);
  MQ_ASSIGN_OR_RETURN(const std::vector<Row> rows, directory.RemoteDomains());
  SettingsChange change;
  for (const Row& row : rows) {
    for (const char* property :
         {"NDREnabled", "DeliveryReportEnabled", "AutoReplyEnabled", "AutoForwardEnabled"}) {
      const std::vector<std::string> now = Texts(row, property);
      if (now.empty()) return Unclear("Get-RemoteDomain", property);
      AddSetting(options_.server,
                 {SettingKey::Kind::kRemoteDomain, Text(row, "Name"), property, "", ""},
                 now.front(), "False", false, &change);
    }
  }
  if (!change.files.empty()) change.result.set_organisation(options_.organisation);
  change.result.set_notice(
      "No server of the organisation sends non-delivery reports, delivery reports, automatic "
      "replies or automatic forwards to other organisations; inside it they still arrive. Reports "
      "that are queued already are not affected: set them aside.");
  return change;
}

absl::StatusOr<SettingsChange> ExchangeSettings::PlanShadowSuspend(
    const v1::ShadowSuspend& /*request*/) const {
  if (options_.role == Role::kEdge) return OnMailboxServer("shadow redundancy");
  Directory directory(shell_, options_, absl::Now() + options_.plan_wait);
  const SettingKey key{SettingKey::Kind::kTransportConfig, "", "ShadowRedundancyEnabled", "", ""};
  MQ_ASSIGN_OR_RETURN(const RawSetting now, directory.Current(key));
  if (!now.has_value()) return Unclear("Get-TransportConfig", "ShadowRedundancyEnabled");
  SettingsChange change;
  AddSetting(options_.server, key, now, "False", false, &change);
  if (!change.files.empty()) change.result.set_organisation(options_.organisation);
  change.result.set_notice(
      "No server of the organisation keeps copies of mail for another one until the restore: a "
      "server that is lost in between loses what it had queued.");
  change.result.add_duties(
      "copies that were made before are still kept, and are sent again where a server returns with "
      "an empty queue: on every Mailbox server wait until Get-Queue -Include ShadowRedundancy "
      "shows no message, or set the queues of all servers aside together");
  return change;
}

}  // namespace mailquench::agent::exchange
