// Out of a quarantine: back into the folders, or off the disk.
#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/mail/folders/paths.h"
#include "agent/mail/folders/quarantine_home.h"
#include "agent/mail/smtpsvc/chosen_files.h"
#include "agent/mail/smtpsvc/queue_ops.h"
#include "agent/os/files.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent::smtpsvc {
namespace {
MQ_DEFINE_FAULT_POINT(kReleaseList, "smtpsvc.release.list");
MQ_DEFINE_FAULT_POINT(kReleaseCompanion, "smtpsvc.release.companion");
MQ_DEFINE_FAULT_POINT(kReleaseMove, "smtpsvc.release.move");
MQ_DEFINE_FAULT_POINT(kDiscardList, "smtpsvc.discard.list");
MQ_DEFINE_FAULT_POINT(kDiscardMessage, "smtpsvc.discard.message");

std::vector<ScannedFolder> Places(const OpenQuarantine& open) {
  std::vector<ScannedFolder> folders;
  for (const Item& item : open.items) folders.push_back({item.place, IsBadmail(item)});
  return folders;
}

std::string ListOf(const OpenQuarantine& open, const char* verb, const CallContext& context) {
  return JoinPath(open.home,
                  absl::StrCat(verb, "-", QuarantineId(context.command_id, ""), ".list"));
}

// Where the server that had the folder keeps such mail now.
absl::StatusOr<std::string> TargetOf(const Item& item,
                                     const Manifest& manifest,
                                     const std::vector<VirtualServer>& all) {
  const std::size_t dash = item.label.find('-');
  const std::string name =
      dash == std::string::npos ? manifest.instance : item.label.substr(dash + 1);
  const auto server = std::find_if(all.begin(), all.end(),
                                   [&](const VirtualServer& one) { return one.name == name; });
  if (server == all.end())
    return Error(absl::StatusCode::kFailedPrecondition, "UNKNOWN_INSTANCE",
                 absl::StrCat("quarantine ", manifest.quarantine_id, " is of virtual server ", name,
                              ", which is not here any more; nothing was released; move its files "
                              "by hand into another's queue folder while the service is stopped"));
  return IsBadmail(item) ? DirectoryOf(*server, server->badmail, "BadMailDirectory")
                         : DirectoryOf(*server, server->queue, "QueueDirectory");
}

// What a finished operation leaves is counted again where it is a repeat: later ones may have been
// at it.
absl::StatusOr<ScanTotals> CountAgain(const OpenQuarantine& open,
                                      const ChosenFiles& chosen,
                                      std::int64_t gone,
                                      std::int64_t gone_bytes,
                                      bool recount,
                                      const Disk& disk,
                                      const CallContext& context) {
  ScanTotals now = chosen.totals;
  now.messages -= gone;
  now.bytes -= gone_bytes;
  if (recount) {
    MQ_ASSIGN_OR_RETURN(const Filter all, Filter::Make({}));
    now = ScanTotals();
    for (const Item& item : open.items) {
      MQ_ASSIGN_OR_RETURN(
          const ScanTotals one,
          ScanMessages(item.place, IsBadmail(item), all, disk, context,
                       [](const std::string&, const MessageFacts&) { return absl::OkStatus(); }));
      now.Add(one);
    }
  }
  Manifest manifest = open.manifest;
  manifest.messages = now.messages;
  manifest.bytes = now.bytes;
  MQ_RETURN_IF_ERROR(RecordCount(open.home, manifest));
  return now;
}

// The message last: one that is back has all that belongs to it.
absl::StatusOr<bool> PutBack(const std::string& place,
                             const std::string& target,
                             const std::string& name,
                             const Disk& disk) {
  const std::string to = JoinPath(target, name);
  const bool here = IdentityOf(JoinPath(place, name)).ok();
  if (here && IdentityOf(to).ok()) return false;  // Its companions would become the other's.
  for (const std::string& companion : CompanionsOf(name)) {
    const absl::Status moved = disk.move(JoinPath(place, companion), JoinPath(target, companion));
    if (absl::IsAlreadyExists(moved)) return false;
    if (!moved.ok() && !absl::IsNotFound(moved)) return moved;
    MQ_FAULT_POINT(kReleaseCompanion);
  }
  const absl::Status moved = disk.move(JoinPath(place, name), to);
  if (absl::IsAlreadyExists(moved)) return false;
  if (!moved.ok() && !absl::IsNotFound(moved)) return moved;
  return true;
}
}  // namespace

