// A lock on the whole host, held through a file: the agent's service and a break-glass command
// never change things at once.
#ifndef MAILQUENCH_AGENT_OS_LOCK_H_
#define MAILQUENCH_AGENT_OS_LOCK_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace mailquench::agent {

// Of an agent's state directory: whoever has it changes this host.
inline constexpr char kChangesLock[] = "changes.lock";

// Held until destroyed; the system lets go of it when the process ends, however it ends.
class FileLock {
 public:
  // `while_waiting` is asked before each of a hundred tries a second; its error ends the wait.
  // Errors: that of while_waiting, kDeadlineExceeded (somebody else holds it), kInternal.
  static absl::StatusOr<std::unique_ptr<FileLock>> Acquire(
      const std::string& path,
      absl::Duration wait,
      const std::function<absl::Status()>& while_waiting = nullptr);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  explicit FileLock(std::intptr_t handle) : handle_(handle) {}
  const std::intptr_t handle_;  // What the system gave for the open file.
};

// A lock on what one folder holds, for the moment of a change; waits as long as it takes, on
// Windows 30 s. Held until destroyed or until the process ends. POSIX: on the folder itself;
// Windows, where folders cannot be locked: by the file kFolderLockFile in it, which goes away with
// the lock.
class FolderLock {
 public:
  // Does not follow a link. Errors: kNotFound, kPermissionDenied, kDeadlineExceeded/FOLDER_BUSY,
  // kInternal.
  static absl::StatusOr<std::unique_ptr<FolderLock>> Acquire(const std::string& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  explicit FolderLock(std::intptr_t handle) : handle_(handle) {}
  const std::intptr_t handle_;
};
inline constexpr char kFolderLockFile[] = ".mailquench-lock";

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OS_LOCK_H_
