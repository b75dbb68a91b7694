#include "agent/quarantine/swap.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/os/files.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
MQ_DEFINE_FAULT_POINT(kPrepare, "quarantine.swap.prepare");
MQ_DEFINE_FAULT_POINT(kManifest, "quarantine.swap.manifest");
MQ_DEFINE_FAULT_POINT(kExchange, "quarantine.swap.exchange");
MQ_DEFINE_FAULT_POINT(kFallback, "quarantine.swap.fallback");
MQ_DEFINE_FAULT_POINT(kSync, "quarantine.swap.sync");
MQ_DEFINE_FAULT_POINT(kComplete, "quarantine.swap.complete");

constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

struct Directory {
  explicit Directory(int descriptor) : fd(descriptor) {}
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() {
    if (fd >= 0) close(fd);
  }
  int fd;
};

absl::Status Refuse(const std::string& reason, const std::string& sentence) {
  return Error(absl::StatusCode::kFailedPrecondition, reason, sentence);
}

// Access lists are part of what a directory admits; a file system without them has none to copy.
void CopyAccessLists(int from, int to) {
  for (const char* name : {"system.posix_acl_access", "system.posix_acl_default"}) {
    char value[4096];
    const ssize_t size = fgetxattr(from, name, value, sizeof value);
    if (size > 0) (void)fsetxattr(to, name, value, static_cast<std::size_t>(size), 0);
  }
}

// Makes `name` as an empty directory with the given owner and mode, and `like`'s access lists where
// that is >= 0.
absl::Status MakeEmpty(
    int parent, const std::string& name, unsigned owner, unsigned group, unsigned mode, int like) {
  // Left by a crash before the manifest: empty, or else rmdir refuses and nothing is lost.
  if (unlinkat(parent, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT)
    return SystemError(errno, absl::StrCat("remove the empty directory ", name));
  if (mkdirat(parent, name.c_str(), 0700) != 0)
    return SystemError(errno, absl::StrCat("mkdir ", name));
  const Directory made(openat(parent, name.c_str(), kDirectoryFlags));
  if (made.fd < 0) return SystemError(errno, absl::StrCat("open ", name));
  if (fchown(made.fd, owner, group) != 0) return SystemError(errno, absl::StrCat("chown ", name));
  if (like >= 0) CopyAccessLists(like, made.fd);
  if (fchmod(made.fd, mode) != 0) return SystemError(errno, absl::StrCat("chmod ", name));
  return absl::OkStatus();
}

absl::Status MakeEmptyLike(int parent, const std::string& name, int like) {
  struct stat model {};
  if (fstat(like, &model) != 0) return SystemError(errno, absl::StrCat("stat ", name));
  return MakeEmpty(parent, name, model.st_uid, model.st_gid, model.st_mode & 07777, like);
}

// Empty directories in `folder` beside the manifest that says which ones they are to be exchanged
// with.
absl::StatusOr<Manifest> Prepare(const SwapRequest& request, int root, int folder) {
  Manifest manifest = request.manifest;
  manifest.complete = false;
  manifest.originals.clear();
  struct stat place {};
  if (fstat(folder, &place) != 0) return SystemError(errno, absl::StrCat("stat ", request.folder));
  for (std::size_t i = 0; i < request.directories.size(); ++i) {
    const std::string& name = request.directories[i];
    const std::string path = absl::StrCat(request.root, "/", name);
    Directory original(openat(root, name.c_str(), kDirectoryFlags));
    if (original.fd < 0 && errno == ENOENT) {
      const SwapRequest::Fallback& own = request.fallbacks[i];
      MQ_RETURN_IF_ERROR(MakeEmpty(root, name, own.owner, own.group, own.mode, -1));
      original.fd = openat(root, name.c_str(), kDirectoryFlags);
    }
    if (original.fd < 0 && (errno == ENOTDIR || errno == ELOOP)) {
      return Refuse(
          "NOT_A_DIRECTORY",
          absl::StrCat(path, " is a link or no directory; nothing was moved, look at it by hand"));
    }
    struct stat now {};
    if (original.fd < 0 || fstat(original.fd, &now) != 0)
      return SystemError(errno, absl::StrCat("open ", path));
    if (now.st_dev != place.st_dev) {
      return Refuse("OTHER_FILE_SYSTEM",
                    absl::StrCat(path, " is on another file system than ", request.folder,
                                 "; nothing was moved, use a selective quarantine"));
    }
    MQ_RETURN_IF_ERROR(MakeEmptyLike(folder, name, original.fd));
    manifest.originals.push_back({name, now.st_dev, now.st_ino});
  }
  MQ_FAULT_POINT(kPrepare);
  MQ_RETURN_IF_ERROR(WriteManifest(request.folder, manifest));
  return manifest;
}

bool Is(int parent, const DirectoryIdentity& identity, bool* missing = nullptr) {
  struct stat now {};
  const int result = fstatat(parent, identity.name.c_str(), &now, AT_SYMLINK_NOFOLLOW);
  if (missing != nullptr) *missing = result != 0 && errno == ENOENT;
  return result == 0 && now.st_dev == identity.device && now.st_ino == identity.inode;
}

// Puts an empty directory where the one that is now aside was. It is made aside and then moved in,
// so that whatever stands there has its owner and mode, also after a crash.
absl::Status Refill(int root, int folder, const std::string& name) {
  const Directory moved(openat(folder, name.c_str(), kDirectoryFlags));
  if (moved.fd < 0) return SystemError(errno, absl::StrCat("open ", name));
  const std::string fresh = absl::StrCat(name, ".empty");
  MQ_RETURN_IF_ERROR(MakeEmptyLike(folder, fresh, moved.fd));
  if (renameat(folder, fresh.c_str(), root, name.c_str()) != 0)
    return SystemError(errno, absl::StrCat("move the empty directory ", name, " into place"));
  return absl::OkStatus();
}

// Where the file system knows no exchange: two steps, and for a moment there is no directory.
absl::Status RenameAndRemake(int root, int folder, const std::string& name) {
  if (renameat(root, name.c_str(), folder, name.c_str()) != 0)
    return SystemError(errno, absl::StrCat("rename ", name));
  MQ_FAULT_POINT(kFallback);
  return Refill(root, folder, name);
}

absl::Status SwapOne(const SwapRequest& request,
                     int root,
                     int folder,
                     const DirectoryIdentity& original) {
  bool missing = false;
  const bool in_place = Is(root, original, &missing);
  const bool aside = Is(folder, original);
  if (!in_place && !aside) {
    return Refuse("QUEUE_CHANGED",
                  absl::StrCat(request.root, "/", original.name,
                               " was replaced by somebody else since this "
                               "quarantine began; it was left as it is, what was moved is in ",
                               request.folder));
  }
  const std::string& name = original.name;
  if (aside) {
    return missing ? Refill(root, folder, name) : absl::OkStatus();
  }
  if (request.can_exchange) {
    if (renameat2(root, name.c_str(), folder, name.c_str(), RENAME_EXCHANGE) == 0)
      return absl::OkStatus();
    if (errno != EINVAL && errno != ENOSYS)
      return SystemError(errno, absl::StrCat("exchange ", request.root, "/", name));
  }
  return RenameAndRemake(root, folder, name);
}

}  // namespace

