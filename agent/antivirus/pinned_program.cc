#include "agent/antivirus/pinned_program.h"

#include <openssl/sha.h>

#include <atomic>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/os/files.h"
#include "agent/os/folder.h"
#include "agent/os/host.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
constexpr std::size_t kLargest = std::size_t{256} << 20;
constexpr char kPrefix[] = "second-opinion-";
constexpr char kLockEnding[] = ".lock";

absl::StatusOr<std::string> ReadPinned(const std::string& path, const std::string& sha256) {
  MQ_ASSIGN_OR_RETURN(std::string bytes, ReadFile(path, kLargest));
  const std::string hash = HexSha256(bytes);
  if (absl::EqualsIgnoreCase(hash, sha256)) return bytes;
  return Error(absl::StatusCode::kFailedPrecondition, "SCANNER_CHANGED",
               absl::StrCat(path, " has the SHA-256 ", hash, " and not ", sha256,
                            ", which agent.yaml names; it was not run, nothing was scanned; "
                            "find out who changed it"));
}
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
  static std::atomic<std::uint64_t> made = 0;
  MQ_ASSIGN_OR_RETURN(const std::string bytes, ReadPinned(path, sha256));
  // The name keeps its ending: Windows runs nothing without one.
  const std::size_t slash = path.find_last_of("/\\");
  const std::size_t dot = path.rfind('.');
  const std::string ending = dot != std::string::npos && (slash == std::string::npos || dot > slash)
                                 ? path.substr(dot)
                                 : "";
  const std::string copy = absl::StrCat(folder, "/", kPrefix, ProcessId(), "-", ++made, "-",
                                        HexSha256(bytes).substr(0, 16), ending);
  MQ_ASSIGN_OR_RETURN(std::unique_ptr<FileLock> lock,
                      FileLock::Acquire(copy + kLockEnding, absl::ZeroDuration()));
  PinnedProgram out(copy, std::move(lock));
  MQ_RETURN_IF_ERROR(WriteFileAtomically(out.copy_, bytes, 0700));
  return out;
}

absl::Status PinnedProgram::Check(const std::string& path, const std::string& sha256) {
  return ReadPinned(path, sha256).status();
}

void PinnedProgram::Sweep(const std::string& folder) {
  std::vector<std::string> names;
  (void)ForEachEntry(folder, [&](const FolderEntry& entry) -> absl::StatusOr<bool> {
    if (absl::StartsWith(entry.name, kPrefix) && !absl::EndsWith(entry.name, kLockEnding))
      names.push_back(entry.name);
    // Of a lock alone its copy is gone, or never was.
    if (absl::StartsWith(entry.name, kPrefix) && absl::EndsWith(entry.name, kLockEnding))
      names.push_back(entry.name.substr(0, entry.name.size() - (sizeof kLockEnding - 1)));
    return true;
  });
  for (const std::string& name : names) {
    const std::string copy = absl::StrCat(folder, "/", name);
    auto lock = FileLock::Acquire(copy + kLockEnding, absl::ZeroDuration());
    if (lock.ok()) PinnedProgram(copy, *std::move(lock));
  }
}

PinnedProgram::PinnedProgram(PinnedProgram&& other) noexcept
    : copy_(std::exchange(other.copy_, "")), lock_(std::move(other.lock_)) {}

PinnedProgram::~PinnedProgram() {
  if (copy_.empty()) return;
  (void)RemoveFile(copy_);
  lock_.reset();  // Windows removes nothing that is open.
  (void)RemoveFile(copy_ + kLockEnding);
}

}  // namespace mailquench::agent
