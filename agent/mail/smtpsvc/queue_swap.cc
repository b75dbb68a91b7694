// A whole quarantine: folders change their names, files do not move.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/mail/smtpsvc/message_scan.h"
#include "agent/mail/smtpsvc/paths.h"
#include "agent/mail/smtpsvc/quarantine_home.h"
#include "agent/mail/smtpsvc/queue_ops.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent::smtpsvc {
namespace {
MQ_DEFINE_FAULT_POINT(kPrepare, "smtpsvc.swap.prepare");
MQ_DEFINE_FAULT_POINT(kManifest, "smtpsvc.swap.manifest");
MQ_DEFINE_FAULT_POINT(kRenamed, "smtpsvc.swap.renamed");
MQ_DEFINE_FAULT_POINT(kRefilled, "smtpsvc.swap.refilled");
MQ_DEFINE_FAULT_POINT(kOneByOne, "smtpsvc.swap.one_by_one");
MQ_DEFINE_FAULT_POINT(kComplete, "smtpsvc.swap.complete");

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

class Swap {
 public:
  Swap(const SwapOptions& options, const Disk& disk, const CallContext& context)
      : options_(options), disk_(disk), context_(context) {}

  // Nothing of the original is touched.
  absl::Status Prepare(const MailFolder& folder, const Item& item) const {
    const std::string home = ParentOf(item.place);
    MQ_RETURN_IF_ERROR(MakePlace(home, disk_));
    MQ_ASSIGN_OR_RETURN(const FileIdentity there, IdentityOf(home));
    if (there.volume != folder.identity.volume)
      return Error(absl::StatusCode::kFailedPrecondition, "OTHER_FILE_SYSTEM",
                   absl::StrCat(folder.path, " is on another volume than ", home));
    MQ_RETURN_IF_ERROR(RemoveFolder(Fresh(item)));  // Left by a crash before the manifest.
    return MakeFolderLike(Fresh(item), folder.path);
  }

