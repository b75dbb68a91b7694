#include "agent/quarantine/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
MQ_DEFINE_FAULT_POINT(kCopied, "quarantine.move.copy");
MQ_DEFINE_FAULT_POINT(kRemoved, "quarantine.move.remove");

constexpr int kFileFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
constexpr int kMaxDepth = 32;
constexpr std::size_t kSyncAtOnce = 64;

using Dir = std::unique_ptr<DIR, int (*)(DIR*)>;
// Name, what lstat(2) says of it, depth below the tree.
using Visit = std::function<absl::Status(const std::string&, const struct stat&)>;

std::string Below(const std::string& path, const std::string& name) {
  return absl::StrCat(path, "/", name);
}

// All entries of an open folder, whose descriptor stays the caller's.
absl::Status ForEach(int folder,
                     const std::string& path,
                     const std::set<std::string>& without,
                     const StillTime& still_time,
                     const Visit& visit) {
  // Opened anew, since reading moves the offset that copies of a descriptor share.
  const int fd = openat(folder, ".", kFolderFlags);
  const Dir dir(fd < 0 ? nullptr : fdopendir(fd), closedir);
  if (dir == nullptr) {
    const int failed = errno;
    if (fd >= 0) close(fd);
    return SystemError(failed, absl::StrCat("read ", path));
  }
  for (;;) {
    errno = 0;
    const dirent* entry = readdir(dir.get());
    if (entry == nullptr) {
      if (errno == 0) return absl::OkStatus();
      return SystemError(errno, absl::StrCat("read ", path));
    }
    const std::string name = entry->d_name;
    if (name == "." || name == ".." || without.count(name) != 0) continue;
    struct stat info {};
    if (fstatat(folder, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) continue;
      return SystemError(errno, absl::StrCat("stat ", Below(path, name)));
    }
    MQ_RETURN_IF_ERROR(still_time());
    MQ_RETURN_IF_ERROR(visit(name, info));
  }
}

absl::StatusOr<int> OpenFolder(int parent, const std::string& path, const std::string& name) {
  const int fd = openat(parent, name.c_str(), kFolderFlags);
  if (fd < 0) return SystemError(errno, absl::StrCat("open ", Below(path, name)));
  return fd;
}

absl::Status TooDeep(const std::string& path) {
  return Error(
      absl::StatusCode::kFailedPrecondition, "TOO_DEEP",
      absl::StrCat(path, " is nested deeper than any queue; look at it by hand, then repeat"));
}

absl::Status Measure(int folder,
                     const std::string& path,
                     const std::set<std::string>& without,
                     const StillTime& still_time,
                     int depth,
                     TreeSize& size) {
  if (depth > kMaxDepth) return TooDeep(path);
  return ForEach(folder, path, without, still_time,
                 [&](const std::string& name, const struct stat& info) -> absl::Status {
                   if (!S_ISDIR(info.st_mode)) {
                     ++size.files;
                     size.bytes += S_ISREG(info.st_mode) ? info.st_size : 0;
                     return absl::OkStatus();
                   }
                   ++size.folders;
                   MQ_ASSIGN_OR_RETURN(const int below, OpenFolder(folder, path, name));
                   const absl::Cleanup closer = [below] { close(below); };
                   return Measure(below, Below(path, name), {}, still_time, depth + 1, size);
                 });
}

absl::Status Keep(int fd, const struct stat& info, const std::string& path) {
  if (fchown(fd, info.st_uid, info.st_gid) != 0)
    return SystemError(errno, absl::StrCat("chown ", path));
  // After the owner: chown(2) takes set-id bits away.
  if (fchmod(fd, info.st_mode & 07777) != 0)
    return SystemError(errno, absl::StrCat("chmod ", path));
  const timespec times[2] = {info.st_atim, info.st_mtim};
  if (futimens(fd, times) != 0) return SystemError(errno, absl::StrCat("set the time of ", path));
  return absl::OkStatus();
}

// The copy of one tree on its way: files are synced some at a time, so that the disk may write them
// together.
class Copy {
 public:
  Copy(const StillTime& still_time, const std::function<void(std::int64_t)>& copied)
      : still_time_(still_time), copied_(copied) {}
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;
  ~Copy() {
    for (const auto& [fd, path] : unsynced_) close(fd);
  }

