// What a restore makes of each recorded setting, whatever the mail system: put back, kept, or left
// for a person to decide.
#ifndef MAILQUENCH_AGENT_MAIL_RESTORE_RULES_H_
#define MAILQUENCH_AGENT_MAIL_RESTORE_RULES_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench::agent {

// A setting's text; nullopt where it is absent.
using RawSetting = std::optional<std::string>;
RawSetting BeforeOf(const v1::Setting& setting);
RawSetting AfterOf(const v1::Setting& setting);

// One record a setting: the oldest `before` and whether it opened the relay, the newest `after`.
// `settings` are the oldest first.
std::vector<v1::Setting> MergeSettings(const std::vector<v1::Setting>& settings);

// Error: kInvalidArgument/NO_REASON (a decision without choice or reason).
absl::Status CheckDecisions(const std::vector<v1::RestoreDecision>& decisions);
const v1::RestoreDecision* DecisionFor(const v1::Setting& setting,
                                       const std::vector<v1::RestoreDecision>& decisions);

// Fills `current`, `state` and `why` of one whose `setting` is set.
void JudgeSetting(const RawSetting& current,
                  const v1::RestoreDecision* decision,
                  v1::RestoredSetting* out);

// Fills the three counts from the states.
void CountStates(v1::RestoreResult* result);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_MAIL_RESTORE_RULES_H_
