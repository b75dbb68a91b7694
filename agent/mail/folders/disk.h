// What rooms that set folders aside ask of the disk; a test puts its own in.
#ifndef MAILQUENCH_AGENT_MAIL_FOLDERS_DISK_H_
#define MAILQUENCH_AGENT_MAIL_FOLDERS_DISK_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "agent/os/folder.h"

namespace mailquench::agent {

// All thread-safe.
struct Disk {
  std::function<absl::Status(const std::string& from, const std::string& to)> move = MoveEntry;
  std::function<absl::Status(const std::string& path, const EntryVisitor& visit)> for_each =
      ForEachEntry;
  std::function<absl::StatusOr<std::string>(const std::string& path)> mounted = MountedVolume;
  // A file that names every folder in which a quarantine was ever made, a line each: a queue whose
  // directory is changed later leaves its quarantines where they are. Empty: those of today's
  // queues alone.
  std::string remembered;
};

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_MAIL_FOLDERS_DISK_H_
