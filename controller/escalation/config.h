// The file escalation.yaml as a whole: rules, channels of notices, Alertmanagers.
#ifndef MAILQUENCH_CONTROLLER_ESCALATION_CONFIG_H_
#define MAILQUENCH_CONTROLLER_ESCALATION_CONFIG_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/alertmanager/alertmanager.h"
#include "controller/escalation/rules.h"
#include "controller/notify/notices.h"

namespace mailquench::controller {

struct EscalationConfig {
  Rules rules;
  NotifyOptions notify;
  std::vector<AlertmanagerConfig> alertmanagers;
};

// `file` is only named in errors. kInvalidArgument/BAD_RULES with line and column.
absl::StatusOr<EscalationConfig> ReadEscalation(const std::string& file, const std::string& text);
// kNotFound or kInvalidArgument/BAD_RULES.
absl::StatusOr<EscalationConfig> LoadEscalation(const std::string& path);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_ESCALATION_CONFIG_H_
