#include "agent/os/usage.h"

#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "agent/os/files.h"

namespace mailquench::agent {

ProcessUsage OwnUsage() {
  ProcessUsage usage;
  rusage times{};
  if (getrusage(RUSAGE_SELF, &times) == 0) {
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    usage.cpu_seconds = seconds(times.ru_utime) + seconds(times.ru_stime);
  }
  // proc(5): size, resident, ... in pages.
  const auto text = ReadFile("/proc/self/statm", 4096);
  if (!text.ok()) return usage;
  const std::vector<std::string> fields = absl::StrSplit(*text, ' ');
  std::int64_t pages = 0;
  if (fields.size() > 1 && absl::SimpleAtoi(fields[1], &pages))
    usage.resident_bytes = pages * sysconf(_SC_PAGESIZE);
  return usage;
}

}  // namespace mailquench::agent
