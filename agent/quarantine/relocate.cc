#include "agent/quarantine/relocate.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/os/files.h"
#include "agent/quarantine/place.h"
#include "agent/quarantine/tree.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
MQ_DEFINE_FAULT_POINT(kPartial, "quarantine.move.partial");
MQ_DEFINE_FAULT_POINT(kSynced, "quarantine.move.synced");
MQ_DEFINE_FAULT_POINT(kUnnamed, "quarantine.move.unnamed");
MQ_DEFINE_FAULT_POINT(kRenamed, "quarantine.move.renamed");
MQ_DEFINE_FAULT_POINT(kSwitched, "quarantine.move.switched");
MQ_DEFINE_FAULT_POINT(kEmptied, "quarantine.move.emptied");

constexpr std::int64_t kKeepFree = std::int64_t{1} << 30;
constexpr absl::Duration kTellEvery = absl::Seconds(5);

struct Folder {
  Folder() = default;
  explicit Folder(int descriptor) : fd(descriptor) {}
  Folder(Folder&& other) noexcept : fd(std::exchange(other.fd, -1)) {}
  Folder& operator=(Folder&& other) noexcept {
    std::swap(fd, other.fd);
    return *this;
  }
  ~Folder() {
    if (fd >= 0) close(fd);
  }
  int fd = -1;
};

absl::Status Always() {
  return absl::OkStatus();
}

absl::Status RefuseMove(const std::string& reason, const std::string& sentence) {
  return Error(absl::StatusCode::kFailedPrecondition, reason,
               absl::StrCat(sentence, "; the quarantine was left where it is"));
}

std::string PartialName(const std::string& id) {
  return absl::StrCat(".", id, ".partial");
}

absl::StatusOr<std::int64_t> FreeBytes(int folder) {
  struct statvfs space {};
  if (fstatvfs(folder, &space) != 0) return SystemError(errno, "ask for the free space");
  return static_cast<std::int64_t>(space.f_bavail * space.f_frsize);
}

// Removes one entry whatever it is, with all below it.
absl::Status RemoveWhole(const Folder& parent,
                         const std::string& path,
                         const std::string& name,
                         const StillTime& still_time) {
  const std::string whole = absl::StrCat(path, "/", name);
  const Folder folder(openat(parent.fd, name.c_str(), kFolderFlags));
  if (folder.fd < 0) {
    if (errno == ENOENT) return absl::OkStatus();
    if (errno != ENOTDIR && errno != ELOOP) return SystemError(errno, absl::StrCat("open ", whole));
    if (unlinkat(parent.fd, name.c_str(), 0) != 0)
      return SystemError(errno, absl::StrCat("remove ", whole));
    return absl::OkStatus();
  }
  MQ_RETURN_IF_ERROR(EmptyTree({folder.fd, whole, {}}, still_time));
  if (unlinkat(parent.fd, name.c_str(), AT_REMOVEDIR) != 0)
    return SystemError(errno, absl::StrCat("remove ", whole));
  if (fsync(parent.fd) != 0) return SystemError(errno, absl::StrCat("fsync ", path));
  return absl::OkStatus();
}

class Mover {
 public:
  explicit Mover(const Relocation& relocation)
      : r_(relocation), to_home_(relocation.root == kHome) {}

  absl::Status Open() {
    MQ_ASSIGN_OR_RETURN(manifest_, ReadManifest(r_.home));
    if (!IsQuarantineId(manifest_.quarantine_id))
      return Error(absl::StatusCode::kDataLoss, "BAD_MANIFEST",
                   absl::StrCat(r_.home, "/manifest.json names no quarantine; nothing was moved"));
    target_ = to_home_ ? r_.home : absl::StrCat(r_.root, "/", manifest_.quarantine_id);
    home_ = Folder(open(r_.home.c_str(), kFolderFlags));
    if (home_.fd < 0) return SystemError(errno, absl::StrCat("open ", r_.home));
    return absl::OkStatus();
  }

  bool AlreadyThere() const { return PlaceOf(r_.home, manifest_) == target_; }

  absl::Status Measure() {
    MQ_ASSIGN_OR_RETURN(const int fd, OpenPlace(r_.home, manifest_));
    from_ = Folder(fd);
    MQ_ASSIGN_OR_RETURN(size_, MeasureTree(From(), r_.still_time));
    return absl::OkStatus();
  }

