#include "controller/escalation/config.h"

#include <yaml-cpp/yaml.h>

#include "common/identity/secrets.h"
#include "common/status/error.h"
#include "common/yaml/strict.h"

namespace mailquench::controller {

absl::StatusOr<EscalationConfig> ReadEscalation(const std::string& file, const std::string& text) {
  EscalationConfig config;
  MQ_ASSIGN_OR_RETURN(config.rules, ParseRules(file, text));  // Refuses what is no YAML of ours.
  try {
    const YAML::Node root = YAML::Load(text);
    if (root.IsMap() && root["notifications"]) {
      MQ_ASSIGN_OR_RETURN(config.notify, ReadNotifications(file, root["notifications"]));
    }
    if (root.IsMap() && root["alertmanagers"]) {
      MQ_ASSIGN_OR_RETURN(config.alertmanagers, ReadAlertmanagers(file, root["alertmanagers"]));
    }
  } catch (const YAML::Exception& error) {
    return yaml::Fault({"BAD_RULES", "the rules were not taken"}, file, error.mark, error.msg);
  }
  return config;
}

absl::StatusOr<EscalationConfig> LoadEscalation(const std::string& path) {
  MQ_ASSIGN_OR_RETURN(const std::string text, identity::ReadFile(path));
  return ReadEscalation(path, text);
}

}  // namespace mailquench::controller
