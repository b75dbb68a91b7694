// Secrets on disk that are of no use on another machine: DPAPI on Windows, nothing elsewhere, where
// the rights of the file are all there is. Thread-safe.
#ifndef MAILQUENCH_COMMON_OS_PROTECT_H_
#define MAILQUENCH_COMMON_OS_PROTECT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mailquench::os {

// kMachine: whoever runs on this machine and may read the file can undo it, as a service and the
// administrator who enrolled it must. kUser: this user alone, on this machine.
enum class ProtectedFor { kMachine, kUser };

// What to write into a file instead of `secret`: on Windows a line that names the format and the
// blob in Base64; elsewhere `secret` itself. Errors: those of the system call.
absl::StatusOr<std::string> Protect(const std::string& secret, ProtectedFor whom);

// What was protected; a text without that line, a key that an administrator has copied in for
// example, comes back as it is. Error: FAILED_PRECONDITION / SECRET_OF_ANOTHER_MACHINE, also where
// another user protected it or the file is damaged.
absl::StatusOr<std::string> Unprotect(const std::string& text);

}  // namespace mailquench::os

#endif  // MAILQUENCH_COMMON_OS_PROTECT_H_
