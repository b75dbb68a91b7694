#include "agent/os/usage.h"

#include <windows.h>
// After windows.h.
#include <psapi.h>

namespace mailquench::agent {
namespace {

// A FILETIME that is a length counts 100 ns.
double Seconds(const FILETIME& length) {
  ULARGE_INTEGER ticks;
  ticks.LowPart = length.dwLowDateTime;
  ticks.HighPart = length.dwHighDateTime;
  return static_cast<double>(ticks.QuadPart) / 1e7;
}
}  // namespace

ProcessUsage OwnUsage() {
  ProcessUsage usage;
  FILETIME created, ended, kernel, user;
  if (::GetProcessTimes(::GetCurrentProcess(), &created, &ended, &kernel, &user))
    usage.cpu_seconds = Seconds(kernel) + Seconds(user);
  PROCESS_MEMORY_COUNTERS memory{};
  memory.cb = sizeof memory;
  // The one of kernel32, since Windows 7: no psapi.dll is needed.
  if (::K32GetProcessMemoryInfo(::GetCurrentProcess(), &memory, sizeof memory))
    usage.resident_bytes = static_cast<std::int64_t>(memory.WorkingSetSize);
  return usage;
}

}  // namespace mailquench::agent
