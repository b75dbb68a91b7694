// Where Transport keeps mail on this host.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_TRANSPORT_PATHS_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_TRANSPORT_PATHS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/mail/exchange/installation.h"
#include "agent/mail/exchange/shell.h"

namespace mailquench::agent::exchange {

// Absolute, without a separator at their ends.
struct TransportPaths {
  std::string queue;     // QueueDatabasePath
  std::string logs;      // QueueDatabaseLoggingPath; mostly the same.
  std::string pickup;    // "": switched off.
  std::string replay;    // "": switched off.
  std::string tracking;  // MessageTrackingLogPath; "": switched off.
};

// Reads Bin/EdgeTransport.exe.config anew at each call; what the directory says of the other three
// comes from `remembered`, a file that LearnPaths() writes, or is the default where there is none.
// Errors: kFailedPrecondition/BAD_CONFIG (the file is missing or cannot be understood),
// /BAD_DIRECTORY.
absl::StatusOr<TransportPaths> FindPaths(const Installation& installation,
                                         const std::string& remembered);

// Asks Get-TransportService and writes the file, which serves while nobody answers. Errors: those
// of the shell and of the disk.
absl::Status LearnPaths(Shell& shell,
                        const Installation& installation,
                        const std::string& remembered,
                        absl::Time deadline);

// Where quarantines of these folders can be.
std::vector<std::string> QuarantineRoots(const TransportPaths& paths);

std::string Join(std::string folder, const std::vector<std::string>& names);

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_TRANSPORT_PATHS_H_
