// What this process uses of the machine. Implementations under posix/ and windows/.
#ifndef MAILQUENCH_AGENT_OS_USAGE_H_
#define MAILQUENCH_AGENT_OS_USAGE_H_

#include <cstdint>

namespace mailquench::agent {

struct ProcessUsage {
  std::int64_t resident_bytes = 0;  // 0: not known.
  double cpu_seconds = 0;           // User and system time since the process began.
};
// Quick; any thread.
ProcessUsage OwnUsage();

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OS_USAGE_H_
