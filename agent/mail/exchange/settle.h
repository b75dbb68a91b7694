// What became of messages that a release has put into a watched folder and did not see to the end:
// of its own batch when it ends early, of an earlier release that was killed.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_SETTLE_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_SETTLE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/mail/exchange/queue_ops.h"
#include "agent/mail/exchange/replay.h"
#include "agent/mail/exchange/transport_paths.h"
#include "agent/mail/folders/quarantine_home.h"
#include "agent/mail/mail_system.h"

namespace mailquench::agent::exchange {

struct Settled {
  std::int64_t taken = 0;   // By Transport: forgotten here.
  std::int64_t back = 0;    // In the quarantine again, and nowhere else.
  std::int64_t unsure = 0;  // In the quarantine again, marked: may have been delivered.
};

// Of one quarantine. Not thread-safe.
class Settler {
 public:
  // What it is given outlives it.
  Settler(const TransportPaths& paths, const OpenQuarantine& open, const QueueOptions& options)
      : paths_(paths), open_(open), options_(options) {}

  // Of a message by its name (SetAside::name).
  Parcel ParcelOf(const std::string& name) const;

  // All that were ever on their way and are not seen to. Errors: those of SettleAll().
  absl::Status SettleLeft(const CallContext& context, Settled& settled);

  // Takes back what Transport has not begun, waits for what it has. Those that are seen to leave
  // `parcels` and are counted, also where it ends by an error; an error of one keeps it there and
  // does not end the others. Errors: those of still_wanted, at the context's deadline those of the
  // disk, else kDeadlineExceeded/STILL_ON_ITS_WAY.
  absl::Status SettleAll(std::vector<Parcel>& parcels,
                         const CallContext& context,
                         Settled& settled);

 private:
  // False: Transport is at work on it.
  absl::StatusOr<bool> Settle(const Parcel& parcel, Settled& settled);
  absl::StatusOr<std::vector<std::string>> FoldersAside() const;

  const TransportPaths& paths_;
  const OpenQuarantine& open_;
  const QueueOptions& options_;
};

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_SETTLE_H_
