#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/mail/postfix/chosen_list.h"
#include "agent/mail/postfix/quarantine_folder.h"
#include "agent/mail/postfix/queue_dir.h"
#include "agent/mail/postfix/queue_ops.h"
#include "agent/mail/postfix/queue_return.h"
#include "agent/os/lock.h"
#include "agent/os/process.h"
#include "agent/quarantine/scan_record.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent::postfix {
namespace {
constexpr int kPokes = 5;
constexpr absl::Duration kBetweenPokes = absl::Milliseconds(200);
MQ_DEFINE_FAULT_POINT(kReleaseList, "quarantine.release.list");
MQ_DEFINE_FAULT_POINT(kReleaseLogs, "quarantine.release.logs");
MQ_DEFINE_FAULT_POINT(kReleaseMove, "quarantine.release.move");
MQ_DEFINE_FAULT_POINT(kReleasePoke, "quarantine.release.poke");
MQ_DEFINE_FAULT_POINT(kReleaseForgotten, "quarantine.release.forgotten");
MQ_DEFINE_FAULT_POINT(kDiscardList, "quarantine.discard.list");
MQ_DEFINE_FAULT_POINT(kDiscardUnlink, "quarantine.discard.unlink");
MQ_DEFINE_FAULT_POINT(kDiscardComplete, "quarantine.discard.complete");

// One message's way between the quarantine and the queue.
class Mover {
 public:
  Mover(const Instance& instance, OpenQuarantine& quarantine)
      : instance_(instance),
        layout_(ReadLayout(instance)),
        queue_(quarantine.queue.get()),
        folder_(quarantine.folder.get()),
        way_back_(instance, layout_, quarantine, queue_, folder_),
        elsewhere_(!quarantine.manifest.location.empty()) {}

  enum class Moved { kMoved, kGoneBefore, kIdTaken };

  absl::Status Settle() { return way_back_.Settle(); }

