#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/mail/postfix/master_cf.h"
#include "agent/mail/postfix/settings_draft.h"
#include "agent/mail/postfix/settings_ops.h"
#include "agent/mail/restore_rules.h"
#include "common/status/error.h"

namespace mailquench::agent::postfix {
namespace {
// A change that stays (a block) may have edited the same master.cf entry after the change that
// goes. Then the entry that is put back carries the overrides of the one that stays: what goes is
// undone, what stays is done again on top.
void CarryOver(const std::vector<v1::Setting>& staying, v1::Setting* setting) {
  constexpr char kPrefix[] = "master.cf:";
  if (!absl::StartsWith(setting->key(), kPrefix)) return;
  const std::string key = setting->key().substr(sizeof kPrefix - 1);
  for (const v1::Setting& stays : staying) {
    if (stays.instance() != setting->instance() || stays.key() != setting->key()) continue;
    if (stays.before() != setting->after() || setting->before_absent() || stays.after_absent())
      continue;
    const auto from = MasterCf(stays.before()).Find(key);
    const auto to = MasterCf(stays.after()).Find(key);
    MasterCf carried(setting->before());
    if (!from || !to || !carried.Find(key)) continue;
    for (const auto& [name, value] : to->overrides) {
      const auto old = from->overrides.find(name);
      if (old == from->overrides.end() || old->second != value)
        carried.SetOverride(key, name, value);
    }
    for (const auto& [name, value] : from->overrides) {
      if (to->overrides.count(name) == 0) carried.RemoveOverride(key, name);
    }
    setting->set_before(carried.Text());
    setting->set_after(stays.after());
  }
}

// Map files are judged last: one that a kept setting still names has to stay.
absl::Status PutBackFiles(SettingsDraft* draft,
                          std::vector<v1::RestoredSetting*>& mine,
                          bool waiting) {
  for (v1::RestoredSetting* restored : mine) {
    const std::string& key = restored->setting().key();
    if (!absl::StartsWith(key, "file:") || restored->state() != v1::RestoredSetting::STATE_PUT_BACK)
      continue;
    if (restored->setting().before_absent() && draft->Mentions(key.substr(5))) {
      restored->set_state(waiting ? v1::RestoredSetting::STATE_NEEDS_DECISION
                                  : v1::RestoredSetting::STATE_KEPT_AS_FIX);
      restored->set_why("a setting that stays still reads this file");
      continue;
    }
    MQ_RETURN_IF_ERROR(draft->PutRaw(key, BeforeOf(restored->setting())));
  }
  return absl::OkStatus();
}

absl::Status RestoreInstance(const Instance& instance,
                             const std::vector<v1::RestoreDecision>& decisions,
                             RestorePlan* plan) {
  MQ_ASSIGN_OR_RETURN(SettingsDraft draft, SettingsDraft::Load(instance));
  std::vector<v1::RestoredSetting*> mine;
  bool waiting = false;
  for (v1::RestoredSetting& restored : *plan->result.mutable_settings()) {
    const v1::Setting& setting = restored.setting();
    if (setting.instance() != instance.name) continue;
    mine.push_back(&restored);
    MQ_ASSIGN_OR_RETURN(const RawSetting current, draft.Current(setting.key()));
    JudgeSetting(current, DecisionFor(setting, decisions), &restored);
    waiting |= restored.state() == v1::RestoredSetting::STATE_NEEDS_DECISION;
    if (restored.state() == v1::RestoredSetting::STATE_PUT_BACK &&
        !absl::StartsWith(setting.key(), "file:"))
      MQ_RETURN_IF_ERROR(draft.PutRaw(setting.key(), BeforeOf(setting)));
  }
  MQ_RETURN_IF_ERROR(PutBackFiles(&draft, mine, waiting));
  for (const v1::RestoredSetting* restored : mine) {
    MQ_ASSIGN_OR_RETURN(const RawSetting now, draft.Current(restored->setting().key()));
    if (restored->state() != v1::RestoredSetting::STATE_KEPT_AS_FIX &&
        now != BeforeOf(restored->setting()))
      plan->result.set_byte_for_byte(false);
  }
  draft.Emit({}, &plan->change);
  return absl::OkStatus();
}
}  // namespace

absl::StatusOr<std::vector<v1::Setting>> Drifted(const std::vector<Instance>& instances,
                                                 const std::vector<v1::Setting>& recorded) {
  std::vector<v1::Setting> drifted;
  const std::vector<v1::Setting> merged = MergeSettings(recorded);
  for (const Instance& instance : instances) {
    MQ_ASSIGN_OR_RETURN(SettingsDraft draft, SettingsDraft::Load(instance));
    for (const v1::Setting& setting : merged) {
      if (setting.instance() != instance.name) continue;
      MQ_ASSIGN_OR_RETURN(const RawSetting current, draft.Current(setting.key()));
      if (current != AfterOf(setting)) drifted.push_back(setting);
    }
  }
  return drifted;
}

absl::StatusOr<RestorePlan> PlanRestore(const std::vector<Instance>& instances,
                                        const std::vector<v1::Setting>& settings,
                                        const std::vector<v1::RestoreDecision>& decisions,
                                        const std::vector<v1::Setting>& staying) {
  MQ_RETURN_IF_ERROR(CheckDecisions(decisions));
  RestorePlan plan;
  plan.result.set_byte_for_byte(true);
  for (v1::Setting& setting : MergeSettings(settings)) {
    const bool known =
        std::any_of(instances.begin(), instances.end(),
                    [&](const Instance& instance) { return instance.name == setting.instance(); });
    if (!known)
      return Error(absl::StatusCode::kNotFound, "UNKNOWN_INSTANCE",
                   absl::StrCat("a record is about instance '", setting.instance(),
                                "', which is not here any more; nothing was put back"));
    CarryOver(staying, &setting);
    *plan.result.add_settings()->mutable_setting() = std::move(setting);
  }
  for (const Instance& instance : instances)
    MQ_RETURN_IF_ERROR(RestoreInstance(instance, decisions, &plan));
  CountStates(&plan.result);
  return plan;
}

}  // namespace mailquench::agent::postfix
