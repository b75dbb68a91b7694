// What the rooms of the dry run share.
#ifndef MAILQUENCH_AGENT_OPERATIONS_PLAN_H_
#define MAILQUENCH_AGENT_OPERATIONS_PLAN_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "agent/mail/mail_system.h"

namespace mailquench::agent {

// The change in sentences, one for each setting; who is hit by it as warnings.
// The warnings also where nothing would change.
void Describe(const SettingsChange& change, absl::string_view what, v1::OperationPlan& plan);

// What a person has to know before a change: what it leaves open, and what he owes.
std::vector<std::string> WarningsOf(const SettingsChange& change);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OPERATIONS_PLAN_H_
