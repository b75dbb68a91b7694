// Commands of mailquench-agent that one platform alone has.
#ifndef MAILQUENCH_AGENT_APP_PLATFORM_COMMANDS_H_
#define MAILQUENCH_AGENT_APP_PLATFORM_COMMANDS_H_

#include <CLI/CLI.hpp>
#include <functional>

namespace mailquench::agent {

using Action = std::function<int()>;

// Windows: `service ...`. Elsewhere none. The command that is given sets `action`.
void AddPlatformCommands(CLI::App* root, Action* action);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_APP_PLATFORM_COMMANDS_H_
