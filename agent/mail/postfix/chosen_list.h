// The messages that an operation chose, on disk before the first of them is touched: what makes a
// repeat after a crash finish the same set, neither more nor less.
#ifndef MAILQUENCH_AGENT_MAIL_POSTFIX_CHOSEN_LIST_H_
#define MAILQUENCH_AGENT_MAIL_POSTFIX_CHOSEN_LIST_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/mail/postfix/queue_dir.h"

namespace mailquench::agent::postfix {

struct Chosen {
  std::string folder;  // "deferred/3", relative to what was scanned.
  std::string id;
  std::int64_t bytes = 0;

  std::string Queue() const { return folder.substr(0, folder.find('/')); }
};

class ChosenList {
 public:
  explicit ChosenList(std::string path) : path_(std::move(path)) {}

  // Scans and writes the list whole and durably, unless it is there from an earlier time.
  absl::Status WriteOnce(int base,
                         const std::vector<std::string>& queues,
                         const Filter& filter,
                         uid_t mail_owner,
                         const CallContext& context);
  // The scan's totals as they were when the list was written. Error: kDataLoss/BAD_LIST.
  absl::StatusOr<ScanTotals> Totals() const;
  // In the order of the scan; streams. Error: kDataLoss/BAD_LIST.
  absl::Status ForEach(const std::function<absl::Status(const Chosen&)>& visit) const;

 private:
  absl::Status Read(ScanTotals& totals,
                    const std::function<absl::Status(const Chosen&)>& visit) const;

  std::string path_;
};

}  // namespace mailquench::agent::postfix

#endif  // MAILQUENCH_AGENT_MAIL_POSTFIX_CHOSEN_LIST_H_
