#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/mail/exchange/directory.h"
#include "agent/mail/exchange/draft.h"
#include "agent/mail/exchange/flags.h"
#include "agent/mail/exchange/settings_ops.h"
#include "agent/mail/restore_rules.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
using Kind = SettingKey::Kind;

// In the recorded spelling where it says the same.
RawSetting Spelled(const SettingKey& key, const RawSetting& now, const v1::Setting& setting) {
  if (SameValue(key, now, AfterOf(setting))) return AfterOf(setting);
  if (SameValue(key, now, BeforeOf(setting))) return BeforeOf(setting);
  return now;
}

struct Judged {
  SettingKey key;
  RawSetting current;
  int place = 0;  // In the result.
};

bool IsPutBack(const v1::RestoredSetting& restored) {
  return restored.state() == v1::RestoredSetting::STATE_PUT_BACK;
}

void LeaveUndecided(const std::string& why, v1::RestoredSetting* restored) {
  restored->set_state(v1::RestoredSetting::STATE_NEEDS_DECISION);
  restored->set_why(why);
}

// An object that somebody removed or renamed cannot be put back as it was. (A block is an object
// itself.)
bool IsGone(const Judged& judged) {
  return !judged.current.has_value() && judged.key.kind != Kind::kPermission &&
         judged.key.kind != Kind::kTransportRule && judged.key.kind != Kind::kIpBlock;
}

// What Exchange would not take together waits, as a whole connector: some of its settings are kept
// as they are now, and the others need them.
absl::Status CheckCombinations(Directory& directory,
                               const std::vector<Judged>& all,
                               v1::RestoreResult* result) {
  for (const Judged& one : all) {
    v1::RestoredSetting* restored = result->mutable_settings(one.place);
    if (!IsPutBack(*restored) || one.key.kind != Kind::kConnector) continue;
    std::map<std::string, std::string> then;
    for (const char* property : {"AuthMechanism", "PermissionGroups"}) {
      SettingKey key = one.key;
      key.property = property;
      MQ_ASSIGN_OR_RETURN(const RawSetting now, directory.Current(key));
      then[property] = now.value_or("");
      for (const Judged& other : all) {
        if (other.key == key && IsPutBack(result->settings(other.place)))
          then[property] = result->settings(other.place).setting().before();
      }
    }
    if (!MayCombine(then["AuthMechanism"], then["PermissionGroups"]) &&
        one.key.property != "Enabled")
      LeaveUndecided(absl::StrCat("Exchange does not take AuthMechanism '", then["AuthMechanism"],
                                  "' together with PermissionGroups '", then["PermissionGroups"],
                                  "'; decide both the same way"),
                     restored);
  }
  return absl::OkStatus();
}

// A smarthost and DNS routing exclude each other, and only a smarthost is logged in at (the page of
// Set-SendConnector).
absl::Status CheckRoutes(Directory& directory,
                         const std::vector<Judged>& all,
                         v1::RestoreResult* result) {
  constexpr const char* kRoute[] = {"SmartHosts", "DNSRoutingEnabled", "SmartHostAuthMechanism"};
  for (const Judged& one : all) {
    if (one.key.kind != Kind::kSendConnector || !IsPutBack(result->settings(one.place))) continue;
    std::map<std::string, std::string> then;
    for (const char* property : kRoute) {
      SettingKey key = one.key;
      key.property = property;
      MQ_ASSIGN_OR_RETURN(const RawSetting now, directory.Current(key));
      then[property] = now.value_or("");
      for (const Judged& other : all) {
        if (other.key == key && IsPutBack(result->settings(other.place)))
          then[property] = result->settings(other.place).setting().before();
      }
    }
    const bool by_dns = absl::EqualsIgnoreCase(then["DNSRoutingEnabled"], "True");
    const bool fits = by_dns == then["SmartHosts"].empty() &&
                      (!by_dns || absl::EqualsIgnoreCase(then["SmartHostAuthMechanism"], "None"));
    if (fits) continue;
    for (const Judged& other : all) {
      v1::RestoredSetting* restored = result->mutable_settings(other.place);
      if (other.key.SameObject(one.key) && IsPutBack(*restored) &&
          std::find(std::begin(kRoute), std::end(kRoute), other.key.property) != std::end(kRoute))
        LeaveUndecided(
            "Exchange takes a smarthost and DNS routing only the one without the other; decide "
            "SmartHosts, DNSRoutingEnabled and SmartHostAuthMechanism the same way",
            restored);
    }
  }
  return absl::OkStatus();
}

