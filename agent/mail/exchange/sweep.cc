// A whole quarantine: folders change their names, files do not move.
#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "agent/mail/exchange/queue_ops.h"
#include "agent/mail/exchange/set_aside.h"
#include "agent/mail/folders/paths.h"
#include "agent/os/files.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
MQ_DEFINE_FAULT_POINT(kPrepared, "exchange.sweep.prepared");
MQ_DEFINE_FAULT_POINT(kManifest, "exchange.sweep.manifest");
MQ_DEFINE_FAULT_POINT(kFolderTaken, "exchange.sweep.taken");
MQ_DEFINE_FAULT_POINT(kSweepComplete, "exchange.sweep.complete");

struct Folder {
  std::string label, path;
  FileIdentity identity;
};

// Those that are there, each once; the database first.
absl::StatusOr<std::vector<Folder>> FindFolders(const TransportPaths& paths, const Disk& disk) {
  const std::pair<const char*, const std::string*> named[] = {{kQueueLabel, &paths.queue},
                                                              {kLogsLabel, &paths.logs},
                                                              {kPickupLabel, &paths.pickup},
                                                              {kReplayLabel, &paths.replay}};
  std::vector<Folder> folders;
  for (const auto& [label, path] : named) {
    if (path->empty()) continue;
    Folder folder{label, *path, {}};
    MQ_ASSIGN_OR_RETURN(const std::string volume, disk.mounted(*path));
    if (!volume.empty()) folder.label += kInside;
    const absl::Status there =
        disk.for_each(volume.empty() ? *path : volume,
                      [](const FolderEntry&) -> absl::StatusOr<bool> { return false; });
    if (absl::IsNotFound(there)) continue;  // Transport makes it when it starts.
    if (ReasonOf(there) == "NOT_A_DIRECTORY")
      return Error(absl::StatusCode::kFailedPrecondition, "NOT_A_DIRECTORY",
                   absl::StrCat(*path,
                                " is a junction or another link, or no folder; it was not followed "
                                "and nothing was moved; name the folder itself in Transport's "
                                "settings"));
    MQ_RETURN_IF_ERROR(there);
    MQ_ASSIGN_OR_RETURN(folder.identity, IdentityOf(*path));
    const bool had = std::any_of(folders.begin(), folders.end(), [&](const Folder& one) {
      return one.identity == folder.identity;
    });
    if (!had) folders.push_back(std::move(folder));
  }
  for (const Folder& folder : folders) {
    for (std::string above = ParentOf(folder.path); !above.empty(); above = ParentOf(above)) {
      const absl::StatusOr<FileIdentity> identity = IdentityOf(above);
      for (const Folder& other : folders) {
        if (identity.ok() && other.identity == *identity)
          return Error(absl::StatusCode::kFailedPrecondition, "BAD_DIRECTORY",
                       absl::StrCat(folder.path, " is below ", other.path,
                                    ", and would be set aside with it; nothing was moved; give "
                                    "each a folder of its own in Transport's settings"));
      }
    }
  }
  return folders;
}

absl::StatusOr<Manifest> Begin(const std::vector<Folder>& folders,
                               const v1::QueueQuarantine& request,
                               const std::optional<v1::InstanceSurvey>& known,
                               const std::string& home,
                               const std::string& id,
                               const FolderSwap& swap,
                               const QueueOptions& options,
                               const CallContext& context) {
  Manifest manifest = NewManifest(options.server, request, id, context.command_id);
  MQ_RETURN_IF_ERROR(MakePlace(home, options.disk));
  for (const Folder& folder : folders) {
    const Item item = ItemOf(folder.label, folder.path, id);
    MQ_RETURN_IF_ERROR(swap.Prepare(item, folder.identity));
    manifest.originals.push_back(RecordOf(item, folder.identity));
  }
  if (known.has_value()) {
    manifest.messages = known->messages();
    manifest.bytes = known->bytes();
    MQ_RETURN_IF_ERROR(
        WriteFileAtomically(JoinPath(home, kKnown), known->SerializeAsString(), 0600));
  }
  MQ_FAULT_POINT(kPrepared);
  MQ_RETURN_IF_ERROR(WriteManifest(home, manifest));
  return manifest;
}

