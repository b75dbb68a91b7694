// The message tracking log, read as files: who sent what Transport has taken.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_TRACKING_LOG_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_TRACKING_LOG_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "agent/mail/mail_system.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench::agent::exchange {

// One event: its columns by name in lower case, as "#Fields:" gives them. Good until the visitor
// returns; hostile bytes.
using TrackedEvent = std::map<std::string, std::string>;
// False ends the reading.
using EventVisitor = std::function<absl::StatusOr<bool>(const TrackedEvent&)>;

// The fields of one line as Exchange writes CSV; nothing where it is broken off.
std::vector<std::string> SplitCsv(absl::string_view line);

// Shows the events of Transport's own files, MSGTRKyyyymmdd..., not those of the mailbox transport
// services. The newest file first, within one the oldest event first, until one file's newest event
// is older than `since`. Bounded memory. kNotFound where the folder is missing; those of
// CheckTime().
absl::Status ReadTracking(const std::string& folder,
                          absl::Time since,
                          const CallContext& context,
                          const EventVisitor& visit);

struct TrackedPicture {
  v1::TrafficPicture picture;
  std::int64_t messages = 0;
  std::int64_t bytes = 0;
  bool partial = false;
};
// Who sent what was received since then: envelope senders, clients (the first server's, where a
// front end stood between), recipient domains and subjects. The log has no column for the account
// that somebody logged in with. Ends as partial at the deadline or after `most` events.
absl::StatusOr<TrackedPicture> PictureOf(const std::string& folder,
                                         absl::Time since,
                                         std::int64_t most,
                                         const CallContext& context);

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_TRACKING_LOG_H_