  absl::Status OpenTarget() {
    if (to_home_) {
      root_ = Folder(open(r_.home.c_str(), kFolderFlags));
    } else {
      root_ = Folder(open(r_.root.c_str(), kFolderFlags));
    }
    if (root_.fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
      return RefuseMove("NO_SUCH_DIRECTORY",
                        absl::StrCat(r_.root, " is no folder on this host: make it, or mount it"));
    struct stat info {};
    if (root_.fd < 0 || fstat(root_.fd, &info) != 0)
      return SystemError(errno, absl::StrCat("open ", r_.root));
    if (!to_home_ && (info.st_uid != geteuid() || (info.st_mode & 022) != 0))
      return RefuseMove("UNSAFE_DIRECTORY",
                        absl::StrCat("others than the agent may write to ", r_.root,
                                     ": give it to root, with mode 0700"));
    struct stat now {};
    if (fstat(from_.fd, &now) != 0) return SystemError(errno, "stat the quarantine");
    if (info.st_dev == now.st_dev)
      return RefuseMove("SAME_FILE_SYSTEM",
                        absl::StrCat(r_.root,
                                     " is on the file system that has the quarantine already, "
                                     "and a move would free nothing: mount another volume"));
    return absl::OkStatus();
  }

  // What stands at the target is a copy that was never in use, or is somebody else's.
  absl::Status CheckTaken() const {
    if (to_home_) return absl::OkStatus();
    struct stat info {};
    if (fstatat(root_.fd, manifest_.quarantine_id.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
      return absl::OkStatus();
    const auto other = ReadManifest(target_);
    if (S_ISDIR(info.st_mode) && other.ok() && other->quarantine_id == manifest_.quarantine_id &&
        other->create_time == manifest_.create_time)
      return absl::OkStatus();
    return RefuseMove("TARGET_TAKEN", absl::StrCat(target_,
                                                   " is there already and is not of this "
                                                   "quarantine: look at it by hand"));
  }

  absl::Status CheckRoom() const {
    struct statvfs space {};
    if (fstatvfs(root_.fd, &space) != 0)
      return SystemError(errno, absl::StrCat("ask for the free space of ", target_));
    const auto free = static_cast<std::int64_t>(space.f_bavail * space.f_frsize);
    // Where nothing is mounted at the root it is the system's own disk: never filled to the brim.
    const auto size = static_cast<std::int64_t>(space.f_blocks * space.f_frsize);
    const std::int64_t keep_free = to_home_ ? r_.keep_free : std::min(size / 20, kKeepFree);
    const std::int64_t wanted = size_.Room() + keep_free;
    if (free < wanted)
      return RefuseMove("NO_ROOM",
                        absl::StrCat("the move to ", target_, " needs ", wanted, " bytes there (",
                                     keep_free, " of them to stay free), and ", free, " are free"));
    const std::int64_t entries = size_.files + size_.folders + 2;
    if (space.f_files > 0 && static_cast<std::int64_t>(space.f_favail) < entries)
      return RefuseMove("NO_ROOM",
                        absl::StrCat("the move to ", target_, " needs ", entries,
                                     " inodes there, and ", space.f_favail, " are free"));
    return absl::OkStatus();
  }

  // Removes what an earlier move left at the target, or on its way home. `whole`: also a copy that
  // has its name already; it loses that first, so that one half removed is known for what it is.
  absl::Status ClearTarget(const StillTime& still_time, bool whole) {
    if (!manifest_.location.empty())
      MQ_RETURN_IF_ERROR(EmptyTree({home_.fd, r_.home, NamesAboutIt()}, still_time));
    if (to_home_) return absl::OkStatus();
    const std::string& id = manifest_.quarantine_id;
    const std::string partial = PartialName(id);
    MQ_RETURN_IF_ERROR(RemoveWhole(root_, r_.root, partial, still_time));
    if (!whole) return absl::OkStatus();
    if (renameat(root_.fd, id.c_str(), root_.fd, partial.c_str()) != 0)
      return errno == ENOENT ? absl::OkStatus()
                             : SystemError(errno, absl::StrCat("rename ", target_));
    MQ_FAULT_POINT(kUnnamed);
    return RemoveWhole(root_, r_.root, partial, still_time);
  }

  absl::Status MakeCopy() {
    absl::Time told = absl::Now();
    const auto tell = [&](std::int64_t bytes) {
      if (absl::Now() - told < kTellEvery) return;
      told = absl::Now();
      r_.progress(absl::StrCat(bytes, " of ", size_.bytes, " bytes copied to ", target_));
    };
    if (to_home_) {  // Nobody looks here before the manifest says so.
      const Tree to = {home_.fd, r_.home, NamesAboutIt()};
      MQ_FAULT_POINT(kPartial);
      MQ_RETURN_IF_ERROR(CopyTree(From(), to, r_.still_time, tell));
      MQ_FAULT_POINT(kSynced);
      return CompareTrees(From(), to, r_.still_time);
    }
    const std::string& id = manifest_.quarantine_id;
    const std::string partial = PartialName(id), path = absl::StrCat(r_.root, "/", partial);
    if (mkdirat(root_.fd, partial.c_str(), 0700) != 0)
      return SystemError(errno, absl::StrCat("mkdir ", path));
    const Folder folder(openat(root_.fd, partial.c_str(), kFolderFlags));
    if (folder.fd < 0) return SystemError(errno, absl::StrCat("open ", path));
    MQ_FAULT_POINT(kPartial);
    const Tree to = {folder.fd, path, {}};
    MQ_RETURN_IF_ERROR(CopyTree(From(), to, r_.still_time, tell));
    MQ_RETURN_IF_ERROR(CompareTrees(From(), to, r_.still_time));
    // For whoever finds it; the manifest beside the queue is the one that counts.
    Manifest there = manifest_;
    there.location = target_;
    there.leaving.clear();
    MQ_RETURN_IF_ERROR(WriteManifest(path, there));
    MQ_FAULT_POINT(kSynced);
    if (renameat2(root_.fd, partial.c_str(), root_.fd, id.c_str(), RENAME_NOREPLACE) != 0 &&
        ((errno != EINVAL && errno != ENOSYS) ||
         renameat(root_.fd, partial.c_str(), root_.fd, id.c_str()) != 0))
      return SystemError(errno, absl::StrCat("rename ", path));
    named_ = true;
    if (fsync(root_.fd) != 0) return SystemError(errno, absl::StrCat("fsync ", r_.root));
    MQ_FAULT_POINT(kRenamed);
    return absl::OkStatus();
  }

  // Nothing has changed but the copy. It goes, but not where somebody waits for the move to end:
  // the next move removes what is left of it first.
  absl::Status GiveUp(const absl::Status& why) {
    const std::string reason = ReasonOf(why);
    if (!named_ && (reason == "MADE_WAY" || reason == "CANCELLED" || reason == "DEADLINE"))
      return Prepend(why,
                     absl::StrCat("quarantine ", manifest_.quarantine_id,
                                  " was not moved and is whole in ", PlaceOf(r_.home, manifest_),
                                  "; what was copied to ", to_home_ ? r_.home : r_.root,
                                  " stays there until the move is repeated, which begins anew"));
    const absl::Status cleared = ClearTarget(Always, named_);
    const std::string left = absl::StrCat(
        "quarantine ", manifest_.quarantine_id, " was not moved and is whole in ",
        PlaceOf(r_.home, manifest_), ", its partial copy in ", to_home_ ? r_.home : r_.root,
        cleared.ok() ? " was removed" : " could NOT be removed");
    if (absl::IsResourceExhausted(why))
      return Error(absl::StatusCode::kResourceExhausted, "TARGET_FULL",
                   absl::StrCat(left, ": ", why.message(), "; make room, then repeat"));
    return Prepend(why, left);
  }

  // From here on the copy is the quarantine.
  absl::Status Switch() {
    const std::string before = manifest_.location;
    const std::string location = to_home_ ? "" : target_;
    const auto written = UpdateManifest(r_.home, [&](Manifest& manifest) {
      manifest.location = location;
      manifest.leaving = before.empty() ? kHome : before;
    });
    if (written.ok()) {
      manifest_ = *written;
      return absl::OkStatus();
    }
    // It may be written all the same, and only its sync have failed.
    const auto now = ReadManifest(r_.home);
    if (now.ok() && now->location == before) return GiveUp(written.status());
    return Prepend(
        written.status(),
        absl::StrCat("both copies of quarantine ", manifest_.quarantine_id, " are whole, in ",
                     before.empty() ? r_.home : before, " and ", target_, "; repeat the move"));
  }

  // Removes the originals of the move that was made last. `left` is told what place that was.
  absl::Status RemoveOriginals(std::string& left) {
    if (manifest_.leaving.empty()) return absl::OkStatus();
    left = Left();
    if (left == Place())
      return Error(absl::StatusCode::kDataLoss, "BAD_MANIFEST",
                   absl::StrCat(r_.home,
                                "/manifest.json wants the messages removed from where they "
                                "are; nothing was touched, look at the file by hand"));
    // Not before what names the copy is on the disk for sure.
    MQ_RETURN_IF_ERROR(SyncDirectory(r_.home));
    const absl::Status removed = RemoveFrom(left);
    if (!removed.ok())
      return Prepend(removed,
                     absl::StrCat("quarantine ", manifest_.quarantine_id, " is moved and whole in ",
                                  PlaceOf(r_.home, manifest_), ", but its originals in ", left,
                                  " are not all removed; repeat the move"));
    MQ_FAULT_POINT(kEmptied);
    MQ_ASSIGN_OR_RETURN(manifest_, UpdateManifest(r_.home, [](Manifest& m) { m.leaving.clear(); }));
    return absl::OkStatus();
  }

  absl::StatusOr<Relocated> Result(const std::string& from) {
    MQ_ASSIGN_OR_RETURN(const std::int64_t free, FreeBytes(root_.fd >= 0 ? root_.fd : from_.fd));
    return Relocated{manifest_, from, size_, free};
  }
  std::string Place() const { return PlaceOf(r_.home, manifest_); }
  std::string Left() const { return manifest_.leaving == kHome ? r_.home : manifest_.leaving; }
  const StillTime& still_time() const { return r_.still_time; }

 private:
  Tree From() const { return {from_.fd, PlaceOf(r_.home, manifest_), NamesAboutIt()}; }

  absl::Status RemoveFrom(const std::string& left) {
    if (manifest_.leaving == kHome) {
      MQ_RETURN_IF_ERROR(EmptyTree({home_.fd, r_.home, NamesAboutIt()}, r_.still_time));
      if (fsync(home_.fd) != 0) return SystemError(errno, absl::StrCat("fsync ", r_.home));
      return absl::OkStatus();
    }
    const std::size_t slash = left.rfind('/');
    if (slash == std::string::npos || left.substr(slash + 1) != manifest_.quarantine_id)
      return Error(absl::StatusCode::kDataLoss, "BAD_MANIFEST",
                   "the manifest names a place that is none of this quarantine");
    const std::string above = left.substr(0, slash);
    const Folder parent(open(above.c_str(), kFolderFlags));
    if (parent.fd < 0 && errno == ENOENT) return absl::OkStatus();
    if (parent.fd < 0) return SystemError(errno, absl::StrCat("open ", above));
    return RemoveWhole(parent, above, manifest_.quarantine_id, r_.still_time);
  }

  const Relocation& r_;
  const bool to_home_;
  Manifest manifest_;
  std::string target_;
  Folder home_, from_, root_;
  TreeSize size_;
  bool named_ = false;  // The copy has its name at the target.
};

}  // namespace

absl::StatusOr<Relocated> PreviewRelocation(const Relocation& relocation) {
  Mover mover(relocation);
  MQ_RETURN_IF_ERROR(mover.Open());
  MQ_RETURN_IF_ERROR(mover.Measure());
  if (mover.AlreadyThere()) return mover.Result(mover.Left());
  MQ_RETURN_IF_ERROR(mover.OpenTarget());
  MQ_RETURN_IF_ERROR(mover.CheckTaken());
  MQ_RETURN_IF_ERROR(mover.CheckRoom());
  return mover.Result(mover.Place());
}

absl::StatusOr<Relocated> Relocate(const Relocation& relocation) {
  Mover mover(relocation);
  MQ_RETURN_IF_ERROR(mover.Open());
  // First of all: originals are kept as long as the copy is not to be seen.
  MQ_RETURN_IF_ERROR(mover.Measure());
  std::string left;
  MQ_RETURN_IF_ERROR(mover.RemoveOriginals(left));
  if (mover.AlreadyThere()) return mover.Result(left);
  MQ_RETURN_IF_ERROR(mover.OpenTarget());
  MQ_RETURN_IF_ERROR(mover.CheckTaken());
  MQ_RETURN_IF_ERROR(mover.ClearTarget(mover.still_time(), true));
  MQ_RETURN_IF_ERROR(mover.CheckRoom());
  const absl::Status copied = mover.MakeCopy();
  if (!copied.ok()) return mover.GiveUp(copied);
  MQ_RETURN_IF_ERROR(mover.Switch());
  MQ_FAULT_POINT(kSwitched);
  MQ_RETURN_IF_ERROR(mover.RemoveOriginals(left));
  return mover.Result(left);
}

}  // namespace mailquench::agent
