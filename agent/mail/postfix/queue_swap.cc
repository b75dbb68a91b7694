#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "agent/mail/postfix/chosen_list.h"
#include "agent/mail/postfix/quarantine_folder.h"
#include "agent/mail/postfix/queue_dir.h"
#include "agent/mail/postfix/queue_ops.h"
#include "agent/os/process.h"
#include "agent/quarantine/swap.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent::postfix {
namespace {
MQ_DEFINE_FAULT_POINT(kSelectManifest, "quarantine.select.manifest");
MQ_DEFINE_FAULT_POINT(kSelectList, "quarantine.select.list");
MQ_DEFINE_FAULT_POINT(kSelectHold, "quarantine.select.hold");
MQ_DEFINE_FAULT_POINT(kSelectMove, "quarantine.select.move");
MQ_DEFINE_FAULT_POINT(kSelectComplete, "quarantine.select.complete");

constexpr std::size_t kIdsAtOnce = 5000;

Manifest NewManifest(const Instance& instance,
                     const v1::QueueQuarantine& request,
                     const CallContext& context,
                     bool selective) {
  Manifest manifest;
  manifest.quarantine_id = QuarantineId(context.command_id, instance.name);
  manifest.command_id = context.command_id;
  manifest.instance = instance.name;
  manifest.reason = request.reason();
  manifest.incident_id = request.incident_id();
  manifest.create_time = absl::Now();
  manifest.selective = selective;
  return manifest;
}

absl::Status NeedCommand(const CallContext& context) {
  if (!context.command_id.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError("a command id is wanted");
}

// Tells the queue manager to let go of the messages on the list.
absl::Status Hold(const Instance& instance, const ChosenList& list, const CallContext& context) {
  std::vector<std::string> ids;
  const auto flush = [&]() -> absl::Status {
    if (ids.empty()) return absl::OkStatus();
    MQ_RETURN_IF_ERROR(CheckDeadline(context));
    ProcessOptions options;
    options.timeout = absl::Minutes(10);
    options.input = absl::StrJoin(ids, "\n") + "\n";
    ids.clear();
    MQ_ASSIGN_OR_RETURN(const ProcessResult ran,
                        RunProcess({absl::StrCat(instance.command_directory, "/postsuper"), "-c",
                                    instance.config_directory, "-h", "-"},
                                   options));
    MQ_FAULT_POINT(kSelectHold);
    if (ran.exit_code == 0) return absl::OkStatus();
    return Error(absl::StatusCode::kInternal, "POSTSUPER_FAILED",
                 absl::StrCat("postsuper -h ended with ", ran.exit_code, " (",
                              ran.err.substr(0, 300), "); repeat the quarantine"));
  };
  MQ_RETURN_IF_ERROR(list.ForEach([&](const Chosen& chosen) -> absl::Status {
    if (chosen.Queue() == "hold" || chosen.Queue() == "maildrop") return absl::OkStatus();
    ids.push_back(chosen.id);
    return ids.size() >= kIdsAtOnce ? flush() : absl::OkStatus();
  }));
  return flush();
}

// Moves one message into the quarantine from the first of `folders` that has it. False: none has.
absl::StatusOr<bool> TakeFrom(FolderCache& queue,
                              FolderCache& quarantine,
                              const std::vector<std::string>& folders,
                              const std::string& to,
                              const std::string& id) {
  const int target = quarantine.GetOrMake(to, 0, 0);
  if (target < 0) return SystemError(errno, absl::StrCat("open ", to, " of the quarantine"));
  struct stat info {};
  if (fstatat(target, id.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) return true;
  for (const std::string& folder : folders) {
    const int source = queue.Get(folder);
    if (source < 0) continue;
    if (renameat(source, id.c_str(), target, id.c_str()) == 0) return true;
    if (errno != ENOENT)
      return SystemError(errno, absl::StrCat("move ", folder, "/", id, " into the quarantine"));
  }
  return false;
}

}  // namespace

absl::StatusOr<v1::QuarantineInfo> SwapQueue(const Instance& instance,
                                             const v1::QueueQuarantine& request,
                                             const CallContext& context,
                                             absl::Duration* swap_time) {
  MQ_RETURN_IF_ERROR(NeedCommand(context));
  SwapRequest swap;
  MQ_ASSIGN_OR_RETURN(swap.root, QueueRoot(instance));
  swap.manifest = NewManifest(instance, request, context, /*selective=*/false);
  MQ_RETURN_IF_ERROR(MakeFolder(swap.root, swap.manifest.quarantine_id));
  swap.folder = absl::StrCat(swap.root, "/", kQuarantines, "/", swap.manifest.quarantine_id);
  swap.directories = {"incoming", "active", "deferred", "defer",
                      "bounce",   "hold",   "maildrop", "corrupt"};
  for (const std::string& name : swap.directories) {
    if (name == "maildrop") {
      swap.fallbacks.push_back({instance.mail_owner, instance.setgid_group, 0730});
    } else {
      swap.fallbacks.push_back({instance.mail_owner, 0, 0700});
    }
  }
  MQ_ASSIGN_OR_RETURN(const Manifest manifest, SwapDirectories(swap, swap_time));
  return InfoOf(manifest, swap.folder);
}

absl::StatusOr<v1::QuarantineInfo> MoveMatching(const Instance& instance,
                                                const v1::QueueQuarantine& request,
                                                bool running,
                                                const CallContext& context) {
  MQ_RETURN_IF_ERROR(NeedCommand(context));
  MQ_ASSIGN_OR_RETURN(const Filter filter, Filter::Make(request.filter()));
  MQ_ASSIGN_OR_RETURN(const std::string root, QueueRoot(instance));
  Manifest manifest = NewManifest(instance, request, context, /*selective=*/true);
  MQ_RETURN_IF_ERROR(MakeFolder(root, manifest.quarantine_id));
  const std::string path = absl::StrCat(root, "/", kQuarantines, "/", manifest.quarantine_id);
  MQ_ASSIGN_OR_RETURN(const Fd queue_fd, OpenDirectory(root));
  MQ_ASSIGN_OR_RETURN(const Fd folder_fd, OpenDirectory(path));

  absl::StatusOr<Manifest> recorded = ReadManifest(path);
  if (recorded.ok()) {
    manifest = *recorded;
    if (manifest.complete) return InfoOf(manifest, path);
    if (!manifest.location.empty() || !manifest.leaving.empty())
      return Error(absl::StatusCode::kFailedPrecondition, "QUARANTINE_MOVED",
                   absl::StrCat(path,
                                " was moved before all was in it; the queue was left as it "
                                "is, what was set aside is whole, begin another quarantine"));
  } else if (absl::IsNotFound(recorded.status())) {
    MQ_RETURN_IF_ERROR(WriteManifest(path, manifest));
  } else {
    return recorded.status();
  }
  MQ_FAULT_POINT(kSelectManifest);
  ChosenList list(absl::StrCat(path, "/select.list"));
  MQ_RETURN_IF_ERROR(
      list.WriteOnce(queue_fd.get(), LiveQueues(), filter, instance.mail_owner, context));
  MQ_FAULT_POINT(kSelectList);
  // What is on hold by now is taken even where the rest could not be held: left on hold it would
  // wait there for ever.
  absl::Status held = running ? Hold(instance, list, context) : absl::OkStatus();

  const Layout layout = ReadLayout(instance);
  FolderCache queue(queue_fd.get());
  FolderCache quarantine(folder_fd.get());
  std::int64_t messages = 0, bytes = 0;
  MQ_RETURN_IF_ERROR(list.ForEach([&](const Chosen& chosen) -> absl::Status {
    const std::string origin = chosen.Queue();
    const bool special = origin == "hold" || origin == "maildrop";
    std::vector<std::string> folders = {layout.FolderOf("hold", chosen.id)};
    // Below a running queue manager nothing is taken that it may hold in its hands.
    if (special) folders = {chosen.folder};
    if (!special && !running) folders.push_back(chosen.folder);
    MQ_ASSIGN_OR_RETURN(const bool taken, TakeFrom(queue, quarantine, folders,
                                                   special ? origin : kSelected, chosen.id));
    if (taken) {
      ++messages;
      bytes += chosen.bytes;
      MQ_FAULT_POINT(kSelectMove);
    }
    return absl::OkStatus();
  }));
  MQ_RETURN_IF_ERROR(quarantine.Sync());
  MQ_RETURN_IF_ERROR(queue.Sync());
  manifest.messages = messages;
  manifest.bytes = bytes;
  manifest.complete = held.ok();
  MQ_FAULT_POINT(kSelectComplete);
  MQ_RETURN_IF_ERROR(WriteManifest(path, manifest));
  if (!held.ok())
    return Prepend(held, absl::StrCat(messages, " messages are set aside in ",
                                      manifest.quarantine_id, ", the others are where they were"));
  return InfoOf(manifest, path);
}

}  // namespace mailquench::agent::postfix
