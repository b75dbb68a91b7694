// The key that a name server shares with us and that signs updates (TSIG, RFC 8945).
#ifndef MAILQUENCH_CONTROLLER_DNS_TSIG_KEY_H_
#define MAILQUENCH_CONTROLLER_DNS_TSIG_KEY_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace mailquench::controller::dns {

// RFC 8945 section 6. SHA-1 and MD5 are left out as too weak, truncated MACs as of no use here.
enum class TsigAlgorithm { kSha256, kSha384, kSha512 };
// "hmac-sha256"
const char* TsigAlgorithmName(TsigAlgorithm algorithm);

// Copies share one secret, which is wiped with the last of them. Thread-safe: it never changes.
class TsigKey {
 public:
  // Reads what tsig-keygen writes, and nothing else: one
  //   key "NAME" { algorithm hmac-sha256; secret "BASE64"; };
  // The file may be read by nobody but its owner. No error repeats anything that the file holds.
  // Errors: FAILED_PRECONDITION / KEY_EXPOSED, KEY_NO_FILE (a folder, a pipe, over 64 KiB);
  // those of Parse() and of the system calls.
  static absl::StatusOr<TsigKey> Load(const std::string& path);

  // The same from a text; `where` names it in errors.
  // Errors: INVALID_ARGUMENT / BAD_KEY_FILE (with the line), KEY_TOO_WEAK (algorithm, or under 128
  // bits), KEY_ALGORITHM_UNKNOWN.
  static absl::StatusOr<TsigKey> Parse(const std::string& text, const std::string& where);

  const std::string& name() const { return name_; }  // In lower case.
  // In wire format and lower case, as it is signed (RFC 8945 section 4.3.3).
  const std::string& wire_name() const { return wire_name_; }
  TsigAlgorithm algorithm() const { return algorithm_; }
  // Raw bytes, for the HMAC alone: never print, log or compare it.
  const std::string& secret() const { return *secret_; }

 private:
  TsigKey() = default;
  std::string name_;
  std::string wire_name_;
  TsigAlgorithm algorithm_ = TsigAlgorithm::kSha256;
  std::shared_ptr<const std::string> secret_;
};

}  // namespace mailquench::controller::dns

#endif  // MAILQUENCH_CONTROLLER_DNS_TSIG_KEY_H_
