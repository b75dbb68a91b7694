#include "controller/app/config.h"

#include <yaml-cpp/yaml.h>

#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "common/identity/secrets.h"
#include "common/status/error.h"
#include "controller/app/config_blacklists.h"
#include "controller/app/config_dns.h"

namespace mailquench::controller {
namespace {

absl::Status Bad(const std::string& path, int line, absl::string_view why) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_CONFIG",
               absl::StrCat(path, line > 0 ? absl::StrCat(":", line) : "", ": ", why,
                            "; nothing was started"));
}

absl::Status Fill(const std::string& path, const YAML::Node& root, Config* config) {
  const std::map<std::string, std::string*> texts = {
      {"listen", &config->listen},
      {"enrolment_listen", &config->enrolment_listen},
      {"store", &config->store},
      {"key", &config->key},
      {"certificate", &config->certificate},
      {"ca", &config->ca},
      {"identity_dir", &config->identity_dir},
      {"trust_domain", &config->trust_domain},
      {"playbooks", &config->playbooks},
      {"https_listen", &config->https_listen},
      {"escalation", &config->escalation}};
  const std::map<std::string, absl::Duration*> durations = {
      {"patience", &config->patience},
      {"resume_patience", &config->resume_patience},
      {"grace", &config->grace},
      {"manual_patience", &config->manual_patience},
      {"alertmanager_poll", &config->alertmanager_poll},
      {"silence_length", &config->silence_length},
      {"own_watch_every", &config->own_watch_every},
      {"antivirus_signature_age", &config->antivirus.max_signature_age}};
  if (!root.IsMap()) return Bad(path, 0, "is not a list of 'key: value' lines");
  std::set<std::string> seen;
  for (const auto& entry : root) {
    const int line = entry.first.Mark().line + 1;
    if (entry.first.IsScalar() && entry.first.Scalar() == "blacklists") {
      if (!seen.insert("blacklists").second) return Bad(path, line, "'blacklists' is there twice");
      MQ_RETURN_IF_ERROR(ReadBlacklists(path, entry.second, &config->blacklists));
      continue;
    }
    if (entry.first.IsScalar() && entry.first.Scalar() == "dns") {
      if (!seen.insert("dns").second) return Bad(path, line, "'dns' is there twice");
      MQ_RETURN_IF_ERROR(ReadDns(path, entry.second, &config->dns));
      continue;
    }
    if (!entry.first.IsScalar() || !entry.second.IsScalar()) {
      return Bad(path, line, "a key and a plain value are expected here");
    }
    const std::string key = entry.first.Scalar();
    const std::string value = entry.second.Scalar();
    if (!seen.insert(key).second)
      return Bad(path, line, absl::StrCat("'", key, "' is there twice"));
    if (const auto text = texts.find(key); text != texts.end()) {
      *text->second = value;
    } else if (const auto duration = durations.find(key); duration != durations.end()) {
      if (!absl::ParseDuration(value, duration->second) ||
          *duration->second < absl::ZeroDuration()) {
        return Bad(
            path, line,
            absl::StrCat("'", key, "' needs a time span such as 5s or 2m, not '", value, "'"));
      }
    } else {
      return Bad(path, line, absl::StrCat("'", key, "' is not a key of this file"));
    }
  }
  for (const auto& [key, text] : texts) {
    if (text->empty() && key != "playbooks" && key != "https_listen" && key != "escalation")
      return Bad(path, 0, absl::StrCat("'", key, "' is missing"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Config> LoadConfig(const std::string& path) {
  MQ_ASSIGN_OR_RETURN(const std::string text, identity::ReadFile(path));
  Config config;
  try {
    MQ_RETURN_IF_ERROR(Fill(path, YAML::Load(text), &config));
  } catch (const YAML::Exception& error) {
    return Bad(path, error.mark.line + 1, error.msg);
  }
  return config;
}

}  // namespace mailquench::controller
