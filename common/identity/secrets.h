// Randomness, hashes and files of secrets. Everything here is thread-safe.
#ifndef MAILQUENCH_COMMON_IDENTITY_SECRETS_H_
#define MAILQUENCH_COMMON_IDENTITY_SECRETS_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mailquench::identity {

// Random (version 4) UUID in lower case. Aborts the process where the system has no randomness.
std::string RandomUuid();
bool IsUuid(const std::string& text);
// `bytes` random bytes in lower-case hex.
std::string RandomToken(std::size_t bytes = 32);
std::string Sha256Hex(const std::string& data);
// Takes as long for any two texts of the same length.
bool ConstantTimeEquals(const std::string& a, const std::string& b);

// Write `contents` so that a reader sees the old file or the whole new one, also after a power cut.
// Secret: mode 0600 from the first byte on. Public: 0644. On Windows: os::Privacy.
absl::Status WriteSecretFile(const std::string& path, const std::string& contents);
absl::Status WritePublicFile(const std::string& path, const std::string& contents);
// The same for a file that must not be there yet. Error: ALREADY_EXISTS / FILE_EXISTS, what is
// there was left as it is. After another error there is no file; a crash may leave a part of one.
absl::Status CreateSecretFile(const std::string& path, const std::string& contents);
absl::Status CreatePublicFile(const std::string& path, const std::string& contents);
// The whole file. Errors: NOT_FOUND and others of the system call; over 1 MiB FAILED_PRECONDITION.
absl::StatusOr<std::string> ReadFile(const std::string& path);

// A secret file with a private key that is of use on this machine alone, where the system can do
// that (Windows, by DPAPI); elsewhere the PEM itself. Error: that of os::Protect() too.
absl::Status WriteKeyFile(const std::string& path, const std::string& pem);
// Its PEM. A file with plain PEM is read as well, everywhere. Errors: those of ReadFile(), and
// FAILED_PRECONDITION / SECRET_OF_ANOTHER_MACHINE.
absl::StatusOr<std::string> ReadKeyFile(const std::string& path);

}  // namespace mailquench::identity

#endif  // MAILQUENCH_COMMON_IDENTITY_SECRETS_H_
