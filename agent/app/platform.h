// What differs between the platforms in the composition: compose_posix.cc and compose_windows.cc,
// the only places that name concrete mail systems.
#ifndef MAILQUENCH_AGENT_APP_PLATFORM_H_
#define MAILQUENCH_AGENT_APP_PLATFORM_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "agent/app/agent.h"
#include "agent/mail/mail_system.h"

namespace mailquench::agent {

// Of the key mail_system, and what it may be in words: "auto, postfix or none".
bool KnowsMailSystem(const std::string& name);
const char* MailSystemNames();

// The one that the configuration names, or that is found. A mail system that is there but cannot be
// read is an error: it must not pass for a host without one.
absl::StatusOr<std::unique_ptr<MailSystem>> ChooseMailSystem(const AgentConfig& config,
                                                             const std::string& state_dir);

// Absolute, not the root itself, each part by its name, no slash at the end.
bool IsPlainPath(const std::string& path);

// Where the state is kept unless --state-dir says otherwise.
std::string DefaultStateDir();

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_APP_PLATFORM_H_
