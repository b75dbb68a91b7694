#include "agent/mail/smtpsvc/message_scan.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/mail/folders/paths.h"
#include "common/status/error.h"

namespace mailquench::agent::smtpsvc {

void ScanTotals::Add(const ScanTotals& other) {
  messages += other.messages;
  bytes += other.bytes;
  matching += other.matching;
  matching_bytes += other.matching_bytes;
  unreadable += other.unreadable;
  links += other.links;
  guessed += other.guessed;
}

absl::StatusOr<ScanTotals> ScanMessages(const std::string& path,
                                        bool badmail,
                                        const Filter& filter,
                                        const Disk& disk,
                                        const CallContext& context,
                                        const MessageVisitor& visit,
                                        Unreadable unreadable) {
  ScanTotals totals;
  const absl::Time now = absl::Now();
  std::int64_t seen = 0;
  const absl::Status walked =
      disk.for_each(path, [&](const FolderEntry& entry) -> absl::StatusOr<bool> {
        if (++seen % 64 == 0) MQ_RETURN_IF_ERROR(CheckTime(context));
        if (entry.kind == FolderEntry::Kind::kLink) ++totals.links;
        if (entry.kind != FolderEntry::Kind::kFile) return true;
        const FileRole role = RoleOf(entry.name, badmail);
        if (role != FileRole::kOther) totals.bytes += entry.bytes;
        if (role != FileRole::kMessage) return true;
        absl::StatusOr<ReadMessage> message = ReadMessageFile(JoinPath(path, entry.name));
        if (absl::IsNotFound(message.status())) {  // Delivered meanwhile.
          totals.bytes -= entry.bytes;
          return true;
        }
        ++totals.messages;
        if (!message.ok() && unreadable == Unreadable::kLeave) {
          ++totals.unreadable;
          return true;
        }
        if (!message.ok()) {
          message = ReadMessage();
          message->facts.sender_unknown = true;
        }
        if (message->source == EnvelopeSource::kStreams) ++totals.guessed;
        message->facts.bytes = entry.bytes;
        message->facts.arrival = entry.modified;
        if (!filter.Matches(message->facts, now)) return true;
        ++totals.matching;
        totals.matching_bytes += entry.bytes;
        MQ_RETURN_IF_ERROR(visit(entry.name, message->facts));
        return true;
      });
  if (!walked.ok() && !absl::IsNotFound(walked)) return walked;
  return totals;
}

std::string NoticeOf(const ScanTotals& totals) {
  std::string out;
  if (totals.guessed > 0)
    absl::StrAppend(&out, "Sender and recipients of ", totals.guessed,
                    " messages were guessed from NTFS streams whose layout is not documented.");
  if (totals.links > 0)
    absl::StrAppend(&out, out.empty() ? "" : " ", totals.links,
                    " junctions or links are among the files; they were not followed.");
  return out;
}

}  // namespace mailquench::agent::smtpsvc