absl::StatusOr<Manifest> SwapDirectories(const SwapRequest& request, absl::Duration* swap_time) {
  *swap_time = absl::ZeroDuration();
  if (request.fallbacks.size() != request.directories.size())
    return absl::InvalidArgumentError("a fallback is wanted for every directory");
  MQ_RETURN_IF_ERROR(MakeDirectories(request.folder, 0700));
  const Directory root(open(request.root.c_str(), kDirectoryFlags));
  if (root.fd < 0) return SystemError(errno, absl::StrCat("open ", request.root));
  const Directory folder(open(request.folder.c_str(), kDirectoryFlags));
  if (folder.fd < 0) return SystemError(errno, absl::StrCat("open ", request.folder));

  absl::StatusOr<Manifest> manifest = ReadManifest(request.folder);
  if (absl::IsNotFound(manifest.status())) manifest = Prepare(request, root.fd, folder.fd);
  if (!manifest.ok() || manifest->complete) return manifest;
  if (!manifest->location.empty() || !manifest->leaving.empty())
    return Refuse("QUARANTINE_MOVED",
                  absl::StrCat(request.folder,
                               " was moved before all was in it; the queue was left as it is, what "
                               "was set aside is whole, begin another quarantine"));
  MQ_FAULT_POINT(kManifest);

  const absl::Time begin = absl::Now();
  for (const DirectoryIdentity& original : manifest->originals) {
    MQ_RETURN_IF_ERROR(SwapOne(request, root.fd, folder.fd, original));
    MQ_FAULT_POINT(kExchange);
  }
  MQ_FAULT_POINT(kSync);
  if (fsync(folder.fd) != 0) return SystemError(errno, absl::StrCat("fsync ", request.folder));
  if (fsync(root.fd) != 0) return SystemError(errno, absl::StrCat("fsync ", request.root));
  *swap_time = absl::Now() - begin;
  MQ_FAULT_POINT(kComplete);
  manifest->complete = true;
  MQ_RETURN_IF_ERROR(WriteManifest(request.folder, *manifest));
  return manifest;
}

}  // namespace mailquench::agent
