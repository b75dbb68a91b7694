// What differs between the platforms in the composition: compose_posix.cc and compose_windows.cc,
// the only places that name concrete mail systems and antivirus products.
#ifndef MAILQUENCH_AGENT_APP_PLATFORM_H_
#define MAILQUENCH_AGENT_APP_PLATFORM_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/antivirus/antivirus.h"
#include "agent/app/agent.h"
#include "agent/app/antivirus_config.h"
#include "agent/mail/mail_system.h"

namespace mailquench::agent {

// Of the key mail_system, and what it may be in words: "auto, postfix or none".
bool KnowsMailSystem(const std::string& name);
const char* MailSystemNames();

// The one that the configuration names, or that is found. A mail system that is there but cannot be
// read is an error: it must not pass for a host without one.
absl::StatusOr<std::unique_ptr<MailSystem>> ChooseMailSystem(const AgentConfig& config,
                                                             const std::string& state_dir);

// The antivirus products that the agent itself knows on this platform, whether they are there or
// not.
std::vector<std::unique_ptr<Antivirus>> KnownAntivirus(const AntivirusConfig& config);

// Absolute, not the root itself, each part by its name, no slash at the end.
bool IsPlainPath(const std::string& path);

// Where the state is kept unless --state-dir says otherwise.
std::string DefaultStateDir();

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_APP_PLATFORM_H_
