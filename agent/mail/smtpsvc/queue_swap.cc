// A whole quarantine: folders change their names, files do not move.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/mail/folders/folder_swap.h"
#include "agent/mail/folders/paths.h"
#include "agent/mail/folders/quarantine_home.h"
#include "agent/mail/smtpsvc/message_scan.h"
#include "agent/mail/smtpsvc/queue_ops.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent::smtpsvc {
namespace {
MQ_DEFINE_FAULT_POINT(kPrepare, "smtpsvc.swap.prepare");
MQ_DEFINE_FAULT_POINT(kSwapManifest, "smtpsvc.swap.manifest");
MQ_DEFINE_FAULT_POINT(kSwapComplete, "smtpsvc.swap.complete");

absl::StatusOr<Manifest> Begin(const Group& group,
                               const v1::QueueQuarantine& request,
                               const std::string& home,
                               const std::string& id,
                               const FolderSwap& swap,
                               const Disk& disk,
                               const CallContext& context) {
  Manifest manifest = NewManifest(group.servers.front().name, request, id, context.command_id);
  MQ_RETURN_IF_ERROR(MakePlace(home, disk));
  for (const MailFolder& folder : group.folders) {
    const Item item = ItemOf(folder.label, folder.path, id);
    MQ_RETURN_IF_ERROR(swap.Prepare(item, folder.identity));
    manifest.originals.push_back(RecordOf(item, folder.identity));
  }
  MQ_FAULT_POINT(kPrepare);
  MQ_RETURN_IF_ERROR(WriteManifest(home, manifest));
  return manifest;
}

absl::Status Finish(const std::string& home,
                    const std::vector<Item>& items,
                    const FolderSwap& swap,
                    Manifest& manifest) {
  MQ_FAULT_POINT(kSwapManifest);
  for (std::size_t i = 0; i < items.size(); ++i)
    MQ_RETURN_IF_ERROR(swap.Take(manifest.originals[i], items[i]));
  MQ_FAULT_POINT(kSwapComplete);
  manifest.complete = true;
  return WriteManifest(home, manifest);
}
}  // namespace

namespace {
// Whole quarantines that are not complete and took, or were to take, a folder of one of these.
std::vector<OpenQuarantine> Incomplete(const std::vector<VirtualServer>& all,
                                       const std::vector<VirtualServer>& chosen,
                                       const Disk& disk) {
  std::vector<OpenQuarantine> out = IncompleteSwaps(RootsOf(all), disk);
  std::erase_if(out, [&](const OpenQuarantine& open) {
    return std::none_of(chosen.begin(), chosen.end(), [&](const VirtualServer& server) {
      return server.name == open.manifest.instance || HasFolderOf(open, server);
    });
  });
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
  const FolderSwap swap(options, disk, context);
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
  const FolderSwap swap(options, disk, context);
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
  const FolderSwap swap(options, disk, context);
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
