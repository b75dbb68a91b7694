// One message out of its queue into a quarantine: it is suspended, exported and removed, in this
// order, so that at every moment it is whole in the queue or in a file.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_TAKE_MESSAGE_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_TAKE_MESSAGE_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/mail/exchange/queue_ops.h"
#include "agent/mail/exchange/set_aside.h"
#include "agent/mail/exchange/shell.h"
#include "agent/mail/folders/quarantine_home.h"
#include "agent/mail/mail_system.h"

namespace mailquench::agent::exchange {

// Whether it could come back: once it is out of its queue, the file is its only way. Errors: those
// of CheckEnvelope(), kOutOfRange/TOO_LARGE.
absl::Status CheckTakable(const Record& record);

enum class End {
  kTaken,
  kGone,     // It is not in the queues any more, and was not exported: delivered meanwhile.
  kUnsure,   // It may have been delivered: in the quarantine, marked.
  kSkipped,  // It stays in its queue.
};

// Blocks; not thread-safe.
class Taker {
 public:
  // What it is given outlives it.
  Taker(Shell& shell,
        const OpenQuarantine& open,
        const QueueOptions& options,
        const CallContext& context)
      : shell_(shell), open_(open), options_(options), context_(context) {}

  // *why says why one is skipped. Again after a crash, it goes on. Errors: all that another message
  // would meet, too, of the shell and the disk; this one is as it was.
  absl::StatusOr<End> Take(const Record& record, absl::Status* why);

 private:
  absl::Status Do(const char* cmdlet,
                  const std::string& identity,
                  std::vector<std::pair<std::string, Value>> more);
  absl::Time Deadline() const;
  absl::StatusOr<std::string> IdentityNow(const Record& record);
  absl::StatusOr<End> Unsure(const std::string& file);
  bool IsOfThisMessage(const absl::Status& trouble);
  absl::Status Keep(const Record& record, const std::string& identity, const std::string& file);
  void Resume(const Record& record, const std::string& identity);

  Shell& shell_;
  const OpenQuarantine& open_;
  const QueueOptions& options_;
  const CallContext& context_;
  int unreadable_ = 0;
};

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_TAKE_MESSAGE_H_
