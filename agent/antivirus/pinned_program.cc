#include "agent/antivirus/pinned_program.h"

#include <openssl/sha.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/os/files.h"
#include "agent/os/host.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
constexpr std::size_t kLargest = std::size_t{256} << 20;
}  // namespace

std::string HexSha256(const std::string& bytes) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest);
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest), sizeof digest));
}

absl::StatusOr<PinnedProgram> PinnedProgram::Make(const std::string& path,
                                                  const std::string& sha256,
                                                  const std::string& folder) {
  MQ_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path, kLargest));
  const std::string hash = HexSha256(bytes);
  if (!absl::EqualsIgnoreCase(hash, sha256))
    return Error(absl::StatusCode::kFailedPrecondition, "SCANNER_CHANGED",
                 absl::StrCat(path, " has the SHA-256 ", hash, " and not ", sha256,
                              ", which agent.yaml names; it was not run, nothing was scanned; "
                              "find out who changed it"));
  // The name keeps its ending: Windows runs nothing without one.
  const std::size_t slash = path.find_last_of("/\\");
  const std::size_t dot = path.rfind('.');
  const std::string ending = dot != std::string::npos && (slash == std::string::npos || dot > slash)
                                 ? path.substr(dot)
                                 : "";
  PinnedProgram out(
      absl::StrCat(folder, "/second-opinion-", ProcessId(), "-", hash.substr(0, 16), ending));
  MQ_RETURN_IF_ERROR(WriteFileAtomically(out.copy_, bytes, 0700));
  return out;
}

PinnedProgram::PinnedProgram(PinnedProgram&& other) noexcept
    : copy_(std::exchange(other.copy_, "")) {}

PinnedProgram::~PinnedProgram() {
  if (!copy_.empty()) (void)RemoveFile(copy_);
}

}  // namespace mailquench::agent
