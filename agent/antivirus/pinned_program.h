// A program that is run only as it was when somebody approved of it.
#ifndef MAILQUENCH_AGENT_ANTIVIRUS_PINNED_PROGRAM_H_
#define MAILQUENCH_AGENT_ANTIVIRUS_PINNED_PROGRAM_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/os/lock.h"

namespace mailquench::agent {

// A copy in a folder of our own, removed with this object. What is hashed is what is run: between
// a look at the original and its start somebody could put another in its place. Each has a name of
// its own, and a lock beside it that says that it is in use.
class PinnedProgram {
 public:
  // `sha256`: 64 hexadecimal digits. Errors: kFailedPrecondition/SCANNER_CHANGED,
  // /SCANNER_TOO_LARGE, kNotFound, those of the file system.
  static absl::StatusOr<PinnedProgram> Make(const std::string& path,
                                            const std::string& sha256,
                                            const std::string& folder);
  // Only whether Make() would take it; nothing is copied. The same errors.
  static absl::Status Check(const std::string& path, const std::string& sha256);
  // Removes copies that a crash has left, and none that is in use.
  static void Sweep(const std::string& folder);
  PinnedProgram(PinnedProgram&& other) noexcept;
  PinnedProgram& operator=(PinnedProgram&&) = delete;
  ~PinnedProgram();

  const std::string& copy() const { return copy_; }

 private:
  PinnedProgram(std::string copy, std::unique_ptr<FileLock> lock)
      : copy_(std::move(copy)), lock_(std::move(lock)) {}
  std::string copy_;
  std::unique_ptr<FileLock> lock_;
};

std::string HexSha256(const std::string& bytes);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_ANTIVIRUS_PINNED_PROGRAM_H_