  absl::Status Folder(
      int from, int to, const std::string& path, const std::set<std::string>& without, int depth) {
    if (depth > kMaxDepth) return TooDeep(path);
    return ForEach(from, path, without, still_time_,
                   [&](const std::string& name, const struct stat& info) -> absl::Status {
                     if (S_ISDIR(info.st_mode)) return SubFolder(from, to, path, name, depth);
                     if (S_ISREG(info.st_mode)) {
                       MQ_RETURN_IF_ERROR(File(from, to, path, name));
                     } else {
                       MQ_RETURN_IF_ERROR(Special(from, to, path, name, info));
                     }
                     MQ_FAULT_POINT(kCopied);
                     return absl::OkStatus();
                   });
  }

  absl::Status Sync() {
    for (const auto& [fd, path] : unsynced_)
      (void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);  // Only lets the disk begin early.
    for (const auto& [fd, path] : unsynced_)
      if (fsync(fd) != 0) return SystemError(errno, absl::StrCat("fsync the copy of ", path));
    for (const auto& [fd, path] : unsynced_) close(fd);
    unsynced_.clear();
    return absl::OkStatus();
  }

 private:
  absl::Status SubFolder(
      int from, int to, const std::string& path, const std::string& name, int depth) {
    MQ_ASSIGN_OR_RETURN(const int source, OpenFolder(from, path, name));
    const absl::Cleanup close_source = [source] { close(source); };
    struct stat info {};
    if (fstat(source, &info) != 0)
      return SystemError(errno, absl::StrCat("stat ", Below(path, name)));
    if (mkdirat(to, name.c_str(), 0700) != 0)
      return SystemError(errno, absl::StrCat("make the copy of ", Below(path, name)));
    MQ_ASSIGN_OR_RETURN(const int target, OpenFolder(to, "the copy of " + path, name));
    const absl::Cleanup close_target = [target] { close(target); };
    MQ_RETURN_IF_ERROR(Folder(source, target, Below(path, name), {}, depth + 1));
    MQ_RETURN_IF_ERROR(Keep(target, info, Below(path, name)));
    if (fsync(target) != 0)
      return SystemError(errno, absl::StrCat("fsync the copy of ", Below(path, name)));
    return absl::OkStatus();
  }

  absl::Status File(int from, int to, const std::string& path, const std::string& name) {
    const int source = openat(from, name.c_str(), kFileFlags);
    if (source < 0) return SystemError(errno, absl::StrCat("open ", Below(path, name)));
    const absl::Cleanup close_source = [source] { close(source); };
    const absl::StatusOr<int> target = CopyFile(source, to, name);
    if (!target.ok()) return Prepend(target.status(), absl::StrCat("copy ", Below(path, name)));
    unsynced_.emplace_back(*target, Below(path, name));
    const off_t size = lseek(*target, 0, SEEK_END);
    if (size > 0) copied_(bytes_ += size);
    return unsynced_.size() >= kSyncAtOnce ? Sync() : absl::OkStatus();
  }

  // A planted link or pipe is no message, but it is evidence: it is taken along as what it is.
  static absl::Status Special(
      int from, int to, const std::string& path, const std::string& name, const struct stat& info) {
    int made = -1;
    if (S_ISLNK(info.st_mode)) {
      char value[4096];
      const ssize_t length = readlinkat(from, name.c_str(), value, sizeof value - 1);
      if (length < 0) return SystemError(errno, absl::StrCat("read the link ", Below(path, name)));
      value[length] = '\0';
      made = symlinkat(value, to, name.c_str());
    } else if (S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode)) {
      made = mknodat(to, name.c_str(), info.st_mode, 0);
    } else {
      return Error(
          absl::StatusCode::kFailedPrecondition, "STRANGE_FILE",
          absl::StrCat(Below(path, name), " is a device; look at it by hand, then repeat"));
    }
    if (made != 0) return SystemError(errno, absl::StrCat("make the copy of ", Below(path, name)));
    const timespec times[2] = {info.st_atim, info.st_mtim};
    if (fchownat(to, name.c_str(), info.st_uid, info.st_gid, AT_SYMLINK_NOFOLLOW) != 0 ||
        utimensat(to, name.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0)
      return SystemError(errno, absl::StrCat("give the copy its owner: ", Below(path, name)));
    return absl::OkStatus();
  }

  const StillTime& still_time_;
  const std::function<void(std::int64_t)>& copied_;
  std::vector<std::pair<int, std::string>> unsynced_;
  std::int64_t bytes_ = 0;
};

