#include "agent/antivirus/clamav/file_walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/antivirus/antivirus.h"
#include "common/status/error.h"

namespace mailquench::agent::clamav {
namespace {
constexpr int kFolder = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
constexpr int kFile = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
constexpr int kDeepest = 200;  // A folder each is held open.
constexpr std::size_t kMostStrange = 10;

// "" of a local file system that holds files; the numbers are those of linux/magic.h and statfs(2).
const char* StrangeKind(std::int64_t type) {
  switch (static_cast<std::uint32_t>(type)) {
    case 0x6969:
      return "nfs";
    case 0x517b:
    case 0xfe534d42:
    case 0xff534d42:
      return "smb";
    case 0x01021997:
      return "9p";
    case 0x00c36400:
      return "ceph";
    case 0x5346414f:
    case 0x6b414653:
      return "afs";
    case 0x73757245:
      return "coda";
    case 0x65735546:
      return "fuse";
    case 0x0187:
      return "autofs";
    case 0x9fa0:
      return "proc";
    case 0x62656572:
      return "sysfs";
    case 0x27e0eb:
    case 0x63677270:
      return "cgroup";
    case 0x1cd1:
    case 0x64626720:
    case 0x74726163:
    case 0x73636673:
    case 0xcafe4a11:
    case 0x6165676c:
    case 0xde5e81e4:
    case 0x62656570:
    case 0x958458f6:
    case 0x19800202:
    case 0x6e736673:
    case 0x42494e4d:
      return "no files";
    default:
      return "";
  }
}
}  // namespace

OpenFile::~OpenFile() {
  if (fd_ >= 0) close(fd_);
}

FileWalk::FileWalk(const std::vector<std::string>& left_out, WalkVisitor visitor)
    : visitor_(std::move(visitor)) {
  for (const std::string& path : left_out) {
    struct stat info {};
    if (stat(path.c_str(), &info) == 0) left_out_.emplace(info.st_dev, info.st_ino);
  }
}

absl::Status FileWalk::Walk(const std::string& root) {
  OpenFile at(open("/", kFolder));
  const std::vector<std::string> parts = absl::StrSplit(root, '/', absl::SkipEmpty());
  struct stat info {};
  if (fstat(at.get(), &info) != 0) return SystemError(errno, absl::StrCat("open ", root));
  for (std::size_t i = 0; i < parts.size(); ++i) {
    struct stat next {};
    if (fstatat(at.get(), parts[i].c_str(), &next, AT_SYMLINK_NOFOLLOW) != 0)
      return SystemError(errno, absl::StrCat("open ", Shown(root, kMaxPath)));
    if (S_ISLNK(next.st_mode))
      return Error(
          absl::StatusCode::kFailedPrecondition, "IS_LINK",
          absl::StrCat(Shown(root, kMaxPath), " is, or leads through, a link at '", Shown(parts[i]),
                       "'; nothing of it was read; give the path that it leads to"));
    if (S_ISREG(next.st_mode) && i + 1 == parts.size()) {
      std::string path = root.substr(0, root.rfind('/'));
      return Entry(at.get(), parts[i].c_str(), path, next.st_dev, 0);
    }
    OpenFile folder(openat(at.get(), parts[i].c_str(), kFolder));
    if (folder.get() < 0 || fstat(folder.get(), &info) != 0)
      return SystemError(errno, absl::StrCat("open ", Shown(root, kMaxPath)));
    at = std::move(folder);
  }
  std::string path = root == "/" ? "" : root;
  return Enter(std::move(at), path, info.st_dev, 0);
}

bool FileWalk::MayEnter(int folder, const struct stat& info, const std::string& path) {
  if (left_out_.count({info.st_dev, info.st_ino}) != 0) {
    NotEntered(path);
    return false;
  }
  struct statfs system {};
  const char* kind = fstatfs(folder, &system) == 0
                         ? StrangeKind(static_cast<std::int64_t>(system.f_type))
                         : "unknown";
  // Devices are on a file system of the same kind as /dev/shm, which holds files.
  if (*kind == '\0' && path == "/dev") kind = "devices";
  if (*kind == '\0') return true;
  NotEntered(path);
  if (strange_.size() < kMostStrange)
    strange_.push_back(absl::StrCat(Shown(path, kMaxPath), " (", kind, ")"));
  return false;
}

void FileWalk::NotEntered(const std::string& path) {
  if (not_entered_.size() < kMaxNotEntered && path.size() <= kMaxPath)
    not_entered_.push_back(Shown(path, kMaxPath));
  else
    not_entered_cut_ = true;
}

absl::Status FileWalk::Enter(OpenFile folder, std::string& path, dev_t device, int depth) {
  const int fd = folder.get();
  const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(copy < 0 ? nullptr : fdopendir(copy), closedir);
  if (dir == nullptr) {
    if (copy >= 0) close(copy);
    visitor_.unread(path, std::strerror(errno));
    return absl::OkStatus();
  }
  for (;;) {
    errno = 0;
    const dirent* next = readdir(dir.get());
    if (next == nullptr) {
      if (errno != 0) visitor_.unread(path, std::strerror(errno));
      return absl::OkStatus();
    }
    const char* name = next->d_name;
    if (std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0) continue;
    if (next->d_type != DT_DIR && next->d_type != DT_REG && next->d_type != DT_UNKNOWN) continue;
    MQ_RETURN_IF_ERROR(Entry(fd, name, path, device, depth));
  }
}

absl::Status FileWalk::Entry(
    int folder, const char* name, std::string& path, dev_t device, int depth) {
  const std::size_t before = path.size();
  absl::StrAppend(&path, "/", name);
  const auto ended = [&](absl::Status status) {
    path.resize(before);
    return status;
  };
  struct stat info {};
  if (fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno != ENOENT) visitor_.unread(path, std::strerror(errno));
    return ended(absl::OkStatus());
  }
  if (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) return ended(absl::OkStatus());
  const bool is_folder = S_ISDIR(info.st_mode);
  if (is_folder && depth >= kDeepest) {
    visitor_.unread(path, "too many folders in folders");
    return ended(absl::OkStatus());
  }
  // Looked at first, since opening one would mount what is to be mounted there.
  if (is_folder && info.st_dev != device) {
    const OpenFile look(openat(folder, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (look.get() < 0) {
      if (errno != ENOENT) visitor_.unread(path, std::strerror(errno));
      return ended(absl::OkStatus());
    }
    if (!MayEnter(look.get(), info, path)) return ended(absl::OkStatus());
  }
  OpenFile file(openat(folder, name, is_folder ? kFolder : kFile));
  if (file.get() < 0 || fstat(file.get(), &info) != 0) {
    if (errno != ENOENT) visitor_.unread(path, std::strerror(errno));
    return ended(absl::OkStatus());
  }
  if (is_folder) {
    if (info.st_dev == device && left_out_.count({info.st_dev, info.st_ino}) != 0) {
      NotEntered(path);
      return ended(absl::OkStatus());
    }
    return ended(Enter(std::move(file), path, info.st_dev, depth + 1));
  }
  if (!S_ISREG(info.st_mode)) return ended(absl::OkStatus());
  return ended(visitor_.file(path, std::move(file), info));
}

}  // namespace mailquench::agent::clamav
