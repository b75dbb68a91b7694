#include "agent/mail/exchange/take_message.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/mail/exchange/envelope.h"
#include "agent/mail/exchange/export_message.h"
#include "agent/mail/exchange/queue_view.h"
#include "agent/mail/exchange/replay.h"
#include "agent/os/files.h"
#include "agent/os/folder.h"
#include "agent/quarantine/top_k.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
MQ_DEFINE_FAULT_POINT(kSuspended, "exchange.select.suspended");
MQ_DEFINE_FAULT_POINT(kExported, "exchange.select.exported");
MQ_DEFINE_FAULT_POINT(kKept, "exchange.select.kept");
MQ_DEFINE_FAULT_POINT(kAsked, "exchange.select.asked");
MQ_DEFINE_FAULT_POINT(kRemoved, "exchange.select.removed");
MQ_DEFINE_FAULT_POINT(kUnsureNow, "exchange.select.unsure");

// Behind the name of an exported message until its removal is asked for.
constexpr char kPart[] = ".part";
// So many exports whose answer could not be read end a quarantine.
constexpr int kMostUnreadable = 3;
}  // namespace

absl::Status CheckTakable(const Record& record) {
  MQ_RETURN_IF_ERROR(CheckEnvelope(record.row.facts.sender, record.row.recipients));
  if (record.row.facts.bytes <= kMostExported) return absl::OkStatus();
  return Error(absl::StatusCode::kOutOfRange, "TOO_LARGE",
               absl::StrCat("a message has ", record.row.facts.bytes,
                            " bytes, which is more than can be exported; it stays in its queue; "
                            "set the whole queue aside, or see to it by hand"));
}

absl::StatusOr<End> Taker::Take(const Record& record, absl::Status* why) {
  const std::string file = ExportedFile(open_, record.number);
  // The file has its name from before the removal is asked for: a crash in between, and one that
  // is gone was removed by that, for it was suspended, and nobody else had asked.
  const bool asked = IdentityOf(file).ok();
  const bool kept = asked || IdentityOf(file + kPart).ok();
  MQ_ASSIGN_OR_RETURN(const std::string identity, IdentityNow(record));
  if (identity.empty()) {
    if (!kept) return End::kGone;  // Delivered meanwhile.
    if (!asked) return Unsure(file);
    return IsUnsure(file) ? End::kUnsure : End::kTaken;
  }
  if (!kept) {
    const absl::Status kept_now = Keep(record, identity, file + kPart);
    if (absl::IsNotFound(kept_now)) return End::kGone;
    if (!kept_now.ok()) {
      if (CheckTakable(record).ok()) Resume(record, identity);
      if (!IsOfThisMessage(kept_now)) return kept_now;
      *why = kept_now;
      return End::kSkipped;
    }
  }
  if (kept && !record.suspended) {
    // Since an earlier try somebody may have resumed it: what is in delivery is removed only when
    // that is over, and would be in both places.
    const absl::Status held = Do("Suspend-Message", identity, {});
    if (absl::IsNotFound(held)) return asked ? absl::StatusOr<End>(End::kTaken) : Unsure(file);
    if (!held.ok() && ReasonOf(held) != "CMDLET_FAILED") return held;
  }
  MQ_FAULT_POINT(kKept);
  if (!asked) MQ_RETURN_IF_ERROR(MoveEntry(file + kPart, file));
  MQ_FAULT_POINT(kAsked);
  const absl::Status removed = Do("Remove-Message", identity, {{"WithNDR", false}});
  // It was there a moment ago and suspended: whoever took it away has perhaps resumed it first,
  // and it was delivered.
  if (absl::IsNotFound(removed)) return Unsure(file);
  if (!removed.ok()) {
    const absl::StatusOr<std::string> still = IdentityNow(record);
    if (!still.ok()) {
      // It is in its queue, or it is not: no release is to send the file unasked.
      MQ_RETURN_IF_ERROR(Unsure(file).status());
      return Prepend(removed, absl::StrCat("whether message ", Printable(identity),
                                           " is still in its queue, suspended, is not known; it is "
                                           "in the quarantine, marked so"));
    }
    if (still->empty()) return End::kTaken;
    // What was refused stays in its queue, and the file would be a second one of it. Of any other
    // failure nobody knows whether it is still to happen, and then the file is the only one.
    const bool refused = ReasonOf(removed) == "CMDLET_FAILED";
    const absl::Status undone = refused ? RemoveFile(file) : MoveEntry(file, file + kPart);
    if (undone.ok()) Resume(record, *still);
    if (!undone.ok() || !refused) return removed;
    *why = removed;
    return End::kSkipped;
  }
  MQ_FAULT_POINT(kRemoved);
  if (IsUnsure(file)) MQ_RETURN_IF_ERROR(RemoveFile(file + kUnsureMark));  // Of an earlier try.
  return End::kTaken;
}

