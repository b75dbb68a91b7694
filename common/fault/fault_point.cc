#include "common/fault/fault_point.h"

#include <cstdlib>
#include <map>
#include <mutex>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/os/program.h"
#include "common/status/error.h"

namespace mailquench::fault {
namespace {
std::set<std::string>& Points() {
  static auto* points = new std::set<std::string>();
  return *points;
}
}  // namespace

#ifdef MAILQUENCH_FAULT_POINTS
Registration::Registration(const char* name) {
  Points().insert(name);
}

absl::Status Pass(const char* name) {
  static std::mutex mu;
  static auto* passed = new std::map<std::string, int>();
  const char* chosen = std::getenv("MAILQUENCH_FAULT");
  if (chosen == nullptr || *chosen == '\0') return absl::OkStatus();
  const std::vector<std::string> parts =
      absl::StrSplit(std::string(chosen), absl::MaxSplits('=', 1));
  const std::vector<std::string> where = absl::StrSplit(parts[0], absl::MaxSplits('@', 1));
  if (where[0] != name || parts.size() != 2) return absl::OkStatus();
  int at = 1;
  if (where.size() == 2 && !absl::SimpleAtoi(where[1], &at)) return absl::OkStatus();
  {
    const std::lock_guard<std::mutex> lock(mu);
    if (++(*passed)[name] != at) return absl::OkStatus();
  }
  if (parts[1] == "kill") os::EndAtOnce();
  return Error(absl::StatusCode::kInternal, "FAULT_POINT", absl::StrCat("fault point ", name));
}
#endif

std::vector<std::string> AllPoints() {
  return {Points().begin(), Points().end()};
}

}  // namespace mailquench::fault
