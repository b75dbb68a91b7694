// The log of a daemon: lines on stderr that cannot forge another line nor steer a terminal,
// whatever a peer, a host or a mail wrote into them.
#ifndef MAILQUENCH_COMMON_COMMAND_LOG_H_
#define MAILQUENCH_COMMON_COMMAND_LOG_H_

#include <string>

namespace mailquench::command {

// Makes it spdlog's default logger. Thread-safe from then on.
void LogTo(const std::string& name);

}  // namespace mailquench::command

#endif  // MAILQUENCH_COMMON_COMMAND_LOG_H_