absl::Status Taker::Do(const char* cmdlet,
                       const std::string& identity,
                       std::vector<std::pair<std::string, Value>> more) {
  more.insert(more.begin(), {"Identity", identity});
  more.emplace_back("Confirm", false);
  return shell_.Run({{{cmdlet, std::move(more)}}, {}, false}, Deadline()).status();
}

absl::Time Taker::Deadline() const {
  return std::min(context_.deadline, absl::Now() + options_.call_wait);
}

// A restart of Transport renames queues and keeps the numbers of messages; a new database has the
// same numbers for others. "": it is gone.
absl::StatusOr<std::string> Taker::IdentityNow(const Record& record) {
  MQ_ASSIGN_OR_RETURN(const std::vector<MessageRow> found,
                      LocateMessage(shell_, record.row.identity, context_));
  std::string moved;
  for (const MessageRow& row : found) {
    if (row.message_id != record.row.message_id || row.facts.sender != record.row.facts.sender)
      continue;
    if (row.identity == record.row.identity) return row.identity;
    // One message is in several queues, each with recipients of its own.
    if (row.recipients == record.row.recipients) moved = row.identity;
  }
  return moved;
}

// In the quarantine, marked: no release sends it unasked.
absl::StatusOr<End> Taker::Unsure(const std::string& file) {
  MQ_RETURN_IF_ERROR(WriteFileAtomically(file + kUnsureMark, "", 0600));
  MQ_FAULT_POINT(kUnsureNow);
  const absl::Status moved = MoveEntry(file + kPart, file);
  if (!moved.ok() && !absl::IsNotFound(moved)) return moved;
  return End::kUnsure;
}

// Another one is not concerned. An answer that cannot be read or does not come may be this
// message's, and may be the shell's: a few are tried.
bool Taker::IsOfThisMessage(const absl::Status& trouble) {
  const std::string reason = ReasonOf(trouble);
  if (reason == "BAD_ENVELOPE" || reason == "BAD_EXPORT" || reason == "TOO_LARGE" ||
      reason == "CMDLET_FAILED")
    return true;
  const bool unreadable = reason == "SHELL_SPOKE_RUBBISH" || reason == "SHELL_TIMED_OUT";
  return unreadable && ++unreadable_ < kMostUnreadable;
}

absl::Status Taker::Keep(const Record& record,
                         const std::string& identity,
                         const std::string& file) {
  // Before anything is done to it.
  MQ_RETURN_IF_ERROR(CheckTakable(record));
  if (!record.suspended) MQ_RETURN_IF_ERROR(Do("Suspend-Message", identity, {}));
  MQ_FAULT_POINT(kSuspended);
  MQ_ASSIGN_OR_RETURN(const std::string content, ExportMessage(shell_, identity, Deadline()));
  MQ_FAULT_POINT(kExported);
  return WriteFileAtomically(file, content, 0600);
}

void Taker::Resume(const Record& record, const std::string& identity) {
  if (record.suspended) return;
  const absl::Status resumed = Do("Resume-Message", identity, {});
  if (!resumed.ok() && !absl::IsNotFound(resumed))
    context_.progress(absl::StrCat("warning: message ", Printable(identity),
                                   " may be left suspended: ", resumed.message()));
}

}  // namespace mailquench::agent::exchange