absl::Status Compare(int from,
                     int copy,
                     const std::string& path,
                     const std::set<std::string>& without,
                     const StillTime& still_time) {
  return ForEach(
      from, path, without, still_time,
      [&](const std::string& name, const struct stat& info) -> absl::Status {
        struct stat other {};
        const bool there = fstatat(copy, name.c_str(), &other, AT_SYMLINK_NOFOLLOW) == 0;
        const bool folder = S_ISDIR(info.st_mode);
        if (!there || info.st_mode != other.st_mode || info.st_uid != other.st_uid ||
            info.st_gid != other.st_gid ||
            (!folder &&
             (info.st_size != other.st_size || info.st_mtim.tv_sec != other.st_mtim.tv_sec ||
              info.st_mtim.tv_nsec != other.st_mtim.tv_nsec)))
          return Error(absl::StatusCode::kAborted, "QUARANTINE_CHANGED",
                       absl::StrCat(Below(path, name),
                                    " changed while it was copied, or the file system of the copy "
                                    "cannot keep owner, mode or time"));
        if (!folder) return absl::OkStatus();
        MQ_ASSIGN_OR_RETURN(const int source, OpenFolder(from, path, name));
        const absl::Cleanup close_source = [source] { close(source); };
        MQ_ASSIGN_OR_RETURN(const int target, OpenFolder(copy, "the copy of " + path, name));
        const absl::Cleanup close_target = [target] { close(target); };
        return Compare(source, target, Below(path, name), {}, still_time);
      });
}

absl::Status Empty(int folder,
                   const std::string& path,
                   const std::set<std::string>& without,
                   const StillTime& still_time) {
  return ForEach(folder, path, without, still_time,
                 [&](const std::string& name, const struct stat& info) -> absl::Status {
                   if (S_ISDIR(info.st_mode)) {
                     MQ_ASSIGN_OR_RETURN(const int below, OpenFolder(folder, path, name));
                     const absl::Cleanup closer = [below] { close(below); };
                     MQ_RETURN_IF_ERROR(Empty(below, Below(path, name), {}, still_time));
                   }
                   const int flags = S_ISDIR(info.st_mode) ? AT_REMOVEDIR : 0;
                   if (unlinkat(folder, name.c_str(), flags) != 0 && errno != ENOENT)
                     return SystemError(errno, absl::StrCat("remove ", Below(path, name)));
                   if (flags == 0) MQ_FAULT_POINT(kRemoved);
                   return absl::OkStatus();
                 });
}

absl::Status CopyContent(int from, int to) {
  std::vector<char> buffer(std::size_t{256} * 1024);
  for (;;) {
    const ssize_t got = read(from, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SystemError(errno, "read");
    if (got == 0) return absl::OkStatus();
    for (ssize_t done = 0; done < got;) {
      const ssize_t put = write(to, buffer.data() + done, static_cast<std::size_t>(got - done));
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return SystemError(errno, "write the copy");
      done += put;
    }
  }
}

}  // namespace

absl::StatusOr<TreeSize> MeasureTree(const Tree& tree, const StillTime& still_time) {
  TreeSize size;
  MQ_RETURN_IF_ERROR(Measure(tree.fd, tree.path, tree.without, still_time, 0, size));
  return size;
}

absl::StatusOr<int> CopyFile(int from, int folder, const std::string& name) {
  struct stat info {};
  if (fstat(from, &info) != 0) return SystemError(errno, "stat");
  // It was a file when it was listed; what stands there now may be anything.
  if (!S_ISREG(info.st_mode))
    return Error(absl::StatusCode::kAborted, "QUARANTINE_CHANGED", "it is no file any more");
  const int target =
      openat(folder, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (target < 0) return SystemError(errno, "create the copy");
  absl::Status status = CopyContent(from, target);
  if (status.ok()) status = Keep(target, info, "the copy");
  if (status.ok()) return target;
  close(target);
  (void)unlinkat(folder, name.c_str(), 0);
  return status;
}

absl::Status CopyTree(const Tree& from,
                      const Tree& to,
                      const StillTime& still_time,
                      const std::function<void(std::int64_t)>& copied) {
  Copy copy(still_time, copied);
  MQ_RETURN_IF_ERROR(copy.Folder(from.fd, to.fd, from.path, from.without, 0));
  MQ_RETURN_IF_ERROR(copy.Sync());
  if (fsync(to.fd) != 0) return SystemError(errno, absl::StrCat("fsync ", to.path));
  return absl::OkStatus();
}

absl::Status CompareTrees(const Tree& from, const Tree& copy, const StillTime& still_time) {
  return Compare(from.fd, copy.fd, from.path, from.without, still_time);
}

absl::Status EmptyTree(const Tree& tree, const StillTime& still_time) {
  return Empty(tree.fd, tree.path, tree.without, still_time);
}

}  // namespace mailquench::agent