  // After an end before the last one: those whose copies were taken back, and that are not
  // released.
  absl::StatusOr<std::vector<Chosen>> TakeBack() {
    std::vector<Chosen> back;
    const std::vector<Chosen> on_their_way = way_back_.OnTheirWay();
    MQ_RETURN_IF_ERROR(way_back_.Settle());
    for (const Chosen& one : on_their_way) {
      const int source = folder_.Get(one.folder);
      struct stat info {};
      if (source >= 0 && fstatat(source, one.id.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0)
        back.push_back(one);
    }
    return back;
  }

  absl::StatusOr<bool> IsThere(const Chosen& chosen) {
    const int source = folder_.Get(chosen.folder);
    struct stat info {};
    if (source >= 0 && fstatat(source, chosen.id.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0)
      return true;
    if (errno == ENOENT) return false;
    return SystemError(errno, absl::StrCat("look for ", chosen.id));
  }

  absl::StatusOr<Moved> PutBack(const Chosen& chosen) {
    const int source = folder_.Get(chosen.folder);
    if (source < 0) return SystemError(errno, absl::StrCat("open ", chosen.folder));
    const Fd file(
        openat(source, chosen.id.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!file.ok() && errno == ENOENT) return Moved::kGoneBefore;
    if (!file.ok()) return SystemError(errno, absl::StrCat("open ", chosen.id));
    if (!elsewhere_ && chosen.Queue() != "maildrop")
      MQ_RETURN_IF_ERROR(MakeReady(file.get(), chosen.id, instance_));
    const std::string folder = FolderInQueue(layout_, chosen.Queue(), chosen.id);
    const int target = queue_.GetOrMake(folder, instance_.mail_owner, instance_.mail_group);
    if (target < 0) return SystemError(errno, absl::StrCat("open the queue folder ", folder));
    struct stat other {};
    // Its logs would become those of the message that has its id now.
    if (fstatat(target, chosen.id.c_str(), &other, AT_SYMLINK_NOFOLLOW) == 0)
      return Moved::kIdTaken;
    // The logs go first: a message without its log would lose what its sender is to be told.
    for (const char* kind : {"bounce", "defer", "trace"})
      MQ_RETURN_IF_ERROR(MoveLog(kind, chosen.id));
    MQ_FAULT_POINT(kReleaseLogs);
    if (elsewhere_) {
      MQ_ASSIGN_OR_RETURN(const bool on_its_way, way_back_.Take(chosen, file.get()));
      return on_its_way ? Moved::kMoved : Moved::kIdTaken;
    }
    // Asked again: the logs' folders may have taken their places in the cache.
    const int from = folder_.Get(chosen.folder);
    if (from < 0) return SystemError(errno, absl::StrCat("open ", chosen.folder));
    const int to = queue_.GetOrMake(folder, instance_.mail_owner, instance_.mail_group);
    if (to < 0) return SystemError(errno, absl::StrCat("open the queue folder ", folder));
    const int failed = RenameNew(from, chosen.id, to, chosen.id);
    if (failed == EEXIST) return Moved::kIdTaken;
    if (failed == EXDEV) {
      return Error(absl::StatusCode::kFailedPrecondition, "OTHER_FILE_SYSTEM",
                   "a folder of the queue is on another file system than the quarantine; the "
                   "messages were left in it, move them by hand");
    }
    if (failed != 0) return SystemError(failed, absl::StrCat("move ", chosen.id, " into ", folder));
    return Moved::kMoved;
  }

  // Of a quarantine on another volume: lets the messages that are on their way enter the queue,
  // once they are enough or at the end. Gives those that stay because their id was taken meanwhile.
  absl::StatusOr<std::vector<Chosen>> LetIn(bool at_the_end) {
    if (!at_the_end && !way_back_.Full()) return std::vector<Chosen>();
    MQ_ASSIGN_OR_RETURN(std::vector<Chosen> taken, way_back_.Enter());
    for (const auto& [folder, id] : copied_logs_) {
      const int source = folder_.Get(folder);
      if (source >= 0) (void)unlinkat(source, id.c_str(), 0);
    }
    copied_logs_.clear();
    return taken;
  }

  // Deletes a message, then what Postfix knows of its delivery.
  absl::StatusOr<Moved> Delete(const Chosen& chosen) {
    const int source = folder_.Get(chosen.folder);
    if (source < 0) return SystemError(errno, absl::StrCat("open ", chosen.folder));
    const bool there = unlinkat(source, chosen.id.c_str(), 0) == 0;
    if (!there && errno != ENOENT)
      return SystemError(errno, absl::StrCat("delete ", chosen.folder, "/", chosen.id));
    for (const char* kind : {"bounce", "defer", "trace"}) {
      for (FolderCache* place : {&folder_, &queue_}) {
        for (const std::string& folder : LogFolders(kind, chosen.id)) {
          const int at = place->Get(folder);
          if (at >= 0) (void)unlinkat(at, chosen.id.c_str(), 0);
        }
      }
    }
    return there ? Moved::kMoved : Moved::kGoneBefore;
  }

  absl::Status Sync() {
    MQ_RETURN_IF_ERROR(queue_.Sync());
    return folder_.Sync();
  }

 private:
  std::vector<std::string> LogFolders(const std::string& kind, const std::string& id) const {
    std::vector<std::string> folders = {layout_.FolderOf(kind, id)};
    if (folders[0] != kind) folders.push_back(kind);
    return folders;
  }

  absl::Status MoveLog(const std::string& kind, const std::string& id) {
    for (const std::string& folder : LogFolders(kind, id)) {
      const int source = folder_.Get(folder);
      struct stat info {};
      if (source < 0 || fstatat(source, id.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
      if (!S_ISREG(info.st_mode)) continue;
      const int target =
          queue_.GetOrMake(layout_.FolderOf(kind, id), instance_.mail_owner, instance_.mail_group);
      if (target < 0) return SystemError(errno, absl::StrCat("open the queue folder ", kind));
      if (elsewhere_) {
        const Fd log(openat(source, id.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
        if (!log.ok()) return SystemError(errno, absl::StrCat("open ", folder, "/", id));
        MQ_ASSIGN_OR_RETURN(const bool copied, way_back_.CopyLog(log.get(), id, target));
        if (copied) copied_logs_.emplace_back(folder, id);
        continue;
      }
      const int failed = RenameNew(source, id, target, id);
      if (failed != 0 && failed != EEXIST && failed != ENOENT)
        return SystemError(failed, absl::StrCat("move ", folder, "/", id));
    }
    return absl::OkStatus();
  }

  const Instance& instance_;
  Layout layout_;
  FolderCache queue_;
  FolderCache folder_;
  WayBack way_back_;
  const bool elsewhere_;
  std::vector<std::pair<std::string, std::string>> copied_logs_;  // Folder and id.
};

void Poke(const Instance& instance,
          const std::string& service,
          const std::string& request,
          bool hurried,
          const CallContext& context) {
  ProcessOptions options;
  options.timeout = hurried ? absl::Seconds(1) : absl::Seconds(10);
  std::string why;
  // A queue manager that has just been restarted, or has a full backlog, takes it a moment later.
  for (int attempt = 0; attempt < (hurried ? 1 : kPokes); ++attempt) {
    if (attempt > 0) absl::SleepFor(kBetweenPokes);
    const auto ran = RunProcess({absl::StrCat(instance.command_directory, "/postkick"), "-c",
                                 instance.config_directory, "public", service, request},
                                options);
    if (ran.ok() && ran->exit_code == 0) return;
    why = ran.ok()
              ? absl::StrCat("postkick ended with ", ran->exit_code, " ", ran->err.substr(0, 200))
              : ran.status().ToString();
  }
  context.progress(absl::StrCat("warning: ", service, " could not be woken (", why,
                                "); it takes the messages at its next scan or start"));
}

// What was moved is moved: a record that names too much keeps nothing in that may go, and lets
// nothing out.
void WarnOfRecord(const absl::Status& forgotten, const CallContext& context) {
  if (forgotten.ok()) return;
  context.progress(absl::StrCat("warning: the record of what was scanned still names messages ",
                                "that are gone (", std::string(forgotten.message()),
                                "); the next scan forgets them"));
}

std::string ListPath(const OpenQuarantine& quarantine,
                     const std::string& verb,
                     const CallContext& context) {
  return absl::StrCat(quarantine.place, "/", verb, "-", QuarantineId(context.command_id, ""),
                      ".list");
}

// What a finished operation leaves: the count is taken from the disk, so that a repeat after later
// ones tells the truth.
absl::StatusOr<ScanTotals> CountAgain(const Instance& instance,
                                      OpenQuarantine& quarantine,
                                      const ScanTotals& before,
                                      std::int64_t gone,
                                      std::int64_t gone_bytes,
                                      bool repeated,
                                      const CallContext& context) {
  ScanTotals now = before;
  now.messages -= gone;
  now.bytes -= gone_bytes;
  if (repeated) {
    MQ_ASSIGN_OR_RETURN(const Filter all, Filter::Make({}));
    MQ_ASSIGN_OR_RETURN(
        now, Scan(quarantine.folder.get(), QuarantinedQueues(), all, instance.mail_owner, context,
                  [](const FoundFile&, const MessageFacts&) { return absl::OkStatus(); }));
  }
  quarantine.manifest.messages = now.messages;
  quarantine.manifest.bytes = now.bytes;
  MQ_RETURN_IF_ERROR(RecordCount(quarantine.path, quarantine.manifest));
  return now;
}

}  // namespace

absl::StatusOr<v1::QuarantineReleaseResult> Release(const Instance& instance,
                                                    const v1::QuarantineRelease& request,
                                                    const CallContext& context) {
  if (context.command_id.empty()) return absl::InvalidArgumentError("a command id is wanted");
  MQ_ASSIGN_OR_RETURN(OpenQuarantine quarantine, OpenById(instance, request.quarantine_id()));
  MQ_ASSIGN_OR_RETURN(const Filter filter, Filter::Make(request.filter()));
  Mover mover(instance, quarantine);
  // What is on its way has left the quarantine before; it does not wait for a scan.
  MQ_RETURN_IF_ERROR(mover.Settle());
  // To the end: a scan knows more than it has saved.
  MQ_ASSIGN_OR_RETURN(const std::unique_ptr<FileLock> no_scan,
                      LockScan(quarantine.path, "no message was released"));
  MQ_ASSIGN_OR_RETURN(const ScanRecord scanned, ReadScan(quarantine.path, quarantine.manifest));
  const std::string path = ListPath(quarantine, "release", context);
  const bool repeated = access(path.c_str(), F_OK) == 0;
  ChosenList list(path);
  MQ_RETURN_IF_ERROR(list.WriteOnce(quarantine.folder.get(), QuarantinedQueues(), filter,
                                    instance.mail_owner, context));
  MQ_FAULT_POINT(kReleaseList);
  MQ_ASSIGN_OR_RETURN(const ScanTotals before, list.Totals());
  // Asked for each message: after a crash a scan may have found something in what the list has.
  const std::set<std::string> false_positives(request.false_positives().begin(),
                                              request.false_positives().end());

  std::int64_t released = 0, released_bytes = 0, taken = 0, seen = 0, kept_out = 0;
  bool maildrop = false;
  const auto let_in = [&](bool at_the_end) -> absl::Status {
    MQ_ASSIGN_OR_RETURN(const std::vector<Chosen> back, mover.LetIn(at_the_end));
    for (const Chosen& one : back) {
      --released;
      released_bytes -= one.bytes;
      ++taken;
    }
    return absl::OkStatus();
  };
  absl::Status moved_all = list.ForEach([&](const Chosen& chosen) -> absl::Status {
    if (++seen % 64 == 0) MQ_RETURN_IF_ERROR(CheckDeadline(context));
    if (scanned.KeepsOut(ScanKey(chosen.Queue(), chosen.id), false_positives)) {
      MQ_ASSIGN_OR_RETURN(const bool there, mover.IsThere(chosen));
      if (there) {
        ++kept_out;
      } else {  // Released until an end before the last one, and forgotten by the record since.
        ++released;
        released_bytes += chosen.bytes;
      }
      return absl::OkStatus();
    }
    MQ_ASSIGN_OR_RETURN(const Mover::Moved moved, mover.PutBack(chosen));
    maildrop = maildrop || chosen.Queue() == "maildrop";
    if (moved == Mover::Moved::kIdTaken) {
      ++taken;
      return absl::OkStatus();
    }
    ++released;
    released_bytes += chosen.bytes;
    if (moved == Mover::Moved::kMoved) MQ_FAULT_POINT(kReleaseMove);
    return let_in(false);
  });
  if (moved_all.ok()) moved_all = let_in(true);
  // What is on its way from another volume waits for no repeat. What was released until an end
  // before the last one is in the queue: the queue manager is told, and it is counted.
  const absl::StatusOr<std::vector<Chosen>> back = mover.TakeBack();
  moved_all.Update(back.status());
  for (const Chosen& one : back.value_or(std::vector<Chosen>())) {
    --released;
    released_bytes -= one.bytes;
  }
  const absl::Status synced = mover.Sync();
  if (!synced.ok()) return moved_all.ok() ? synced : moved_all;
  MQ_FAULT_POINT(kReleasePoke);
  if (released > 0) Poke(instance, "qmgr", "I", !moved_all.ok(), context);
  if (maildrop) Poke(instance, "pickup", "W", !moved_all.ok(), context);

  MQ_ASSIGN_OR_RETURN(const ScanTotals now,
                      CountAgain(instance, quarantine, before, released, released_bytes,
                                 repeated && moved_all.ok(), context));
  v1::OperationResult so_far;
  v1::QuarantineReleaseResult& result = *so_far.mutable_quarantine_release();
  result.set_quarantine_id(request.quarantine_id());
  result.set_released(released);
  result.set_left(now.messages);
  result.set_unreadable(now.unreadable);
  result.set_infected(kept_out);
  if (kept_out > 0) result.set_notice(KeptOutNotice(kept_out, scanned));
  WarnOfRecord(ForgetGone(quarantine), context);
  context.done_so_far(so_far);
  MQ_FAULT_POINT(kReleaseForgotten);
  if (!moved_all.ok())
    return Prepend(moved_all,
                   absl::StrCat(released, " messages of quarantine ", request.quarantine_id(),
                                " were released, ", now.messages, " are left in it"));
  if (taken > 0) {
    return Error(
        absl::StatusCode::kAborted, "RELEASE_INCOMPLETE",
        absl::StrCat(
            released, " messages of quarantine ", request.quarantine_id(), " were released, ",
            taken,
            " stay in it because the queue has messages of the same ids; release again when those "
            "are delivered"));
  }
  return result;
}

absl::StatusOr<v1::QuarantineDiscardResult> Discard(const Instance& instance,
                                                    const v1::QuarantineDiscard& request,
                                                    const CallContext& context) {
  if (context.command_id.empty()) return absl::InvalidArgumentError("a command id is wanted");
  MQ_ASSIGN_OR_RETURN(OpenQuarantine quarantine, OpenById(instance, request.quarantine_id()));
  MQ_ASSIGN_OR_RETURN(const Filter filter, Filter::Make(request.filter()));
  Mover mover(instance, quarantine);
  MQ_RETURN_IF_ERROR(mover.Settle());
  MQ_ASSIGN_OR_RETURN(const std::unique_ptr<FileLock> no_scan,
                      LockScan(quarantine.path, "no message was deleted"));
  const std::string path = ListPath(quarantine, "discard", context);
  const bool repeated = access(path.c_str(), F_OK) == 0;
  ChosenList list(path);
  MQ_RETURN_IF_ERROR(list.WriteOnce(quarantine.folder.get(), QuarantinedQueues(), filter,
                                    instance.mail_owner, context));
  MQ_FAULT_POINT(kDiscardList);
  MQ_ASSIGN_OR_RETURN(const ScanTotals before, list.Totals());
  std::int64_t discarded = 0, discarded_bytes = 0;
  const absl::Status deleted_all = list.ForEach([&](const Chosen& chosen) -> absl::Status {
    MQ_ASSIGN_OR_RETURN(const Mover::Moved moved, mover.Delete(chosen));
    ++discarded;
    discarded_bytes += chosen.bytes;
    if (moved == Mover::Moved::kMoved) MQ_FAULT_POINT(kDiscardUnlink);
    if (discarded % 1000 != 0) return absl::OkStatus();
    MQ_RETURN_IF_ERROR(CheckDeadline(context));
    return mover
        .Sync();  // In batches: one late flood of deletions would hold up the queue's own writes.
  });
  const absl::Status synced = mover.Sync();
  if (!synced.ok()) return deleted_all.ok() ? synced : deleted_all;
  MQ_FAULT_POINT(kDiscardComplete);
  MQ_ASSIGN_OR_RETURN(const ScanTotals now,
                      CountAgain(instance, quarantine, before, discarded, discarded_bytes,
                                 repeated && deleted_all.ok(), context));
  v1::OperationResult so_far;
  v1::QuarantineDiscardResult& result = *so_far.mutable_quarantine_discard();
  result.set_quarantine_id(request.quarantine_id());
  result.set_discarded(discarded);
  result.set_left(now.messages);
  WarnOfRecord(ForgetGone(quarantine), context);
  context.done_so_far(so_far);
  if (!deleted_all.ok())
    return Prepend(deleted_all,
                   absl::StrCat(discarded, " messages of quarantine ", request.quarantine_id(),
                                " were deleted, ", now.messages, " are left in it"));
  return result;
}

}  // namespace mailquench::agent::postfix
