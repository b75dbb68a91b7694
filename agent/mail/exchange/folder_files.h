// What lies in a folder of Transport's: measured, copied, removed. Nothing follows a link.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_FOLDER_FILES_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_FOLDER_FILES_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/mail/mail_system.h"

namespace mailquench::agent::exchange {

// Errors of all: those of the disk and of CheckTime(). kFailedPrecondition/TOO_DEEP: folders are
// nested deeper than Transport nests them. A link is left.
absl::Status EmptyFolder(const std::string& folder, const CallContext& context);
// Of the files directly in it.
absl::StatusOr<std::int64_t> BytesIn(const std::string& folder);
// The files directly in it, into a folder that is there; not durable. What is there is replaced.
absl::Status CopyFiles(const std::string& from, const std::string& to, const CallContext& context);

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_FOLDER_FILES_H_
