// The messages of one folder, in bounded memory, however many there are.
#ifndef MAILQUENCH_AGENT_MAIL_SMTPSVC_MESSAGE_SCAN_H_
#define MAILQUENCH_AGENT_MAIL_SMTPSVC_MESSAGE_SCAN_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/mail/folders/check_time.h"
#include "agent/mail/folders/message_file.h"
#include "agent/mail/mail_system.h"
#include "agent/mail/smtpsvc/folders.h"
#include "agent/quarantine/filter.h"

namespace mailquench::agent::smtpsvc {

struct ScanTotals {
  std::int64_t messages = 0;  // All that are there, whether they match or not.
  std::int64_t bytes = 0;
  std::int64_t matching = 0;
  std::int64_t matching_bytes = 0;
  std::int64_t unreadable = 0;  // Files that are no message, or cannot be read; no match.
  std::int64_t links = 0;       // Neither followed nor counted as a message.
  std::int64_t guessed = 0;     // Messages whose envelope is a guess (EnvelopeSource::kStreams).

  void Add(const ScanTotals& other);
};

using MessageVisitor =
    std::function<absl::Status(const std::string& name, const MessageFacts& facts)>;

// Files that are no message, or cannot be read: left and counted, or taken like messages whose
// sender nobody knows.
enum class Unreadable { kLeave, kTake };

// Reads the start of every message and shows those that match. A folder that is missing is empty.
// Errors: those of the disk, of `visit`, and of CheckTime().
absl::StatusOr<ScanTotals> ScanMessages(const std::string& path,
                                        bool badmail,
                                        const Filter& filter,
                                        const Disk& disk,
                                        const CallContext& context,
                                        const MessageVisitor& visit,
                                        Unreadable unreadable = Unreadable::kLeave);

// One sentence about guesses and links, or "".
std::string NoticeOf(const ScanTotals& totals);

}  // namespace mailquench::agent::smtpsvc

#endif  // MAILQUENCH_AGENT_MAIL_SMTPSVC_MESSAGE_SCAN_H_
