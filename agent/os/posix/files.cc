#include "agent/os/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "agent/os/posix/parent.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
MQ_DEFINE_FAULT_POINT(kWritten, "files.write.before_rename");

struct Closer {
  int fd;
  ~Closer() {
    if (fd >= 0) close(fd);
  }
};
absl::Status WriteAll(int fd, const std::string& content, const std::string& path) {
  std::size_t done = 0;
  while (done < content.size()) {
    const ssize_t n = write(fd, content.data() + done, content.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return SystemError(errno, absl::StrCat("write ", path));
    done += static_cast<std::size_t>(n);
  }
  if (fsync(fd) != 0) return SystemError(errno, absl::StrCat("fsync ", path));
  return absl::OkStatus();
}
}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path, std::size_t max_bytes) {
  const Closer file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
  if (file.fd < 0) return SystemError(errno, absl::StrCat("open ", path));
  std::string content;
  char buffer[65536];
  for (;;) {
    const ssize_t n = read(file.fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return SystemError(errno, absl::StrCat("read ", path));
    if (n == 0) return content;
    content.append(buffer, static_cast<std::size_t>(n));
    if (content.size() > max_bytes)
      return absl::OutOfRangeError(absl::StrCat(path, " is larger than ", max_bytes, " bytes"));
  }
}

absl::Status TouchFile(const std::string& path) {
  const Closer file{open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (file.fd < 0) return SystemError(errno, absl::StrCat("open ", path));
  if (futimens(file.fd, nullptr) != 0)
    return SystemError(errno, absl::StrCat("set the time of ", path));
  return absl::OkStatus();
}

absl::StatusOr<absl::Time> ModificationTime(const std::string& path) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) return SystemError(errno, absl::StrCat("stat ", path));
  return absl::TimeFromTimespec(info.st_mtim);
}

absl::Status SyncDirectory(const std::string& path) {
  const Closer dir{open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (dir.fd < 0) return SystemError(errno, absl::StrCat("open ", path));
  if (fsync(dir.fd) != 0) return SystemError(errno, absl::StrCat("fsync ", path));
  return absl::OkStatus();
}

absl::Status WriteFileAtomically(const std::string& path,
                                 const std::string& content,
                                 unsigned mode) {
  const std::string temporary = absl::StrCat(path, ".mailquench-tmp");
  struct stat old {};
  const bool replaces = lstat(path.c_str(), &old) == 0;
  if (replaces && !S_ISREG(old.st_mode))
    return Error(absl::StatusCode::kFailedPrecondition, "NOT_A_REGULAR_FILE",
                 absl::StrCat(path, " is no regular file; it was left as it was"));
  if (!replaces && stat(Parent(path).c_str(), &old) != 0)
    return SystemError(errno, absl::StrCat("stat ", Parent(path)));
  unlink(temporary.c_str());  // Left by a crash.
  {
    const Closer file{
        open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (file.fd < 0) return SystemError(errno, absl::StrCat("create ", temporary));
    absl::Status status = WriteAll(file.fd, content, temporary);
    if (status.ok() && fchown(file.fd, old.st_uid, old.st_gid) != 0)
      status = SystemError(errno, absl::StrCat("chown ", temporary));
    if (status.ok() && fchmod(file.fd, replaces ? old.st_mode & 07777 : mode) != 0)
      status = SystemError(errno, absl::StrCat("chmod ", temporary));
    if (!status.ok()) {
      unlink(temporary.c_str());
      return status;
    }
  }
  MQ_FAULT_POINT(kWritten);
  if (rename(temporary.c_str(), path.c_str()) != 0)
    return SystemError(errno, absl::StrCat("rename ", temporary));
  return SyncDirectory(Parent(path));
}

absl::Status RemoveFile(const std::string& path) {
  if (unlink(path.c_str()) != 0) {
    if (errno == ENOENT) return absl::OkStatus();
    return SystemError(errno, absl::StrCat("unlink ", path));
  }
  return SyncDirectory(Parent(path));
}

absl::Status MakeDirectories(const std::string& path, unsigned mode) {
  if (mkdir(path.c_str(), mode) == 0) return SyncDirectory(Parent(path));
  if (errno == EEXIST) return absl::OkStatus();
  if (errno != ENOENT || path.empty()) return SystemError(errno, absl::StrCat("mkdir ", path));
  MQ_RETURN_IF_ERROR(MakeDirectories(Parent(path), 0755));
  if (mkdir(path.c_str(), mode) != 0 && errno != EEXIST)
    return SystemError(errno, absl::StrCat("mkdir ", path));
  return SyncDirectory(Parent(path));
}

absl::Status MakeStateFolder(const std::string& path) {
  return MakeDirectories(path, 0700);
}

}  // namespace mailquench::agent
