#include "agent/app/platform_commands.h"

namespace mailquench::agent {

// systemd starts and stops the agent.
void AddPlatformCommands(CLI::App*, Action*) {}

}  // namespace mailquench::agent
