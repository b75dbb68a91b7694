#include "agent/mail/exchange/borrowed_queue.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/mail/exchange/folder_files.h"
#include "agent/mail/exchange/set_aside.h"
#include "agent/mail/folders/paths.h"
#include "agent/os/files.h"
#include "agent/os/folder.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
MQ_DEFINE_FAULT_POINT(kCopied, "exchange.borrow.copied");
MQ_DEFINE_FAULT_POINT(kAside, "exchange.borrow.aside");
MQ_DEFINE_FAULT_POINT(kUsedOut, "exchange.borrow.used_out");
MQ_DEFINE_FAULT_POINT(kCopyIn, "exchange.borrow.copy_in");
MQ_DEFINE_FAULT_POINT(kBackOut, "exchange.borrow.back_out");
MQ_DEFINE_FAULT_POINT(kOwnBack, "exchange.borrow.back");

constexpr std::int64_t kLeastLeft = std::int64_t{1} << 30;

std::string Beside(const std::string& path, const std::string& name) {
  return Join(ParentOf(path), {"mailquench-isolated", name});
}
bool IsThere(const std::string& path) {
  return IdentityOf(path).ok();
}
}  // namespace

absl::Status BorrowedQueue::Move(const std::string& from, const std::string& to) const {
  const absl::Time until = absl::Now() + swap_.busy_wait;
  for (;;) {
    absl::Status moved = disk_.move(from, to);
    const bool busy = ReasonOf(moved) == "SHARING_VIOLATION" || absl::IsPermissionDenied(moved);
    if (!busy || absl::Now() >= until) return moved;
    absl::SleepFor(swap_.between_tries);
  }
}

absl::Status BorrowedQueue::Delete(const std::string& folder) const {
  const absl::Status emptied = EmptyFolder(folder, context_);
  if (absl::IsNotFound(emptied)) return absl::OkStatus();
  MQ_RETURN_IF_ERROR(emptied);
  return RemoveFolder(folder);
}

absl::Status BorrowedQueue::MakeCopy(const OpenQuarantine& open) const {
  for (const auto& [label, path] : folders_) {
    MQ_ASSIGN_OR_RETURN(const std::string volume, disk_.mounted(path));
    if (!volume.empty())
      return Error(absl::StatusCode::kFailedPrecondition, "OTHER_FILE_SYSTEM",
                   absl::StrCat(path,
                                " is where a volume is mounted, which cannot be renamed; nothing "
                                "was released; give Transport a folder below it"));
  }
  std::int64_t wanted = 0;
  for (const Item& item : open.items) {
    if (!absl::StartsWith(item.label, kQueueLabel) && !absl::StartsWith(item.label, kLogsLabel))
      continue;
    MQ_ASSIGN_OR_RETURN(const std::int64_t bytes, BytesIn(item.place));
    wanted += bytes;
  }
  MQ_ASSIGN_OR_RETURN(const std::int64_t free, FreeBytes(ParentOf(folders_[0].second)));
  if (free < wanted + kLeastLeft)
    return Error(absl::StatusCode::kFailedPrecondition, "NO_ROOM",
                 absl::StrCat("the database is opened as a copy, which needs ", wanted,
                              " bytes and 1 GiB beside ", folders_[0].second, ", where ", free,
                              " bytes are free; nothing was released; make room, then repeat"));
  for (const auto& [label, path] : folders_) {
    MQ_RETURN_IF_ERROR(MakeDirectories(Beside(path, ""), 0700));
    const std::string copy = Beside(path, label + ".copy");
    MQ_RETURN_IF_ERROR(Delete(copy));
    MQ_RETURN_IF_ERROR(MakeFolderLike(copy, path));
    for (const Item& item : open.items) {
      const std::string of = item.label.substr(0, item.label.find(kInside));
      // Both kinds of files lie in one folder where the server has only one for them.
      const bool here = of == label || (folders_.size() == 1 && of == kLogsLabel);
      if (here) MQ_RETURN_IF_ERROR(CopyFiles(item.place, copy, context_));
    }
  }
  MQ_FAULT_POINT(kCopied);
  return absl::OkStatus();
}

absl::Status BorrowedQueue::PutAside() const {
  for (const auto& [label, path] : folders_) {
    const std::string present = Beside(path, label + ".present");
    MQ_RETURN_IF_ERROR(Move(path, present));
    MQ_FAULT_POINT(kAside);
    MQ_RETURN_IF_ERROR(MakeFolderLike(path, present));
  }
  return absl::OkStatus();
}

absl::Status BorrowedQueue::PutIn() const {
  for (const auto& [label, path] : folders_) {
    const std::string used = Beside(path, label + ".used");
    MQ_RETURN_IF_ERROR(Delete(used));
    MQ_RETURN_IF_ERROR(Move(path, used));
    MQ_FAULT_POINT(kUsedOut);
    MQ_RETURN_IF_ERROR(Move(Beside(path, label + ".copy"), path));
    MQ_FAULT_POINT(kCopyIn);
    MQ_RETURN_IF_ERROR(Delete(used));
  }
  return absl::OkStatus();
}

absl::Status BorrowedQueue::PutBack(bool keep, std::string* kept) const {
  for (const auto& [label, path] : folders_) {
    const std::string present = Beside(path, label + ".present");
    const std::string used = Beside(path, label + ".used");
    if (IsThere(present)) {
      if (keep && IsThere(path)) {
        const std::string left =
            Beside(path, absl::StrCat(label, ".left-", absl::ToUnixSeconds(absl::Now())));
        MQ_RETURN_IF_ERROR(Move(path, left));
        absl::StrAppend(kept, kept->empty() ? "" : " and ", left);
      } else if (IsThere(path)) {
        MQ_RETURN_IF_ERROR(Delete(used));
        MQ_RETURN_IF_ERROR(Move(path, used));
      }
      MQ_FAULT_POINT(kBackOut);
      MQ_RETURN_IF_ERROR(Move(present, path));
      MQ_FAULT_POINT(kOwnBack);
    }
  }
  // What is only in the way is no reason to stay cut off.
  for (const auto& [label, path] : folders_) {
    Delete(Beside(path, label + ".used")).IgnoreError();
    Delete(Beside(path, label + ".copy")).IgnoreError();
    RemoveFolder(Beside(path, "")).IgnoreError();
  }
  return absl::OkStatus();
}

}  // namespace mailquench::agent::exchange