  absl::Status Take(const DirectoryIdentity& recorded, const Item& item) {
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

  std::string notice;

 private:
  static bool IsBusy(const absl::Status& status) {
    // Windows says "access denied" where a file below a folder is open.
    return ReasonOf(status) == "SHARING_VIOLATION" || absl::IsPermissionDenied(status);
  }

  // False: another program has the folder, or a file in it, open and does not let go.
  absl::StatusOr<bool> Rename(const Item& item) const {
    const absl::Time until = std::min(context_.deadline, absl::Now() + options_.busy_wait);
    for (;;) {
      const absl::Status moved = disk_.move(item.path, item.place);
      if (moved.ok()) return true;
      if (!IsBusy(moved)) return moved;
      if (absl::Now() >= until) {
        context_.progress(absl::StrCat("another program has ", item.path,
                                       " open; its files are taken one by one"));
        return false;
      }
      absl::SleepFor(options_.between_tries);
    }
  }

  absl::Status Refill(const Item& item) const {
    absl::Status made = MakeFolderLike(Fresh(item), item.place);
    if (!made.ok() && !absl::IsAlreadyExists(made)) return made;
    MQ_RETURN_IF_ERROR(Prepend(disk_.move(Fresh(item), item.path),
                               absl::StrCat(item.path,
                                            " is set aside, and no empty folder could "
                                            "be put in its place yet; repeat")));
    MQ_FAULT_POINT(kRefilled);
    return absl::OkStatus();
  }

  absl::Status OneByOne(const Item& item) {
    std::int64_t moved = 0, busy = 0, seen = 0;
    absl::Status last;
    MQ_RETURN_IF_ERROR(
        disk_.for_each(item.path, [&](const FolderEntry& entry) -> absl::StatusOr<bool> {
          if (++seen % 256 == 0) MQ_RETURN_IF_ERROR(CheckTime(context_));
          const absl::Status one =
              disk_.move(JoinPath(item.path, entry.name), JoinPath(item.place, entry.name));
          if (absl::IsNotFound(one)) return true;
          if (one.ok()) {
            ++moved;
            MQ_FAULT_POINT(kOneByOne);
          } else if (IsBusy(one) || absl::IsAlreadyExists(one)) {
            ++busy;
            last = one;
          } else {
            return one;
          }
          return true;
        }));
    if (busy == 0) return absl::OkStatus();
    if (moved == 0 && absl::IsPermissionDenied(last))
      return Prepend(last, absl::StrCat("nothing of ", item.path, " could be moved"));
    absl::StrAppend(&notice, notice.empty() ? "" : " ", busy, " files of ", item.path,
                    " are open in another program and were left in place; the service would take "
                    "them up again: end that program, then set the queue aside once more.");
    return absl::OkStatus();
  }

  const SwapOptions& options_;
  const Disk& disk_;
  const CallContext& context_;
};

absl::StatusOr<Manifest> Begin(const Group& group,
                               const v1::QueueQuarantine& request,
                               const std::string& home,
                               const std::string& id,
                               const Swap& swap,
                               const Disk& disk,
                               const CallContext& context) {
  Manifest manifest;
  manifest.quarantine_id = id;
  manifest.command_id = context.command_id;
  manifest.instance = group.servers.front().name;
  manifest.reason = request.reason();
  manifest.incident_id = request.incident_id();
  manifest.create_time = absl::Now();
  MQ_RETURN_IF_ERROR(MakePlace(home, disk));
  for (const MailFolder& folder : group.folders) {
    MQ_RETURN_IF_ERROR(swap.Prepare(folder, ItemOf(folder, id)));
    manifest.originals.push_back(RecordOf(folder));
  }
  MQ_FAULT_POINT(kPrepare);
  MQ_RETURN_IF_ERROR(WriteManifest(home, manifest));
  return manifest;
}

absl::Status Finish(const std::string& home,
                    const std::vector<Item>& items,
                    Swap& swap,
                    Manifest& manifest) {
  MQ_FAULT_POINT(kManifest);
  for (std::size_t i = 0; i < items.size(); ++i)
    MQ_RETURN_IF_ERROR(swap.Take(manifest.originals[i], items[i]));
  MQ_FAULT_POINT(kComplete);
  manifest.complete = true;
  return WriteManifest(home, manifest);
}
}  // namespace

absl::StatusOr<std::string> FinishSwaps(const std::vector<VirtualServer>& all,
                                        const std::vector<VirtualServer>& chosen,
                                        const SwapOptions& options,
                                        const Disk& disk,
                                        const CallContext& context) {
  Swap swap(options, disk, context);
  for (const VirtualServer& server : chosen) {
    absl::StatusOr<OpenQuarantine> open =
        OpenById(all, QuarantineId(context.command_id, server.name));
    if (absl::IsNotFound(open.status())) continue;
    MQ_RETURN_IF_ERROR(open.status());
    if (!open->manifest.complete && !open->manifest.selective)
      MQ_RETURN_IF_ERROR(Finish(open->home, open->items, swap, open->manifest));
  }
  return swap.notice;
}

absl::StatusOr<Taken> SwapGroup(const Group& group,
                                const v1::QueueQuarantine& request,
                                const SwapOptions& options,
                                const Disk& disk,
                                const CallContext& context) {
  if (context.command_id.empty()) return absl::InvalidArgumentError("a command id is wanted");
  const std::string id = QuarantineId(context.command_id, group.servers.front().name);
  const std::string home = HomeOf(group.folders.front().path, id);
  Swap swap(options, disk, context);
  Taken taken;
  absl::StatusOr<Manifest> manifest = ReadManifest(home);
  if (absl::IsNotFound(manifest.status())) {
    manifest = Begin(group, request, home, id, swap, disk, context);
    if (!manifest.ok())
      return Error(absl::StatusCode::kAborted, "CANNOT_PREPARE",
                   absl::StrCat("a quarantine could not be prepared in ", home, " (",
                                manifest.status().message(),
                                "); nothing was moved; mend that, or make room on its volume, then "
                                "repeat"),
                   {{"cause", ReasonOf(manifest.status())}});
  }
  MQ_RETURN_IF_ERROR(manifest.status());
  MQ_ASSIGN_OR_RETURN(const std::vector<Item> items, ItemsOf(*manifest));
  if (!manifest->complete) {
    const absl::Time begin = absl::Now();
    MQ_RETURN_IF_ERROR(Finish(home, items, swap, *manifest));
    taken.swap_time = absl::Now() - begin;
  }
  taken.info = InfoOf(*manifest, home);
  taken.notice = swap.notice;
  if (!group.notice.empty())
    absl::StrAppend(&taken.notice, taken.notice.empty() ? "" : " ", group.notice);
  return taken;
}

}  // namespace mailquench::agent::smtpsvc
