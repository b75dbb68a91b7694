// What can be done to the mail of a server: set aside, look into, give back, delete. All calls
// block and are called by one thread at a time, but for those that only look. Called again after a
// crash with the same command id, each completes what was begun. Nothing follows a link.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_QUEUE_OPS_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_QUEUE_OPS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/mail/exchange/installation.h"
#include "agent/mail/exchange/shell.h"
#include "agent/mail/exchange/transport_paths.h"
#include "agent/mail/folders/disk.h"
#include "agent/mail/folders/folder_swap.h"
#include "agent/mail/folders/quarantine_home.h"
#include "agent/mail/mail_system.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench::agent::exchange {

struct QueueOptions {
  std::string server;
  Role role = Role::kMailbox;
  SwapOptions swap;
  Disk disk;
  absl::Duration call_wait = absl::Minutes(2);     // Of one call of the shell.
  absl::Duration replay_poll = absl::Seconds(1);   // Between two looks at Replay and Pickup.
  std::int64_t replay_batch = 50;                  // Files in Replay or Pickup at a time.
  absl::Duration replay_wait = absl::Minutes(10);  // For one batch to be taken.
};

struct Taken {
  v1::QuarantineInfo info;
  absl::Duration swap_time;  // First rename to the last; zero when all was done before.
  std::string notice;        // What a person must know; "" mostly.
};

// ---- Whole: the queue database's folder or folders, Pickup and Replay, by renaming.

// What Sweep() would refuse: kFailedPrecondition/NOT_A_DIRECTORY (a folder is a link),
// /BAD_DIRECTORY (one is below another).
absl::Status CheckFolders(const TransportPaths& paths, const Disk& disk);

// The caller guarantees that the services are stopped. `known`: what was counted before the stop;
// it is kept beside the mail, since the database itself cannot be read. Errors: those of
// CheckFolders(), kAborted/CANNOT_PREPARE (nothing was moved), those of FolderSwap.
absl::StatusOr<Taken> Sweep(const TransportPaths& paths,
                            const v1::QueueQuarantine& request,
                            const std::optional<v1::InstanceSurvey>& known,
                            const QueueOptions& options,
                            const CallContext& context);

// Completes every sweep that was cut short, whatever command made it. Returns notices. Errors:
// those of FolderSwap; QUEUE_CHANGED only of this command's own.
absl::StatusOr<std::string> FinishSweeps(const TransportPaths& paths,
                                         const QueueOptions& options,
                                         const CallContext& context);
bool IsHalfSwept(const TransportPaths& paths, const Disk& disk);
// Before a start: an empty folder in the place of each that was taken and has none.
absl::Status RefillSweeps(const TransportPaths& paths,
                          const QueueOptions& options,
                          const CallContext& context);

// ---- Selective: message by message, while Transport runs.

// Suspends, exports and removes what matches, without a notification to the sender. What is in the
// Submission queue stays: it cannot be removed. So does one that could not come back through
// Replay, that is too large or that is exported as no message; the notice counts them. One that was
// exported and is no longer in its queue when it is to be removed may have been delivered: it is in
// the quarantine, marked (SetAside::unsure), and not among `info.messages`. Errors:
// kUnimplemented/NO_ACCOUNTS (queues name no account), kDataLoss/BAD_LIST, kAborted/NOTHING_TAKEN
// (all stay), those of the shell and the disk: the messages until then are in the quarantine, one
// that was being taken is as it was.
absl::StatusOr<Taken> TakeMatching(Shell& shell,
                                   const TransportPaths& paths,
                                   const v1::QueueQuarantine& request,
                                   const QueueOptions& options,
                                   const CallContext& context);

absl::StatusOr<v1::QuarantineAnalyseResult> PreviewMatching(Shell& shell,
                                                            const v1::MessageFilter& filter,
                                                            int samples,
                                                            const QueueOptions& options,
                                                            const CallContext& context);

// ---- What is set aside.

// Of exported messages and the files of Pickup and Replay: all; of a database, what was counted
// before it was set aside. Also records the count in the manifest.
absl::StatusOr<v1::QuarantineAnalyseResult> AnalyseQuarantine(const TransportPaths& paths,
                                                              const v1::QuarantineAnalyse& request,
                                                              const QueueOptions& options,
                                                              const CallContext& context);

// Whether a release of this command has chosen its messages: what `isolate` wants is done by then.
bool IsReleaseBegun(const OpenQuarantine& open, const std::string& command_id);

// Exported messages go through Replay, files of Pickup and Replay into those: the caller guarantees
// that Transport runs. A message is released when Transport has taken its file; one that it refuses
// goes back into the quarantine. However it ends, none is left on its way but what Transport holds;
// what an earlier one left so comes first. Of which nobody knows whether they were delivered stay,
// marked, unless `maybe_delivered`. Errors: kFailedPrecondition/BACK_PRESSURE, /REPLAY_OFF,
// /RELEASE_NEEDS_ISOLATION (a whole database, of which nothing was lifted),
// kAborted/RELEASE_INCOMPLETE, kDeadlineExceeded/NOT_TAKEN, /STILL_ON_ITS_WAY.
absl::StatusOr<v1::QuarantineReleaseResult> ReleaseQuarantine(Shell& shell,
                                                              const TransportPaths& paths,
                                                              const v1::QuarantineRelease& request,
                                                              const QueueOptions& options,
                                                              const CallContext& context);

// Deletes for good. Of a whole database: all of it, with an empty filter; else
// kUnimplemented/WHOLE_DATABASE.
absl::StatusOr<v1::QuarantineDiscardResult> DiscardQuarantine(const TransportPaths& paths,
                                                              const v1::QuarantineDiscard& request,
                                                              const QueueOptions& options,
                                                              const CallContext& context);

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_QUEUE_OPS_H_
