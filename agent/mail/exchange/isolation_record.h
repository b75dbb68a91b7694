// What an isolation has changed on this host, on disk before it is changed: whoever comes next,
// after a crash, ends it by that.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_ISOLATION_RECORD_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_ISOLATION_RECORD_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace mailquench::agent::exchange {

struct IsolationRecord {
  std::string command_id, quarantine_id;
  absl::Time began;
  std::vector<std::string> stopped;  // Services beside Transport and the front end that ran.
  // Label and path of each folder whose place is taken meanwhile.
  std::vector<std::pair<std::string, std::string>> folders;
  bool stopping = false;       // Transport was stopped for it, or is about to be.
  bool may_hold_mail = false;  // Whether mail that came in may be in the database that is in place.
};

// kNotFound: this host is not isolated. kDataLoss/BAD_RECORD.
absl::StatusOr<IsolationRecord> ReadIsolation(const std::string& file);
absl::Status WriteIsolation(const std::string& file, const IsolationRecord& record);

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_ISOLATION_RECORD_H_