// The entries of a connector once its settings are put back.
absl::Status AddPermissions(Directory& directory,
                            const std::string& server,
                            const std::string& connector,
                            const std::vector<Judged>& all,
                            RestorePlan* plan) {
  const SettingKey key{Kind::kPermissions, connector, "", "", ""};
  bool needed = false;
  MQ_ASSIGN_OR_RETURN(const RawSetting now, directory.Current(key));
  Aces then = AcesFrom(now.value_or(""));
  for (const Judged& one : all) {
    const v1::RestoredSetting& restored = plan->result.settings(one.place);
    if (one.key.object != connector || !IsPutBack(restored)) continue;
    needed |= one.key.property == "PermissionGroups";
    if (one.key.kind != Kind::kPermission) continue;
    needed = true;
    const Ace ace{one.key.user, one.key.right, false};
    if (restored.setting().before_absent())
      then.erase(ace);
    else
      then.insert(ace);
  }
  if (needed) AddWrite(server, key, now, ToText(then), &plan->change);
  return absl::OkStatus();
}
}  // namespace

absl::StatusOr<RestorePlan> ExchangeSettings::PlanRestore(
    const std::vector<v1::Setting>& settings,
    const std::vector<v1::RestoreDecision>& decisions,
    const std::vector<v1::Setting>& /*staying*/) const {
  // A lock, a silence and a block never touch the same setting; of two blocks of one sender the
  // later records nothing. So nothing is carried over.
  MQ_RETURN_IF_ERROR(CheckDecisions(decisions));
  Directory directory(shell_, options_, absl::Now() + options_.plan_wait);
  RestorePlan plan;
  std::vector<Judged> all;
  for (const v1::Setting& setting : MergeSettings(settings)) {
    MQ_ASSIGN_OR_RETURN(const SettingKey key, SettingKeyFrom(setting.key()));
    MQ_ASSIGN_OR_RETURN(const RawSetting now, directory.Current(key));
    const RawSetting current = Spelled(key, now, setting);
    all.push_back({key, current, plan.result.settings_size()});
    v1::RestoredSetting* restored = plan.result.add_settings();
    *restored->mutable_setting() = setting;
    JudgeSetting(current, DecisionFor(setting, decisions), restored);
    if (IsPutBack(*restored) && IsGone(all.back()))
      LeaveUndecided(
          "its object was removed or renamed since, and cannot be put back; keep the "
          "state of now, or make the object again under its name",
          restored);
  }
  MQ_RETURN_IF_ERROR(CheckCombinations(directory, all, &plan.result));
  MQ_RETURN_IF_ERROR(CheckRoutes(directory, all, &plan.result));
  std::vector<std::string> connectors;
  bool byte_for_byte = true;
  for (const Judged& one : all) {
    const v1::RestoredSetting& restored = plan.result.settings(one.place);
    byte_for_byte &= restored.state() != v1::RestoredSetting::STATE_NEEDS_DECISION;
    if (!IsPutBack(restored)) continue;
    if (one.key.IsOfConnector() &&
        std::find(connectors.begin(), connectors.end(), one.key.object) == connectors.end())
      connectors.push_back(one.key.object);
    if (one.key.kind != Kind::kPermission)
      AddWrite(options_.server, one.key, one.current, BeforeOf(restored.setting()), &plan.change);
  }
  for (const std::string& connector : connectors)
    MQ_RETURN_IF_ERROR(AddPermissions(directory, options_.server, connector, all, &plan));
  plan.result.set_byte_for_byte(byte_for_byte);
  CountStates(&plan.result);
  return plan;
}

absl::StatusOr<std::vector<v1::Setting>> ExchangeSettings::Drifted(
    const std::vector<v1::Setting>& recorded) const {
  Directory directory(shell_, options_, absl::Now() + options_.drift_wait);
  std::vector<v1::Setting> drifted;
  for (const v1::Setting& setting : MergeSettings(recorded)) {
    MQ_ASSIGN_OR_RETURN(const SettingKey key, SettingKeyFrom(setting.key()));
    MQ_ASSIGN_OR_RETURN(const RawSetting now, directory.Current(key));
    if (!SameValue(key, now, AfterOf(setting))) drifted.push_back(setting);
  }
  return drifted;
}

}  // namespace mailquench::agent::exchange
