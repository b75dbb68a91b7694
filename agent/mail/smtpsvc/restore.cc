#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/mail/restore_rules.h"
#include "agent/mail/smtpsvc/setting.h"
#include "agent/mail/smtpsvc/settings_ops.h"
#include "common/status/error.h"

namespace mailquench::agent::smtpsvc {
namespace {
bool Has(const std::vector<VirtualServer>& all, const std::string& name) {
  return std::any_of(all.begin(), all.end(),
                     [&](const VirtualServer& server) { return server.name == name; });
}
}  // namespace

absl::StatusOr<RestorePlan> PlanPutBack(Metabase& metabase,
                                        const std::vector<VirtualServer>& all,
                                        const std::vector<v1::Setting>& settings,
                                        const std::vector<v1::RestoreDecision>& decisions) {
  MQ_RETURN_IF_ERROR(CheckDecisions(decisions));
  RestorePlan plan;
  plan.result.set_byte_for_byte(true);
  for (const v1::Setting& setting : MergeSettings(settings)) {
    if (!Has(all, setting.instance()))
      return Error(absl::StatusCode::kNotFound, "UNKNOWN_INSTANCE",
                   absl::StrCat("a record is about virtual server '", setting.instance(),
                                "', which is not here any more; nothing was put back"));
    MQ_ASSIGN_OR_RETURN(const SettingKey key, SettingKeyFrom(setting.key()));
    MQ_ASSIGN_OR_RETURN(const RawSetting current, CurrentText(metabase, key, AfterOf(setting)));
    v1::RestoredSetting* restored = plan.result.add_settings();
    *restored->mutable_setting() = setting;
    JudgeSetting(current, DecisionFor(setting, decisions), restored);
    if (restored->state() == v1::RestoredSetting::STATE_NEEDS_DECISION)
      plan.result.set_byte_for_byte(false);
    if (restored->state() != v1::RestoredSetting::STATE_PUT_BACK) continue;
    plan.change.files.push_back({setting.instance(), setting.key(), current.value_or(""),
                                 !current.has_value(), setting.before(), setting.before_absent()});
  }
  CountStates(&plan.result);
  return plan;
}

absl::StatusOr<std::vector<v1::Setting>> FindDrifted(Metabase& metabase,
                                                     const std::vector<VirtualServer>& all,
                                                     const std::vector<v1::Setting>& recorded) {
  std::vector<v1::Setting> drifted;
  for (const v1::Setting& setting : MergeSettings(recorded)) {
    if (!Has(all, setting.instance())) {  // Its server is gone, and the setting with it.
      drifted.push_back(setting);
      continue;
    }
    MQ_ASSIGN_OR_RETURN(const SettingKey key, SettingKeyFrom(setting.key()));
    MQ_ASSIGN_OR_RETURN(const RawSetting current, CurrentText(metabase, key, AfterOf(setting)));
    if (current != AfterOf(setting)) drifted.push_back(setting);
  }
  return drifted;
}

}  // namespace mailquench::agent::smtpsvc
