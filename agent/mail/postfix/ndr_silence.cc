#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "agent/mail/postfix/effective.h"
#include "agent/mail/postfix/postconf.h"
#include "agent/mail/postfix/settings_draft.h"
#include "agent/mail/postfix/settings_ops.h"
#include "common/status/error.h"

namespace mailquench::agent::postfix {
namespace {
constexpr char kClasses[] = "internal_mail_filter_classes";
constexpr char kChecks[] = "header_checks";
constexpr char kCleanup[] = "cleanup/unix";
// Held, not discarded: a notification may be one that somebody waits for.
constexpr char kTable[] =
    "# Made by Mailquench: delivery notifications wait in the hold queue while an attack is "
    "contained.\n"
    "/^Content-Type:[[:space:]]*multipart\\/report;.*report-type=\"?delivery-status/ HOLD "
    "notifications are "
    "silenced\n";

std::string With(const std::string& first, const std::string& list) {
  return list.empty() ? first : absl::StrCat(first, ", ", list);
}

bool Has(const std::string& list, const std::string& item) {
  const std::vector<std::string> items = SplitList(list);
  return std::find(items.begin(), items.end(), item) != items.end();
}

absl::Status SilenceInstance(const Instance& instance, SettingsChange* change) {
  MQ_ASSIGN_OR_RETURN(SettingsDraft draft, SettingsDraft::Load(instance));
  MQ_ASSIGN_OR_RETURN(Parameters main,
                      EffectiveParameters(instance.config_directory, {kClasses, kChecks}));
  const std::string path = draft.OwnPath("ndr_checks");
  const std::string table = "regexp:" + path;
  // As they are written, not expanded: what follows ours keeps following its own names.
  const std::string classes = draft.main().Value(kClasses).value_or(main[kClasses]);
  const std::string checks = draft.main().Value(kChecks).value_or(main[kChecks]);
  if (!Has(main[kClasses], "bounce"))
    draft.Set(kClasses, classes.empty() ? "bounce" : classes + ", bounce");
  if (!Has(checks, table)) draft.Set(kChecks, With(table, checks));
  const std::optional<MasterCf::Service> cleanup = draft.master().Find(kCleanup);
  if (cleanup.has_value()) {  // The service that takes notifications may override either.
    const auto own_checks = cleanup->overrides.find(kChecks);
    if (own_checks != cleanup->overrides.end() && !Has(own_checks->second, table))
      draft.SetOverride(kCleanup, kChecks, With(table, own_checks->second));
  }
  MQ_RETURN_IF_ERROR(draft.SetFile(path, kTable));
  draft.Emit({}, change);
  return absl::OkStatus();
}
}  // namespace

absl::StatusOr<SettingsChange> PlanNdrSilence(const std::vector<Instance>& instances,
                                              const v1::NdrSilence& /*request*/) {
  SettingsChange change;
  change.result.set_notice(
      "Notifications about mail that could not be delivered are held back for now; none is lost.");
  for (const Instance& instance : instances) MQ_RETURN_IF_ERROR(SilenceInstance(instance, &change));
  return change;
}

}  // namespace mailquench::agent::postfix
