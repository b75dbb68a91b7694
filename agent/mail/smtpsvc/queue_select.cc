// A selective quarantine: single messages move, the service may run.
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/mail/folders/paths.h"
#include "agent/mail/folders/quarantine_home.h"
#include "agent/mail/smtpsvc/chosen_files.h"
#include "agent/mail/smtpsvc/queue_ops.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent::smtpsvc {
namespace {
MQ_DEFINE_FAULT_POINT(kSelectManifest, "smtpsvc.select.manifest");
MQ_DEFINE_FAULT_POINT(kList, "smtpsvc.select.list");
MQ_DEFINE_FAULT_POINT(kMove, "smtpsvc.select.move");
MQ_DEFINE_FAULT_POINT(kSelectComplete, "smtpsvc.select.complete");

absl::StatusOr<Manifest> Begin(const Group& group,
                               const v1::QueueQuarantine& request,
                               const std::string& home,
                               const std::string& id,
                               const Disk& disk,
                               const CallContext& context) {
  MQ_RETURN_IF_ERROR(MakePlace(home, disk));
  Manifest manifest = NewManifest(group.servers.front().name, request, id, context.command_id);
  manifest.selective = true;
  for (const MailFolder& folder : group.folders) {
    if (folder.badmail) continue;
    const Item item = ItemOf(folder.label, folder.path, id);
    MQ_RETURN_IF_ERROR(MakePlace(ParentOf(item.place), disk));
    const absl::Status made = MakeFolderLike(item.place, folder.path);
    if (!made.ok() && !absl::IsAlreadyExists(made)) return made;
    manifest.originals.push_back(RecordOf(item, folder.identity));
  }
  MQ_RETURN_IF_ERROR(WriteManifest(home, manifest));
  return manifest;
}
}  // namespace

absl::StatusOr<Taken> MoveMatching(const Group& group,
                                   const v1::QueueQuarantine& request,
                                   const Disk& disk,
                                   const CallContext& context) {
  if (context.command_id.empty()) return absl::InvalidArgumentError("a command id is wanted");
  MQ_ASSIGN_OR_RETURN(const Filter filter, Filter::Make(request.filter()));
  const std::string id = QuarantineId(context.command_id, group.servers.front().name);
  const std::string home = HomeOf(group.folders.front().path, id);
  Taken taken;
  taken.notice = group.notice;
  absl::StatusOr<Manifest> manifest = ReadManifest(home);
  if (absl::IsNotFound(manifest.status())) {
    manifest = Begin(group, request, home, id, disk, context);
    if (!manifest.ok())
      return Error(absl::StatusCode::kAborted, "CANNOT_PREPARE",
                   absl::StrCat("a quarantine could not be prepared in ", home, " (",
                                manifest.status().message(), "); no message was moved; repeat"),
                   {{"cause", ReasonOf(manifest.status())}});
  }
  MQ_RETURN_IF_ERROR(manifest.status());
  MQ_ASSIGN_OR_RETURN(const std::vector<Item> items, ItemsOf(*manifest));
  if (manifest->complete) {
    taken.info = InfoOf(*manifest, home);
    return taken;
  }
  MQ_FAULT_POINT(kSelectManifest);
  std::vector<ScannedFolder> folders;
  for (const Item& item : items) folders.push_back({item.path, IsBadmail(item)});
  MQ_ASSIGN_OR_RETURN(const ChosenFiles chosen,
                      ChooseOnce(JoinPath(home, "select.list"), folders, filter, disk, context));
  MQ_FAULT_POINT(kList);
  std::int64_t messages = 0, bytes = 0, busy = 0, seen = 0;
  const absl::Time begin = absl::Now();
  for (const ChosenFile& file : chosen.files) {
    if (++seen % 64 == 0) MQ_RETURN_IF_ERROR(CheckTime(context));
    const Item& item = items[file.folder];
    const std::string to = JoinPath(item.place, file.name);
    const absl::Status moved = disk.move(JoinPath(item.path, file.name), to);
    // Taken before a crash, or delivered meanwhile.
    const bool there = absl::IsNotFound(moved) && IdentityOf(to).ok();
    if (moved.ok() || there) {
      ++messages;
      bytes += file.bytes;
      MQ_FAULT_POINT(kMove);
    } else if (ReasonOf(moved) == "SHARING_VIOLATION" || absl::IsPermissionDenied(moved) ||
               absl::IsAlreadyExists(moved)) {
      ++busy;
    } else if (!absl::IsNotFound(moved)) {
      return Prepend(moved, absl::StrCat(messages, " messages are set aside in ", id,
                                         ", the others are where they were"));
    }
  }
  taken.swap_time = absl::Now() - begin;
  manifest->messages = messages;
  manifest->bytes = bytes;
  manifest->complete = true;
  MQ_FAULT_POINT(kSelectComplete);
  MQ_RETURN_IF_ERROR(WriteManifest(home, *manifest));
  const auto add = [&](const std::string& sentence) {
    if (!sentence.empty())
      absl::StrAppend(&taken.notice, taken.notice.empty() ? "" : " ", sentence);
  };
  if (busy > 0) add(absl::StrCat(busy, " matching messages were open and were left in the queue."));
  add(NoticeOf(chosen.totals));
  taken.info = InfoOf(*manifest, home);
  return taken;
}

}  // namespace mailquench::agent::smtpsvc
