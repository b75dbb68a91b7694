#include "agent/os/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/status/error.h"

namespace mailquench::agent {

absl::StatusOr<std::unique_ptr<FileLock>> FileLock::Acquire(
    const std::string& path,
    absl::Duration wait,
    const std::function<absl::Status()>& while_waiting) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return SystemError(errno, absl::StrCat("open ", path));
  std::unique_ptr<FileLock> lock(new FileLock(fd));
  const absl::Time deadline = absl::Now() + wait;
  while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR)
      return SystemError(errno, absl::StrCat("flock ", path));
    if (absl::Now() >= deadline)
      return Error(absl::StatusCode::kDeadlineExceeded, "HOST_BUSY",
                   absl::StrCat("another change is under way on this host (", path,
                                " is held); nothing was done, try again when it has ended"));
    if (while_waiting) MQ_RETURN_IF_ERROR(while_waiting());
    absl::SleepFor(absl::Milliseconds(10));
  }
  return lock;
}

FileLock::~FileLock() {
  close(static_cast<int>(handle_));
}

absl::StatusOr<std::unique_ptr<FolderLock>> FolderLock::Acquire(const std::string& folder) {
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return SystemError(errno, absl::StrCat("open ", folder));
  std::unique_ptr<FolderLock> lock(new FolderLock(fd));
  while (flock(fd, LOCK_EX) != 0) {
    if (errno != EINTR) return SystemError(errno, absl::StrCat("lock ", folder));
  }
  return lock;
}

FolderLock::~FolderLock() {
  close(static_cast<int>(handle_));
}

}  // namespace mailquench::agent
