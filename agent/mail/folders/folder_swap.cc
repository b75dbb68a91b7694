#include "agent/mail/folders/folder_swap.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/mail/folders/check_time.h"
#include "agent/mail/folders/paths.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
MQ_DEFINE_FAULT_POINT(kRenamed, "folders.swap.renamed");
MQ_DEFINE_FAULT_POINT(kRefilled, "folders.swap.refilled");
MQ_DEFINE_FAULT_POINT(kOneByOne, "folders.swap.one_by_one");

// An empty folder that waits beside the place to take the original's: what can fail for want of
// room or rights fails before anything is moved.
std::string Fresh(const Item& item) {
  return item.place + ".new";
}

enum class Where { kMissing, kOriginal, kOther };

absl::StatusOr<Where> WhatIs(const std::string& path, const FileIdentity& original) {
  const absl::StatusOr<FileIdentity> now = IdentityOf(path);
  if (absl::IsNotFound(now.status())) return Where::kMissing;
  MQ_RETURN_IF_ERROR(now.status());
  return *now == original ? Where::kOriginal : Where::kOther;
}

bool IsBusy(const absl::Status& status) {
  // Windows says "access denied" where a file below a folder is open.
  return ReasonOf(status) == "SHARING_VIOLATION" || absl::IsPermissionDenied(status);
}
}  // namespace

struct FolderSwap::Pass {
  std::int64_t moved = 0, left = 0;
  absl::Status last;  // Why one was left.
};

absl::Status FolderSwap::Prepare(const Item& item, const FileIdentity& original) const {
  const std::string home = ParentOf(item.place);
  MQ_RETURN_IF_ERROR(MakePlace(home, disk_));
  MQ_ASSIGN_OR_RETURN(const FileIdentity there, IdentityOf(home));
  if (there.volume != original.volume && !IsInside(item.label))
    return Error(absl::StatusCode::kFailedPrecondition, "OTHER_FILE_SYSTEM",
                 absl::StrCat(item.path, " is on another volume than ", home));
  if (IsInside(item.label)) {
    const absl::Status made = MakeFolderLike(item.place, item.path);
    return absl::IsAlreadyExists(made) ? absl::OkStatus() : made;
  }
  MQ_RETURN_IF_ERROR(RemoveFolder(Fresh(item)));  // Left by a crash before the manifest.
  return MakeFolderLike(Fresh(item), item.path);
}

absl::Status FolderSwap::Take(const DirectoryIdentity& recorded, const Item& item) const {
  const FileIdentity original{recorded.device, recorded.inode};
  MQ_ASSIGN_OR_RETURN(const Where at_path, WhatIs(item.path, original));
  MQ_ASSIGN_OR_RETURN(const Where aside, WhatIs(item.place, original));
  if (aside == Where::kOriginal)
    return at_path == Where::kMissing ? Refill(item) : RemoveFolder(Fresh(item));
  if (at_path != Where::kOriginal)
    return Error(absl::StatusCode::kFailedPrecondition, "QUEUE_CHANGED",
                 absl::StrCat(item.path,
                              " was replaced by somebody else since this quarantine began; it "
                              "was left as it is, what was taken is in ",
                              ParentOf(item.place)));
  if (IsInside(item.label)) return OneByOne(item);
  // A place that is there already was made by a try that had to go file by file.
  if (aside == Where::kMissing) {
    MQ_ASSIGN_OR_RETURN(const bool renamed, Rename(item));
    if (renamed) {
      MQ_FAULT_POINT(kRenamed);
      return Refill(item);
    }
    MQ_RETURN_IF_ERROR(MakeFolderLike(item.place, item.path));
  }
  MQ_RETURN_IF_ERROR(OneByOne(item));
  return RemoveFolder(Fresh(item));
}

