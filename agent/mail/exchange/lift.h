// Messages out of a whole database that is set aside, while Transport has a copy of it open: into
// the quarantine as files, from where a release sends them like exported ones.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_LIFT_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_LIFT_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/mail/exchange/queue_ops.h"
#include "agent/mail/exchange/shell.h"
#include "agent/mail/folders/quarantine_home.h"
#include "agent/mail/mail_system.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench::agent::exchange {

struct Lifted {
  std::int64_t matching = 0, came = 0;
  std::int64_t stuck = 0;       // Could not be exported; they stay in the database.
  std::int64_t stuck_came = 0;  // Of these, what came in: the database is then not to be deleted.
  std::string first_trouble;
};

// Waits until Transport has sorted what it found: nothing in Submission, and counts that stay.
// kDeadlineExceeded/QUEUES_UNSTABLE.
absl::Status WaitForCalm(Shell& shell, const QueueOptions& options, const CallContext& context);

// Exports what matches, `filter` null: nothing, and all that came in since `began`, whatever it is,
// but for probes. What an earlier lift took is not taken again: its list says so, also of a message
// that was released since. Errors: kUnimplemented/NO_ACCOUNTS, kDataLoss/BAD_LIST, those of the
// shell and the disk; what was lifted until then is in the quarantine.
absl::StatusOr<Lifted> LiftMessages(Shell& shell,
                                    const OpenQuarantine& open,
                                    const v1::MessageFilter* filter,
                                    absl::Time began,
                                    const QueueOptions& options,
                                    const CallContext& context);

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_LIFT_H_
