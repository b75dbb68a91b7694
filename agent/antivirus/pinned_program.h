// A program that is run only as it was when somebody approved of it.
#ifndef MAILQUENCH_AGENT_ANTIVIRUS_PINNED_PROGRAM_H_
#define MAILQUENCH_AGENT_ANTIVIRUS_PINNED_PROGRAM_H_

#include <string>

#include "absl/status/statusor.h"

namespace mailquench::agent {

// A copy in a folder of our own, removed with this object. What is hashed is what is run: between
// a look at the original and its start somebody could put another in its place.
class PinnedProgram {
 public:
  // `sha256`: 64 hexadecimal digits. Errors: kFailedPrecondition/SCANNER_CHANGED,
  // /SCANNER_TOO_LARGE, kNotFound, those of the file system.
  static absl::StatusOr<PinnedProgram> Make(const std::string& path,
                                            const std::string& sha256,
                                            const std::string& folder);
  PinnedProgram(PinnedProgram&& other) noexcept;
  PinnedProgram& operator=(PinnedProgram&&) = delete;
  ~PinnedProgram();

  const std::string& copy() const { return copy_; }

 private:
  explicit PinnedProgram(std::string copy) : copy_(std::move(copy)) {}
  std::string copy_;
};

std::string HexSha256(const std::string& bytes);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_ANTIVIRUS_PINNED_PROGRAM_H_