absl::Status FolderSwap::RefillTaken(const DirectoryIdentity& recorded, const Item& item) const {
  const FileIdentity original{recorded.device, recorded.inode};
  MQ_ASSIGN_OR_RETURN(const Where at_path, WhatIs(item.path, original));
  MQ_ASSIGN_OR_RETURN(const Where aside, WhatIs(item.place, original));
  return aside == Where::kOriginal && at_path == Where::kMissing ? Refill(item) : absl::OkStatus();
}

// Again and again while another program has it open, for busy_wait.
absl::Status FolderSwap::MoveWaiting(const std::string& from, const std::string& to) const {
  const absl::Time until = std::min(context_.deadline, absl::Now() + options_.busy_wait);
  for (;;) {
    absl::Status moved = disk_.move(from, to);
    if (moved.ok() || !IsBusy(moved) || absl::Now() >= until) return moved;
    absl::SleepFor(options_.between_tries);
  }
}

// False: another program has the folder, or a file in it, open and does not let go.
absl::StatusOr<bool> FolderSwap::Rename(const Item& item) const {
  const absl::Status moved = MoveWaiting(item.path, item.place);
  if (moved.ok()) return true;
  if (!IsBusy(moved)) return moved;
  context_.progress(
      absl::StrCat("another program has ", item.path, " open; its files are taken one by one"));
  return false;
}

absl::Status FolderSwap::Refill(const Item& item) const {
  absl::Status made = MakeFolderLike(Fresh(item), item.place);
  if (!made.ok() && !absl::IsAlreadyExists(made)) return made;
  MQ_RETURN_IF_ERROR(Prepend(MoveWaiting(Fresh(item), item.path),
                             absl::StrCat(item.path,
                                          " is set aside, and no empty folder could "
                                          "be put in its place yet; repeat")));
  MQ_FAULT_POINT(kRefilled);
  return absl::OkStatus();
}

absl::StatusOr<FolderSwap::Pass> FolderSwap::MoveEach(const Item& item) const {
  Pass pass;
  std::int64_t seen = 0;
  std::string root = item.path;
  if (IsInside(item.label)) {
    MQ_ASSIGN_OR_RETURN(const std::string volume, disk_.mounted(item.path));
    if (!volume.empty()) root = volume;
  }
  MQ_RETURN_IF_ERROR(disk_.for_each(root, [&](const FolderEntry& entry) -> absl::StatusOr<bool> {
    if (entry.name == kQuarantines && IsInside(item.label)) return true;
    if (++seen % 256 == 0) MQ_RETURN_IF_ERROR(CheckTime(context_));
    const absl::Status one =
        disk_.move(JoinPath(item.path, entry.name), JoinPath(item.place, entry.name));
    if (one.ok()) {
      ++pass.moved;
      MQ_FAULT_POINT(kOneByOne);
    } else if (IsBusy(one) || absl::IsAlreadyExists(one) || absl::IsNotFound(one)) {
      // "Not found": gone meanwhile, or of a name that cannot be opened; the next look tells.
      ++pass.left;
      pass.last = one;
    } else {
      return one;
    }
    return true;
  }));
  return pass;
}

// Nobody may start the service while it would find spam there again.
absl::Status FolderSwap::OneByOne(const Item& item) const {
  absl::Time until = absl::InfiniteFuture();
  std::int64_t moved = 0;
  for (;;) {
    MQ_ASSIGN_OR_RETURN(const Pass pass, MoveEach(item));
    moved += pass.moved;
    if (pass.left == 0) return absl::OkStatus();
    const bool again = until != absl::InfiniteFuture();
    if (!again) until = std::min(context_.deadline, absl::Now() + options_.busy_wait);
    if (again && absl::Now() >= until)
      return Error(absl::StatusCode::kAborted, "QUEUE_BUSY",
                   absl::StrCat(pass.left, " files of ", item.path,
                                " could not be moved and were left in place, ", moved,
                                " were set aside in ", item.place,
                                "; another program has them "
                                "open, or their names cannot be used (",
                                pass.last.message(),
                                "); the service would take them up again: end that program, or "
                                "move them by hand, then repeat"));
    absl::SleepFor(options_.between_tries);
  }
}

}  // namespace mailquench::agent
