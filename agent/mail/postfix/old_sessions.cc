#include <dirent.h>
#include <signal.h>
#include <sys/types.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "agent/mail/postfix/settings_ops.h"
#include "agent/os/files.h"
#include "common/status/error.h"

namespace mailquench::agent::postfix {
namespace {
struct Process {
  std::string name;
  int parent = 0;
};

// From /proc/PID/stat: "12 (smtpd) S 7 ..."; the name may hold anything but a NUL.
bool ReadProcess(int pid, Process* process) {
  const absl::StatusOr<std::string> stat = ReadFile(absl::StrCat("/proc/", pid, "/stat"));
  if (!stat.ok()) return false;
  const std::size_t open = stat->find('(');
  const std::size_t close = stat->rfind(')');
  if (open == std::string::npos || close == std::string::npos || close < open) return false;
  process->name = stat->substr(open + 1, close - open - 1);
  return std::sscanf(stat->c_str() + close + 1, " %*c %d", &process->parent) == 1;
}
}  // namespace

absl::StatusOr<int> KillOldSessions(const Instance& instance) {
  const absl::StatusOr<std::string> text = ReadFile(instance.queue_directory + "/pid/master.pid");
  if (absl::IsNotFound(text.status())) return 0;
  if (!text.ok()) return text.status();
  int master = 0;
  Process process;
  // The file outlives its process, and ids are used again.
  if (!absl::SimpleAtoi(std::string(absl::StripAsciiWhitespace(*text)), &master) ||
      !ReadProcess(master, &process) || process.name != "master")
    return 0;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir("/proc"), closedir);
  if (dir == nullptr) return SystemError(errno, "open /proc");
  int ended = 0;
  while (const dirent* entry = readdir(dir.get())) {
    int pid = 0;
    if (!absl::SimpleAtoi(entry->d_name, &pid) || !ReadProcess(pid, &process)) continue;
    if (process.name == "smtpd" && process.parent == master && kill(pid, SIGTERM) == 0) ++ended;
  }
  return ended;
}

}  // namespace mailquench::agent::postfix
