// Reads what matters of one Postfix queue file: who sent it, from where, to whom, what about. The
// content is hostile.
#ifndef MAILQUENCH_AGENT_MAIL_POSTFIX_QUEUE_FILE_H_
#define MAILQUENCH_AGENT_MAIL_POSTFIX_QUEUE_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "agent/quarantine/message_facts.h"

namespace mailquench::agent::postfix {

// Bytes at an offset. Fewer than asked for only at the end of the file; negative: cannot be read.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual std::int64_t ReadAt(std::int64_t offset, char* buffer, std::size_t size) = 0;
};

// The envelope and the header up to the subject. Reads the first 4 KiB, more only where these do
// not suffice, and never more than `kMostBytes` of one file. Pointer records are followed a limited
// number of times. Error: kDataLoss/BAD_QUEUE_FILE where the envelope does not end as one
// (truncated or no queue file at all).
inline constexpr std::int64_t kMostBytes = std::int64_t{4} * 1024 * 1024;
absl::StatusOr<MessageFacts> ParseQueueFile(ByteSource& source);

}  // namespace mailquench::agent::postfix

#endif  // MAILQUENCH_AGENT_MAIL_POSTFIX_QUEUE_FILE_H_
