#include "agent/os/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "agent/os/files.h"
#include "agent/os/posix/parent.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {

FolderEntry::Kind KindOf(mode_t mode) {
  if (S_ISREG(mode)) return FolderEntry::Kind::kFile;
  if (S_ISDIR(mode)) return FolderEntry::Kind::kFolder;
  if (S_ISLNK(mode)) return FolderEntry::Kind::kLink;
  return FolderEntry::Kind::kOther;
}

absl::Status NoFolder(const std::string& path) {
  return Error(absl::StatusCode::kFailedPrecondition, "NOT_A_DIRECTORY",
               absl::StrCat(path, " is no folder, or a link to one; it was not opened"));
}
}  // namespace

absl::Status ForEachEntry(const std::string& path, const EntryVisitor& visit) {
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0 && (errno == ENOTDIR || errno == ELOOP)) return NoFolder(path);
  if (fd < 0) return SystemError(errno, absl::StrCat("open ", path));
  DIR* const dir = fdopendir(fd);
  if (dir == nullptr) {
    const int error = errno;
    close(fd);
    return SystemError(error, absl::StrCat("read ", path));
  }
  const absl::Cleanup closer = [dir] { closedir(dir); };
  while (true) {
    errno = 0;
    const dirent* const found = readdir(dir);
    if (found == nullptr)
      return errno == 0 ? absl::OkStatus() : SystemError(errno, absl::StrCat("read ", path));
    FolderEntry entry;
    entry.name = found->d_name;
    if (entry.name == "." || entry.name == "..") continue;
    struct stat info {};
    if (fstatat(dirfd(dir), found->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) continue;  // Removed meanwhile.
      return SystemError(errno, absl::StrCat("look at ", path, "/", entry.name));
    }
    entry.kind = KindOf(info.st_mode);
    entry.bytes = entry.kind == FolderEntry::Kind::kFile ? info.st_size : 0;
    entry.modified = absl::TimeFromTimespec(info.st_mtim);
    MQ_ASSIGN_OR_RETURN(const bool more, visit(entry));
    if (!more) return absl::OkStatus();
  }
}

absl::StatusOr<FileIdentity> IdentityOf(const std::string& path) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) return SystemError(errno, absl::StrCat("look at ", path));
  return FileIdentity{info.st_dev, info.st_ino};
}

absl::Status MoveEntry(const std::string& from, const std::string& to) {
  if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) != 0) {
    if (errno == EXDEV)
      return Error(
          absl::StatusCode::kFailedPrecondition, "OTHER_FILE_SYSTEM",
          absl::StrCat(to, " is on another file system than ", from, "; nothing was moved"));
    if (errno == EEXIST)
      return absl::AlreadyExistsError(
          absl::StrCat(to, " is there already; ", from, " was left where it was"));
    return SystemError(errno, absl::StrCat("rename ", from, " to ", to));
  }
  MQ_RETURN_IF_ERROR(SyncDirectory(Parent(to)));
  return Parent(from) == Parent(to) ? absl::OkStatus() : SyncDirectory(Parent(from));
}

absl::Status MakeFolderLike(const std::string& path, const std::string& model) {
  struct stat like {};
  if (lstat(model.c_str(), &like) != 0) return SystemError(errno, absl::StrCat("look at ", model));
  if (!S_ISDIR(like.st_mode)) return NoFolder(model);
  // Made under another name: under its own nobody sees it with other permissions.
  const std::string making = absl::StrCat(path, ".mailquench-tmp");
  rmdir(making.c_str());  // Left by a crash.
  if (mkdir(making.c_str(), 0700) != 0) return SystemError(errno, absl::StrCat("make ", making));
  const int fd = open(making.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  absl::Status status =
      fd < 0 ? SystemError(errno, absl::StrCat("open ", making)) : absl::OkStatus();
  if (status.ok() && fchown(fd, like.st_uid, like.st_gid) != 0)
    status = SystemError(errno, absl::StrCat("set the owner of ", making));
  if (status.ok() && fchmod(fd, like.st_mode & 07777) != 0)
    status = SystemError(errno, absl::StrCat("set the mode of ", making));
  if (status.ok() && fsync(fd) != 0) status = SystemError(errno, absl::StrCat("fsync ", making));
  if (fd >= 0) close(fd);
  if (status.ok()) status = MoveEntry(making, path);
  if (!status.ok()) rmdir(making.c_str());
  return status;
}

absl::Status RemoveFolder(const std::string& path) {
  if (rmdir(path.c_str()) == 0) return SyncDirectory(Parent(path));
  if (errno == ENOENT) return absl::OkStatus();
  if (errno == ENOTDIR) return NoFolder(path);
  if (errno == ENOTEMPTY || errno == EEXIST)
    return Error(absl::StatusCode::kFailedPrecondition, "NOT_EMPTY",
                 absl::StrCat(path, " is not empty; it was left as it was"));
  return SystemError(errno, absl::StrCat("remove ", path));
}

// One that is mounted on itself is not told; renaming it fails.
absl::StatusOr<std::string> MountedVolume(const std::string& path) {
  struct stat folder {
  }, parent{};
  if (lstat(path.c_str(), &folder) != 0 || !S_ISDIR(folder.st_mode)) return "";
  if (lstat((path + "/..").c_str(), &parent) != 0) return "";
  return folder.st_dev == parent.st_dev ? "" : path;
}

absl::StatusOr<std::int64_t> FreeBytes(const std::string& path) {
  struct statvfs info {};
  if (statvfs(path.c_str(), &info) != 0)
    return SystemError(errno, absl::StrCat("look at the file system of ", path));
  return static_cast<std::int64_t>(info.f_bavail) * static_cast<std::int64_t>(info.f_frsize);
}

absl::StatusOr<std::string> ReadHead(const std::string& path, std::size_t max_bytes) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return SystemError(errno, absl::StrCat("open ", path));
  const absl::Cleanup closer = [fd] { close(fd); };
  struct stat info {};
  if (fstat(fd, &info) != 0) return SystemError(errno, absl::StrCat("look at ", path));
  if (!S_ISREG(info.st_mode))
    return Error(absl::StatusCode::kFailedPrecondition, "NOT_A_REGULAR_FILE",
                 absl::StrCat(path, " is no regular file; it was not read"));
  std::string head;
  char buffer[16384];
  while (head.size() < max_bytes) {
    const ssize_t n = read(fd, buffer, std::min(sizeof buffer, max_bytes - head.size()));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return SystemError(errno, absl::StrCat("read ", path));
    if (n == 0) break;
    head.append(buffer, static_cast<std::size_t>(n));
  }
  return head;
}

absl::StatusOr<std::vector<NamedStream>> ReadStreams(const std::string& path, std::size_t) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) return SystemError(errno, absl::StrCat("look at ", path));
  return std::vector<NamedStream>();
}

}  // namespace mailquench::agent
