#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/mail/postfix/quarantine_folder.h"
#include "agent/mail/postfix/queue_dir.h"
#include "agent/mail/postfix/queue_ops.h"
#include "agent/mail/postfix/queue_return.h"
#include "agent/quarantine/relocate.h"
#include "common/status/error.h"

namespace mailquench::agent::postfix {
namespace {

Relocation RelocationOf(const Instance& instance,
                        const OpenQuarantine& quarantine,
                        const v1::QuarantineMove& request,
                        const CallContext& context) {
  Relocation relocation;
  relocation.home = quarantine.path;
  relocation.root = request.directory();
  // Home is the queue's own file system: what Postfix wants there must stay free.
  if (relocation.root == kHome) relocation.keep_free = ReadLayout(instance).min_free;
  relocation.progress = context.progress;
  relocation.still_time = [&context]() -> absl::Status {
    if (absl::Now() < context.deadline) return context.still_wanted();
    return Error(absl::StatusCode::kDeadlineExceeded, "DEADLINE",
                 "the time for the move is over; repeat it with more");
  };
  return relocation;
}

v1::QuarantineMoveResult ResultOf(const OpenQuarantine& quarantine, const Relocated& relocated) {
  v1::QuarantineMoveResult result;
  *result.mutable_quarantine() = InfoOf(relocated.manifest, quarantine.path);
  result.set_from_directory(relocated.from);
  result.set_files(relocated.size.files);
  result.set_bytes(relocated.size.bytes);
  result.set_free_bytes(relocated.free_bytes);
  return result;
}

}  // namespace

absl::StatusOr<v1::QuarantineMoveResult> PreviewMove(const Instance& instance,
                                                     const v1::QuarantineMove& request) {
  MQ_ASSIGN_OR_RETURN(const OpenQuarantine quarantine, OpenById(instance, request.quarantine_id()));
  const CallContext context;
  MQ_ASSIGN_OR_RETURN(Relocated relocated,
                      PreviewRelocation(RelocationOf(instance, quarantine, request, context)));
  relocated.manifest.location =
      request.directory() == kHome
          ? ""
          : absl::StrCat(request.directory(), "/", relocated.manifest.quarantine_id);
  return ResultOf(quarantine, relocated);
}

absl::StatusOr<v1::QuarantineMoveResult> MoveQuarantine(const Instance& instance,
                                                        const v1::QuarantineMove& request,
                                                        const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const OpenQuarantine quarantine, OpenById(instance, request.quarantine_id()));
  const Layout layout = ReadLayout(instance);
  FolderCache queue(quarantine.queue.get());
  FolderCache place(quarantine.folder.get());
  MQ_RETURN_IF_ERROR(WayBack(instance, layout, quarantine, queue, place).Settle());
  MQ_ASSIGN_OR_RETURN(const Relocated relocated,
                      Relocate(RelocationOf(instance, quarantine, request, context)));
  return ResultOf(quarantine, relocated);
}

}  // namespace mailquench::agent::postfix
