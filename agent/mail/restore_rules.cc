#include "agent/mail/restore_rules.h"

#include <cstdint>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"

namespace mailquench::agent {

RawSetting BeforeOf(const v1::Setting& setting) {
  return setting.before_absent() ? RawSetting() : RawSetting(setting.before());
}
RawSetting AfterOf(const v1::Setting& setting) {
  return setting.after_absent() ? RawSetting() : RawSetting(setting.after());
}

std::vector<v1::Setting> MergeSettings(const std::vector<v1::Setting>& settings) {
  std::vector<v1::Setting> merged;
  std::map<std::pair<std::string, std::string>, std::size_t> places;
  for (const v1::Setting& setting : settings) {
    const auto [it, added] = places.try_emplace({setting.instance(), setting.key()}, merged.size());
    if (added) {
      merged.push_back(setting);
      continue;
    }
    v1::Setting& first = merged[it->second];
    first.set_after(setting.after());
    first.set_after_absent(setting.after_absent());
  }
  return merged;
}

const v1::RestoreDecision* DecisionFor(const v1::Setting& setting,
                                       const std::vector<v1::RestoreDecision>& decisions) {
  for (const v1::RestoreDecision& decision : decisions) {
    if (decision.key() == setting.key() &&
        (decision.instance() == setting.instance() || decision.instance().empty()))
      return &decision;
  }
  return nullptr;
}

void JudgeSetting(const RawSetting& current,
                  const v1::RestoreDecision* decision,
                  v1::RestoredSetting* out) {
  out->set_current(current.value_or(""));
  out->set_current_absent(!current.has_value());
  const v1::Setting& setting = out->setting();
  const bool changed_since = current != AfterOf(setting);
  if (current == BeforeOf(setting)) {
    out->set_state(v1::RestoredSetting::STATE_UNCHANGED);
    out->set_why("it is as it was before");
  } else if (decision != nullptr) {
    const bool keep = decision->choice() == v1::RESTORE_CHOICE_KEEP_AS_FIX;
    out->set_state(keep ? v1::RestoredSetting::STATE_KEPT_AS_FIX
                        : v1::RestoredSetting::STATE_PUT_BACK);
    out->set_why(decision->reason());
  } else if (setting.opened_relay() || changed_since) {
    out->set_state(v1::RestoredSetting::STATE_NEEDS_DECISION);
    out->set_why(setting.opened_relay()
                     ? "the old value let strangers relay; decide whether to put it back or to "
                       "keep the value of now"
                     : "somebody changed it since; decide whether to put the old value back or "
                       "to keep the value of now");
  } else {
    out->set_state(v1::RestoredSetting::STATE_PUT_BACK);
  }
}

absl::Status CheckDecisions(const std::vector<v1::RestoreDecision>& decisions) {
  for (const v1::RestoreDecision& decision : decisions) {
    if (decision.reason().empty() || decision.choice() == v1::RESTORE_CHOICE_UNSPECIFIED)
      return Error(absl::StatusCode::kInvalidArgument, "NO_REASON",
                   absl::StrCat("the decision about '", decision.key(),
                                "' lacks a choice or a reason; nothing was put back; give both"));
  }
  return absl::OkStatus();
}

void CountStates(v1::RestoreResult* result) {
  std::int32_t put_back = 0;
  std::int32_t kept = 0;
  std::int32_t undecided = 0;
  for (const v1::RestoredSetting& restored : result->settings()) {
    put_back += restored.state() == v1::RestoredSetting::STATE_PUT_BACK;
    kept += restored.state() == v1::RestoredSetting::STATE_KEPT_AS_FIX;
    undecided += restored.state() == v1::RestoredSetting::STATE_NEEDS_DECISION;
  }
  result->set_put_back(put_back);
  result->set_kept_as_fix(kept);
  result->set_needs_decision(undecided);
}

}  // namespace mailquench::agent
