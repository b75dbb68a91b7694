#include "controller/identity/folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"

namespace mailquench::controller {

absl::StatusOr<FolderLock> FolderLock::Take(const std::string& dir) {
  const int fd = ::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return SystemError(errno, absl::StrCat("open ", dir));
  FolderLock lock(fd);
  int result = -1;
  do {
    result = ::flock(fd, LOCK_EX);
  } while (result != 0 && errno == EINTR);
  if (result != 0) return SystemError(errno, absl::StrCat("flock ", dir));
  return lock;
}

FolderLock::~FolderLock() {
  if (fd_ >= 0) ::close(fd_);
}

bool MayExist(const std::string& path) {
  struct stat info = {};
  return ::lstat(path.c_str(), &info) == 0 || errno != ENOENT;
}

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

bool ParseTimeText(const std::string& text, absl::Time* time) {
  std::string ignored;
  return absl::ParseTime(absl::RFC3339_full, text, time, &ignored);
}

}  // namespace mailquench::controller
