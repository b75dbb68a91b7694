#include <algorithm>
#include <vector>

#include "absl/strings/str_split.h"
#include "agent/antivirus/clamav/clamav_antivirus.h"
#include "agent/app/platform.h"
#include "agent/mail/none/none_mail_system.h"
#include "agent/mail/postfix/instance.h"
#include "agent/mail/postfix/postfix_mail_system.h"
#include "common/status/error.h"

namespace mailquench::agent {

bool KnowsMailSystem(const std::string& name) {
  return name == "auto" || name == "postfix" || name == "none";
}

const char* MailSystemNames() {
  return "auto, postfix or none";
}

absl::StatusOr<std::unique_ptr<MailSystem>> ChooseMailSystem(const AgentConfig& config,
                                                             const std::string& /*state_dir*/) {
  postfix::FindOptions options;
  options.config_directories = config.postfix_configs;
  if (config.mail_system == "none") return std::unique_ptr<MailSystem>(new NoneMailSystem());
  const auto found = postfix::FindInstances({}, options);
  if (config.mail_system == "postfix" || found.ok())
    return std::unique_ptr<MailSystem>(new postfix::PostfixMailSystem(options, config.mail_log));
  if (ReasonOf(found.status()) != "NO_POSTFIX") return found.status();
  return std::unique_ptr<MailSystem>(new NoneMailSystem());
}

std::vector<std::unique_ptr<Antivirus>> KnownAntivirus(const AntivirusConfig& config) {
  std::vector<std::unique_ptr<Antivirus>> known;
  if (!config.clamav) return known;
  clamav::ClamAvOptions options;
  options.clamd_config = config.clamd_config;
  if (!config.freshclam.empty()) options.freshclam.program = config.freshclam;
  options.freshclam.config = config.freshclam_config;
  options.quick_places = config.quick_places;
  known.push_back(std::make_unique<clamav::ClamAv>(std::move(options)));
  return known;
}

bool IsPlainPath(const std::string& path) {
  const std::vector<std::string> parts = absl::StrSplit(path, '/');
  return parts.size() > 1 && parts[0].empty() &&
         std::all_of(parts.begin() + 1, parts.end(), [](const std::string& part) {
           return !part.empty() && part != "." && part != "..";
         });
}

std::string DefaultStateDir() {
  return "/var/lib/mailquench-agent";
}

}  // namespace mailquench::agent