absl::StatusOr<v1::QuarantineReleaseResult> ReleaseQuarantine(const std::vector<VirtualServer>& all,
                                                              const v1::QuarantineRelease& request,
                                                              const Disk& disk,
                                                              const CallContext& context) {
  if (context.command_id.empty()) return absl::InvalidArgumentError("a command id is wanted");
  MQ_ASSIGN_OR_RETURN(const OpenQuarantine open,
                      OpenById(RootsOf(all), request.quarantine_id(), disk));
  MQ_ASSIGN_OR_RETURN(const Filter filter, Filter::Make(request.filter()));
  std::vector<std::string> targets;
  for (const Item& item : open.items) {
    MQ_ASSIGN_OR_RETURN(targets.emplace_back(), TargetOf(item, open.manifest, all));
  }
  MQ_ASSIGN_OR_RETURN(const ChosenFiles chosen, ChooseOnce(ListOf(open, "release", context),
                                                           Places(open), filter, disk, context));
  MQ_FAULT_POINT(kReleaseList);
  std::int64_t released = 0, released_bytes = 0, taken = 0, seen = 0;
  const auto move_all = [&]() -> absl::Status {
    for (const ChosenFile& file : chosen.files) {
      if (++seen % 64 == 0) MQ_RETURN_IF_ERROR(CheckTime(context));
      MQ_ASSIGN_OR_RETURN(const bool back, PutBack(open.items[file.folder].place,
                                                   targets[file.folder], file.name, disk));
      if (!back) {
        ++taken;
        continue;
      }
      ++released;
      released_bytes += file.bytes;
      MQ_FAULT_POINT(kReleaseMove);
    }
    return absl::OkStatus();
  };
  const absl::Status moved = move_all();
  absl::StatusOr<ScanTotals> now = CountAgain(open, chosen, released, released_bytes,
                                              chosen.repeated && moved.ok(), disk, context);
  if (!now.ok() && !moved.ok()) return moved;
  MQ_RETURN_IF_ERROR(now.status());
  v1::OperationResult so_far;
  v1::QuarantineReleaseResult& result = *so_far.mutable_quarantine_release();
  result.set_quarantine_id(request.quarantine_id());
  result.set_released(released);
  result.set_left(now->messages);
  result.set_unreadable(now->unreadable);
  context.done_so_far(so_far);
  if (!moved.ok())
    return Prepend(moved,
                   absl::StrCat(released, " messages of quarantine ", request.quarantine_id(),
                                " were released, ", now->messages, " are left in it"));
  if (taken > 0)
    return Error(absl::StatusCode::kAborted, "RELEASE_INCOMPLETE",
                 absl::StrCat(released, " messages of quarantine ", request.quarantine_id(),
                              " were released, ", taken,
                              " stay in it because the queue has files of the same names, and "
                              "nothing is overwritten; release again when those are delivered"));
  return result;
}

absl::StatusOr<v1::QuarantineDiscardResult> DiscardQuarantine(const std::vector<VirtualServer>& all,
                                                              const v1::QuarantineDiscard& request,
                                                              const Disk& disk,
                                                              const CallContext& context) {
  if (context.command_id.empty()) return absl::InvalidArgumentError("a command id is wanted");
  MQ_ASSIGN_OR_RETURN(const OpenQuarantine open,
                      OpenById(RootsOf(all), request.quarantine_id(), disk));
  MQ_ASSIGN_OR_RETURN(const Filter filter, Filter::Make(request.filter()));
  MQ_ASSIGN_OR_RETURN(const ChosenFiles chosen, ChooseOnce(ListOf(open, "discard", context),
                                                           Places(open), filter, disk, context));
  MQ_FAULT_POINT(kDiscardList);
  std::int64_t discarded = 0, discarded_bytes = 0;
  const auto delete_all = [&]() -> absl::Status {
    for (const ChosenFile& file : chosen.files) {
      if (discarded % 64 == 0) MQ_RETURN_IF_ERROR(CheckTime(context));
      const std::string& place = open.items[file.folder].place;
      for (const std::string& companion : CompanionsOf(file.name))
        MQ_RETURN_IF_ERROR(RemoveFile(JoinPath(place, companion)));
      MQ_RETURN_IF_ERROR(RemoveFile(JoinPath(place, file.name)));
      ++discarded;
      discarded_bytes += file.bytes;
      MQ_FAULT_POINT(kDiscardMessage);
    }
    return absl::OkStatus();
  };
  const absl::Status deleted = delete_all();
  absl::StatusOr<ScanTotals> now = CountAgain(open, chosen, discarded, discarded_bytes,
                                              chosen.repeated && deleted.ok(), disk, context);
  if (!now.ok() && !deleted.ok()) return deleted;
  MQ_RETURN_IF_ERROR(now.status());
  v1::OperationResult so_far;
  v1::QuarantineDiscardResult& result = *so_far.mutable_quarantine_discard();
  result.set_quarantine_id(request.quarantine_id());
  result.set_discarded(discarded);
  result.set_left(now->messages);
  context.done_so_far(so_far);
  if (!deleted.ok())
    return Prepend(deleted,
                   absl::StrCat(discarded, " messages of quarantine ", request.quarantine_id(),
                                " were deleted, ", now->messages, " are left in it"));
  return result;
}

}  // namespace mailquench::agent::smtpsvc
