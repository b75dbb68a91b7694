// The messages that an operation chose, on disk before the first of them is touched: what makes a
// repeat after a crash finish the same set, neither more nor less.
#ifndef MAILQUENCH_AGENT_MAIL_SMTPSVC_CHOSEN_FILES_H_
#define MAILQUENCH_AGENT_MAIL_SMTPSVC_CHOSEN_FILES_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/mail/smtpsvc/message_scan.h"

namespace mailquench::agent::smtpsvc {

struct ChosenFile {
  std::size_t folder = 0;  // Index of the folders that were scanned.
  std::string name;        // Checked: nothing but a file directly in it.
  std::int64_t bytes = 0;
};

struct ChosenFiles {
  std::vector<ChosenFile> files;
  ScanTotals totals;  // As they were when the list was written.
  bool repeated = false;
};

struct ScannedFolder {
  std::string path;
  bool badmail = false;
};

// Scans and writes the list whole and durably, unless it is there from an earlier time.
// Errors: kDataLoss/BAD_LIST, those of ScanMessages() and of the disk.
absl::StatusOr<ChosenFiles> ChooseOnce(const std::string& list,
                                       const std::vector<ScannedFolder>& folders,
                                       const Filter& filter,
                                       const Disk& disk,
                                       const CallContext& context);

}  // namespace mailquench::agent::smtpsvc

#endif  // MAILQUENCH_AGENT_MAIL_SMTPSVC_CHOSEN_FILES_H_
