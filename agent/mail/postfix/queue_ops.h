// What can be done to the queue of one Postfix instance: look, set aside, put back, delete. All
// calls block and are called by one thread at a time for one instance. Called again after a crash
// with the same command id, each completes what was begun. Nothing follows a link below a queue
// root.
#ifndef MAILQUENCH_AGENT_MAIL_POSTFIX_QUEUE_OPS_H_
#define MAILQUENCH_AGENT_MAIL_POSTFIX_QUEUE_OPS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/mail/mail_system.h"
#include "agent/mail/postfix/instance.h"
#include "agent/mail/postfix/queue_dir.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench::agent::postfix {

// The queues of an instance, held open: they stay the same folders when a swap moves them.
struct OpenQueues {
  std::string instance;
  uid_t mail_owner = 0;
  std::vector<std::pair<std::string, Fd>> queues;  // Name and folder; without the missing ones.
};
absl::StatusOr<OpenQueues> OpenLiveQueues(const Instance& instance);

// All fields but `running`. Counts every file; `messages` and `bytes` are without the corrupt
// queue. Memory is bounded. At the deadline: what was read until then, marked as partial.
absl::StatusOr<v1::InstanceSurvey> SurveyQueue(const OpenQueues& open, const CallContext& context);
absl::StatusOr<v1::InstanceSurvey> SurveyQueue(const Instance& instance,
                                               const CallContext& context);

// Files in incoming, active, deferred, hold and maildrop; none is read.
absl::StatusOr<std::int64_t> CountQueue(const Instance& instance);

// Exchanges the whole queue with an empty one, in a time that does not depend on its size. The
// caller guarantees that the instance is stopped. `swap_time`: first rename to last fsync; zero
// when all was done before.
absl::StatusOr<v1::QuarantineInfo> SwapQueue(const Instance& instance,
                                             const v1::QueueQuarantine& request,
                                             const CallContext& context,
                                             absl::Duration* swap_time);

// Sets aside what matches `request.filter`, message by message; all else stays. With `running` the
// messages go through `postsuper -h`, so that the queue manager lets go of them first. A message
// that Postfix delivers meanwhile is not taken.
absl::StatusOr<v1::QuarantineInfo> MoveMatching(const Instance& instance,
                                                const v1::QueueQuarantine& request,
                                                bool running,
                                                const CallContext& context);

// What MoveMatching would take (an empty filter: all). At most 100 samples. Only reads.
absl::StatusOr<v1::QuarantineAnalyseResult> PreviewMatching(const Instance& instance,
                                                            const v1::MessageFilter& filter,
                                                            int samples,
                                                            const CallContext& context);

// Oldest first. One whose manifest cannot be read is listed by its name alone.
absl::StatusOr<std::vector<v1::QuarantineInfo>> ListQuarantines(const Instance& instance);

// The instance that holds the quarantine. Error: kNotFound/UNKNOWN_QUARANTINE.
absl::StatusOr<Instance> FindQuarantine(const std::vector<Instance>& instances,
                                        const std::string& quarantine_id);

// Also records the count in the manifest, so that a listing shows it from then on.
absl::StatusOr<v1::QuarantineAnalyseResult> Analyse(const Instance& instance,
                                                    const v1::QuarantineAnalyse& request,
                                                    const CallContext& context);

// The folder with the manifest.
absl::StatusOr<std::string> QuarantineHome(const Instance& instance,
                                           const std::string& quarantine_id);

// As MailSystem::ReadQuarantined().
absl::Status ReadQuarantined(const Instance& instance,
                             const std::string& quarantine_id,
                             const std::function<bool(const std::string& key)>& wanted,
                             const QuarantinedVisitor& visit,
                             const CallContext& context);

// Puts matching messages back, but for those that an antivirus keeps out (ScanRecord): mail that
// was on hold goes on hold, mail from the maildrop into the maildrop, all other into `incoming`,
// under its own id. Then wakes the queue manager. Errors beside those of the file system:
// kFailedPrecondition/QUARANTINE_AWAY, /OTHER_FILE_SYSTEM; kAborted/RELEASE_INCOMPLETE (some ids
// are taken).
absl::StatusOr<v1::QuarantineReleaseResult> Release(const Instance& instance,
                                                    const v1::QuarantineRelease& request,
                                                    const CallContext& context);

// Deletes matching messages and their delivery logs for good. Unreadable files stay.
absl::StatusOr<v1::QuarantineDiscardResult> Discard(const Instance& instance,
                                                    const v1::QuarantineDiscard& request,
                                                    const CallContext& context);

// Moves the quarantine to ROOT/ID on another file system, or back ("home"), and leaves a pointer.
// Errors: those of Relocate(), kDeadlineExceeded/DEADLINE.
absl::StatusOr<v1::QuarantineMoveResult> MoveQuarantine(const Instance& instance,
                                                        const v1::QuarantineMove& request,
                                                        const CallContext& context);
// What it would do; only reads.
absl::StatusOr<v1::QuarantineMoveResult> PreviewMove(const Instance& instance,
                                                     const v1::QuarantineMove& request);

// One sentence where the file systems of these queues have less room than Postfix wants, else "".
std::string SpaceNotice(const std::vector<Instance>& instances);

}  // namespace mailquench::agent::postfix

#endif  // MAILQUENCH_AGENT_MAIL_POSTFIX_QUEUE_OPS_H_