absl::Status Finish(const std::string& home,
                    const std::vector<Item>& items,
                    const FolderSwap& swap,
                    Manifest& manifest) {
  MQ_FAULT_POINT(kManifest);
  for (std::size_t i = 0; i < items.size(); ++i) {
    MQ_RETURN_IF_ERROR(swap.Take(manifest.originals[i], items[i]));
    MQ_FAULT_POINT(kFolderTaken);
  }
  MQ_FAULT_POINT(kSweepComplete);
  manifest.complete = true;
  return WriteManifest(home, manifest);
}

// What an antivirus would take away from evidence and way back alike (A8).
std::string ExclusionNotice(const std::vector<Item>& items) {
  std::vector<std::string> roots;
  for (const Item& item : items) {
    const std::string root = RootOf(item.path, item.label);
    if (std::find(roots.begin(), roots.end(), root) == roots.end()) roots.push_back(root);
  }
  return absl::StrCat("Exclude ", absl::StrJoin(roots, " and "),
                      " from the antivirus before it scans this host, or it takes apart what is "
                      "set aside there.");
}
}  // namespace

absl::Status CheckFolders(const TransportPaths& paths, const Disk& disk) {
  return FindFolders(paths, disk).status();
}

absl::StatusOr<Taken> Sweep(const TransportPaths& paths,
                            const v1::QueueQuarantine& request,
                            const std::optional<v1::InstanceSurvey>& known,
                            const QueueOptions& options,
                            const CallContext& context) {
  if (context.command_id.empty()) return absl::InvalidArgumentError("a command id is wanted");
  const std::string id = QuarantineId(context.command_id, options.server);
  const FolderSwap swap(options.swap, options.disk, context);
  Taken taken;
  absl::StatusOr<OpenQuarantine> open = OpenById(QuarantineRoots(paths), id, options.disk);
  if (absl::IsNotFound(open.status())) {
    MQ_ASSIGN_OR_RETURN(const std::vector<Folder> folders, FindFolders(paths, options.disk));
    if (folders.empty())
      return Error(absl::StatusCode::kFailedPrecondition, "BAD_DIRECTORY",
                   absl::StrCat("none of Transport's folders is there, not even ", paths.queue,
                                "; nothing was moved; look at EdgeTransport.exe.config"));
    open = OpenQuarantine();
    open->home = ParentOf(ItemOf(folders[0].label, folders[0].path, id).place);
    absl::StatusOr<Manifest> manifest =
        Begin(folders, request, known, open->home, id, swap, options, context);
    if (!manifest.ok())
      return Error(absl::StatusCode::kAborted, "CANNOT_PREPARE",
                   absl::StrCat("a quarantine could not be prepared in ", open->home, " (",
                                manifest.status().message(),
                                "); nothing was moved; mend that, or make room on its volume, then "
                                "repeat"),
                   {{"cause", ReasonOf(manifest.status())}});
    open->manifest = *std::move(manifest);
    MQ_ASSIGN_OR_RETURN(open->items, ItemsOf(open->manifest));
  }
  MQ_RETURN_IF_ERROR(open.status());
  if (!open->manifest.complete) {
    const absl::Time begin = absl::Now();
    MQ_RETURN_IF_ERROR(Finish(open->home, open->items, swap, open->manifest));
    taken.swap_time = absl::Now() - begin;
  }
  taken.info = InfoOf(open->manifest, open->home);
  taken.notice = ExclusionNotice(open->items);
  return taken;
}

absl::StatusOr<std::string> FinishSweeps(const TransportPaths& paths,
                                         const QueueOptions& options,
                                         const CallContext& context) {
  const FolderSwap swap(options.swap, options.disk, context);
  std::string notice;
  std::vector<OpenQuarantine> incomplete = IncompleteSwaps(QuarantineRoots(paths), options.disk);
  for (OpenQuarantine& open : incomplete) {
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

bool IsHalfSwept(const TransportPaths& paths, const Disk& disk) {
  return !IncompleteSwaps(QuarantineRoots(paths), disk).empty();
}

absl::Status RefillSweeps(const TransportPaths& paths,
                          const QueueOptions& options,
                          const CallContext& context) {
  const FolderSwap swap(options.swap, options.disk, context);
  for (const OpenQuarantine& open : IncompleteSwaps(QuarantineRoots(paths), options.disk)) {
    for (std::size_t i = 0; i < open.items.size(); ++i)
      MQ_RETURN_IF_ERROR(swap.RefillTaken(open.manifest.originals[i], open.items[i]));
  }
  return absl::OkStatus();
}

}  // namespace mailquench::agent::exchange
