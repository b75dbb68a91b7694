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

  absl::Status Take(const DirectoryIdentity& recorded, const Item& item) const {
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

  // Of what is set aside already: an empty folder in its place.
  absl::Status RefillTaken(const DirectoryIdentity& recorded, const Item& item) const {
    const FileIdentity original{recorded.device, recorded.inode};
    MQ_ASSIGN_OR_RETURN(const Where at_path, WhatIs(item.path, original));
    MQ_ASSIGN_OR_RETURN(const Where aside, WhatIs(item.place, original));
    return aside == Where::kOriginal && at_path == Where::kMissing ? Refill(item)
                                                                   : absl::OkStatus();
  }

 private:
  static bool IsBusy(const absl::Status& status) {
    // Windows says "access denied" where a file below a folder is open.
    return ReasonOf(status) == "SHARING_VIOLATION" || absl::IsPermissionDenied(status);
  }

  // Again and again while another program has it open, for busy_wait.
  absl::Status MoveWaiting(const std::string& from, const std::string& to) const {
    const absl::Time until = std::min(context_.deadline, absl::Now() + options_.busy_wait);
    for (;;) {
      absl::Status moved = disk_.move(from, to);
      if (moved.ok() || !IsBusy(moved) || absl::Now() >= until) return moved;
      absl::SleepFor(options_.between_tries);
    }
  }

  // False: another program has the folder, or a file in it, open and does not let go.
  absl::StatusOr<bool> Rename(const Item& item) const {
    const absl::Status moved = MoveWaiting(item.path, item.place);
    if (moved.ok()) return true;
    if (!IsBusy(moved)) return moved;
    context_.progress(
        absl::StrCat("another program has ", item.path, " open; its files are taken one by one"));
    return false;
  }

  absl::Status Refill(const Item& item) const {
    absl::Status made = MakeFolderLike(Fresh(item), item.place);
    if (!made.ok() && !absl::IsAlreadyExists(made)) return made;
    MQ_RETURN_IF_ERROR(Prepend(MoveWaiting(Fresh(item), item.path),
                               absl::StrCat(item.path,
                                            " is set aside, and no empty folder could "
                                            "be put in its place yet; repeat")));
    MQ_FAULT_POINT(kRefilled);
    return absl::OkStatus();
  }

  struct Pass {
    std::int64_t moved = 0, left = 0;
    absl::Status last;  // Why one was left.
  };

  absl::StatusOr<Pass> MoveEach(const Item& item) const {
    Pass pass;
    std::int64_t seen = 0;
    MQ_RETURN_IF_ERROR(
        disk_.for_each(item.path, [&](const FolderEntry& entry) -> absl::StatusOr<bool> {
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
  absl::Status OneByOne(const Item& item) const {
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
  Manifest manifest = NewManifest(group, request, id, context.command_id);
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
                    const Swap& swap,
                    Manifest& manifest) {
  MQ_FAULT_POINT(kManifest);
  for (std::size_t i = 0; i < items.size(); ++i)
    MQ_RETURN_IF_ERROR(swap.Take(manifest.originals[i], items[i]));
  MQ_FAULT_POINT(kComplete);
  manifest.complete = true;
  return WriteManifest(home, manifest);
}
}  // namespace

namespace {
// Whole quarantines that are not complete and took, or were to take, a folder of one of these.
std::vector<OpenQuarantine> Incomplete(const std::vector<VirtualServer>& all,
                                       const std::vector<VirtualServer>& chosen,
                                       const Disk& disk) {
  std::vector<OpenQuarantine> out;
  // Where they cannot be listed none of them can be told; the sweep itself says what is wrong.
  const absl::StatusOr<std::vector<v1::QuarantineInfo>> list = ListHomes(all, disk);
  if (!list.ok()) return out;
  for (const v1::QuarantineInfo& info : *list) {
    absl::StatusOr<OpenQuarantine> open = OpenById(all, info.quarantine_id(), disk);
    // A damaged one is listed, and keeps nobody from the others.
    if (!open.ok() || open->manifest.complete || open->manifest.selective) continue;
    const bool theirs = std::any_of(chosen.begin(), chosen.end(), [&](const VirtualServer& server) {
      return server.name == open->manifest.instance || HasFolderOf(*open, server);
    });
    if (theirs) out.push_back(*std::move(open));
  }
  return out;
}

std::vector<VirtualServer> OwnersOf(const OpenQuarantine& open,
                                    const std::vector<VirtualServer>& all) {
  std::vector<VirtualServer> owners;
  for (const VirtualServer& server : all) {
    if (server.name == open.manifest.instance || HasFolderOf(open, server))
      owners.push_back(server);
  }
  return owners;
}
}  // namespace

absl::StatusOr<std::string> FinishSwaps(const std::vector<VirtualServer>& all,
                                        const std::vector<VirtualServer>& chosen,
                                        const AtRest& at_rest,
                                        const SwapOptions& options,
                                        const Disk& disk,
                                        const CallContext& context) {
  const Swap swap(options, disk, context);
  std::string notice;
  std::vector<OpenQuarantine> incomplete = Incomplete(all, chosen, disk);
  for (OpenQuarantine& open : incomplete) {
    MQ_RETURN_IF_ERROR(at_rest(OwnersOf(open, all)));
    const absl::Status finished = Finish(open.home, open.items, swap, open.manifest);
    if (finished.ok()) continue;
    // What somebody has put right by hand since an older command is no matter of this one.
    if (ReasonOf(finished) != "QUEUE_CHANGED" || open.manifest.command_id == context.command_id)
      return finished;
    absl::StrAppend(&notice, notice.empty() ? "" : " ", "Quarantine ", open.manifest.quarantine_id,
                    " is not complete and stays so: ", finished.message(), ".");
  }
  return notice;
}

bool IsHalfSwept(const std::vector<VirtualServer>& all,
                 const std::vector<VirtualServer>& chosen,
                 const Disk& disk) {
  return !Incomplete(all, chosen, disk).empty();
}

absl::Status RefillSwaps(const std::vector<VirtualServer>& all,
                         const std::vector<VirtualServer>& chosen,
                         const SwapOptions& options,
                         const Disk& disk,
                         const CallContext& context) {
  const Swap swap(options, disk, context);
  const std::vector<OpenQuarantine> incomplete = Incomplete(all, chosen, disk);
  for (const OpenQuarantine& open : incomplete) {
    for (std::size_t i = 0; i < open.items.size(); ++i)
      MQ_RETURN_IF_ERROR(swap.RefillTaken(open.manifest.originals[i], open.items[i]));
  }
  return absl::OkStatus();
}

absl::StatusOr<Taken> SwapGroup(const Group& group,
                                const v1::QueueQuarantine& request,
                                const SwapOptions& options,
                                const Disk& disk,
                                const CallContext& context) {
  if (context.command_id.empty()) return absl::InvalidArgumentError("a command id is wanted");
  const std::string id = QuarantineId(context.command_id, group.servers.front().name);
  const std::string home = HomeOf(group.folders.front().path, id);
  const Swap swap(options, disk, context);
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
  taken.notice = group.notice;
  return taken;
}

}  // namespace mailquench::agent::smtpsvc
