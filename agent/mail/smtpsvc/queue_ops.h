// What can be done to the queues of the SMTP service: look, set aside, put back, delete. All calls
// block and are called by one thread at a time, but for those that only look. Called again after a
// crash with the same command id, each completes what was begun. Nothing follows a link.
#ifndef MAILQUENCH_AGENT_MAIL_SMTPSVC_QUEUE_OPS_H_
#define MAILQUENCH_AGENT_MAIL_SMTPSVC_QUEUE_OPS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/mail/folders/folder_swap.h"
#include "agent/mail/mail_system.h"
#include "agent/mail/smtpsvc/folders.h"
#include "agent/mail/smtpsvc/virtual_servers.h"
#include "agent/os/counters.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench::agent::smtpsvc {

// Badmail is counted no further than this by a survey, and is never read by one: it may hold
// millions.
inline constexpr std::int64_t kMostBadmailCounted = 50'000;

// All fields but `running`. `messages` and `bytes` are without Badmail. At the deadline, and where
// Badmail holds more than is counted: marked as partial.
absl::StatusOr<v1::InstanceSurvey> SurveyServer(const VirtualServer& server,
                                                const Disk& disk,
                                                const CallContext& context);

// Files in the queue folders, each folder once; none is read, and Badmail is not looked at. With
// `counters`: what the service itself counts for each, where that is more and can be read.
absl::StatusOr<std::int64_t> CountQueues(const std::vector<VirtualServer>& servers,
                                         const Disk& disk,
                                         Counters* counters);

struct Taken {
  v1::QuarantineInfo info;
  absl::Duration swap_time;  // First rename to the last; zero when all was done before.
  std::string notice;        // What a person must know; "" mostly.
};

// Sets the queue and Badmail folders of a group aside by renaming, each with an empty one in its
// place: in a time that does not depend on what they hold. The caller guarantees that the servers
// are stopped. A folder that stays open in another program is emptied message by message instead.
// Errors: kAborted/QUEUE_BUSY (files that are open, or cannot be, are left; the quarantine is not
// complete, and nobody may start the service), kFailedPrecondition/OTHER_FILE_SYSTEM,
// /QUEUE_CHANGED (somebody replaced a folder meanwhile), kAborted/CANNOT_PREPARE (no room, no
// right; nothing was moved).
absl::StatusOr<Taken> SwapGroup(const Group& group,
                                const v1::QueueQuarantine& request,
                                const SwapOptions& options,
                                const Disk& disk,
                                const CallContext& context);

// An error where one of them runs.
using AtRest = std::function<absl::Status(const std::vector<VirtualServer>&)>;

// Completes every whole quarantine of folders of `chosen` that was cut short, whatever command made
// it: one may have left a server without its queue folder, and without this no group of it could be
// found. `at_rest` is asked of all servers whose folders it takes. Returns notices, as Taken has
// them. Errors: those of SwapGroup(); QUEUE_CHANGED only of this command's own.
absl::StatusOr<std::string> FinishSwaps(const std::vector<VirtualServer>& all,
                                        const std::vector<VirtualServer>& chosen,
                                        const AtRest& at_rest,
                                        const SwapOptions& options,
                                        const Disk& disk,
                                        const CallContext& context);

// Whether FinishSwaps() has something to do.
bool IsHalfSwept(const std::vector<VirtualServer>& all,
                 const std::vector<VirtualServer>& chosen,
                 const Disk& disk);

// Before a start: where such a quarantine has taken a folder and put none in its place, it is put
// there. The rest of it is for FinishSwaps().
absl::Status RefillSwaps(const std::vector<VirtualServer>& all,
                         const std::vector<VirtualServer>& chosen,
                         const SwapOptions& options,
                         const Disk& disk,
                         const CallContext& context);

// Sets aside what matches `request.filter` in the queue folders, message by message; all else, and
// Badmail, stays. The servers may run: what they have open, or deliver meanwhile, is not taken.
absl::StatusOr<Taken> MoveMatching(const Group& group,
                                   const v1::QueueQuarantine& request,
                                   const Disk& disk,
                                   const CallContext& context);

// What MoveMatching would take (an empty filter: all). At most `samples` samples.
absl::StatusOr<v1::QuarantineAnalyseResult> PreviewMatching(const Group& group,
                                                            const v1::MessageFilter& filter,
                                                            int samples,
                                                            const Disk& disk,
                                                            const CallContext& context);

// Also records the count in the manifest, so that a listing shows it from then on.
absl::StatusOr<v1::QuarantineAnalyseResult> AnalyseQuarantine(const std::vector<VirtualServer>& all,
                                                              const v1::QuarantineAnalyse& request,
                                                              const Disk& disk,
                                                              const CallContext& context);

// Puts matching messages back into the folders that they came from, as the servers have them now;
// Badmail into Badmail. The caller guarantees that the service is stopped. Nothing is overwritten:
// what meets a file of its name stays, and the call ends with kAborted/RELEASE_INCOMPLETE. Files
// that cannot be read go with an empty filter alone; transcripts stay.
absl::StatusOr<v1::QuarantineReleaseResult> ReleaseQuarantine(const std::vector<VirtualServer>& all,
                                                              const v1::QuarantineRelease& request,
                                                              const Disk& disk,
                                                              const CallContext& context);

// Deletes matching messages for good. Files that cannot be read go with an empty filter alone.
absl::StatusOr<v1::QuarantineDiscardResult> DiscardQuarantine(const std::vector<VirtualServer>& all,
                                                              const v1::QuarantineDiscard& request,
                                                              const Disk& disk,
                                                              const CallContext& context);

}  // namespace mailquench::agent::smtpsvc

#endif  // MAILQUENCH_AGENT_MAIL_SMTPSVC_QUEUE_OPS_H_
