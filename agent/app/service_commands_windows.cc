#include "agent/app/platform_commands.h"
namespace mailquench::agent {
void AddPlatformCommands(CLI::App*, Action*) {}
}  // namespace mailquench::agent
