#include "controller/metrics/process_families.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/os/whole_file.h"

namespace mailquench::controller {
namespace {

constexpr std::size_t kMost = std::size_t{4} << 20U;  // /proc/stat is long on a large machine.

// The fields of /proc/self/stat from the third on: the second is a name in parentheses, which may
// hold anything (proc(5)).
std::vector<std::string> StatFields() {
  const auto text = os::ReadWhole("/proc/self/stat", kMost);
  if (!text.ok()) return {};
  const std::size_t end = text->rfind(')');
  if (end == std::string::npos || end + 2 > text->size()) return {};
  return absl::StrSplit(text->substr(end + 2), ' ');
}

double Field(const std::vector<std::string>& fields, std::size_t number) {
  double value = 0;
  if (fields.size() + 3 <= number || !absl::SimpleAtod(fields[number - 3], &value)) return -1;
  return value;
}

double BootTime() {
  const auto text = os::ReadWhole("/proc/stat", kMost);
  if (!text.ok()) return -1;
  for (absl::string_view line : absl::StrSplit(*text, '\n')) {
    double time = 0;
    if (absl::ConsumePrefix(&line, "btime ") && absl::SimpleAtod(line, &time)) return time;
  }
  return -1;
}

double OpenFiles() {
  std::error_code error;
  std::filesystem::directory_iterator entries("/proc/self/fd", error);
  double count = 0;
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error))
    ++count;
  return count > 1 ? count - 1 : -1;  // One is the listing's own.
}

void AddOne(Family family, double value, Families* out) {
  if (value < 0) return;
  family.Add({}, value);
  family.MoveTo(out);
}
}  // namespace

void AddProcessFamilies(Families* out) {
  const std::vector<std::string> fields = StatFields();
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  if (!fields.empty()) {
    AddOne(CounterFamily("process_cpu_seconds_total", "User and system time spent."),
           (Field(fields, 14) + Field(fields, 15)) / ticks, out);
    AddOne(GaugeFamily("process_resident_memory_bytes", "Resident memory."),
           Field(fields, 24) * static_cast<double>(sysconf(_SC_PAGESIZE)), out);
    AddOne(GaugeFamily("process_virtual_memory_bytes", "Virtual memory."), Field(fields, 23), out);
    const double boot = BootTime();
    if (boot >= 0)
      AddOne(GaugeFamily("process_start_time_seconds", "When the process began, Unix time."),
             boot + Field(fields, 22) / ticks, out);
  }
  AddOne(GaugeFamily("process_open_fds", "Open file descriptors."), OpenFiles(), out);
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
    AddOne(GaugeFamily("process_max_fds", "Most file descriptors that may be open."),
           static_cast<double>(limit.rlim_cur), out);
}

}  // namespace mailquench::controller
