// Operators' certificates that are refused before they end: revoked.txt in the identity folder, a
// line each: `name NAME TIME REASON` or `serial HEX TIME REASON`.
#ifndef MAILQUENCH_CONTROLLER_IDENTITY_REVOCATIONS_H_
#define MAILQUENCH_CONTROLLER_IDENTITY_REVOCATIONS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace mailquench::controller {

struct Revocation {
  enum class By { kName, kSerial };
  By by = By::kName;
  std::string value;  // The name, or 32 lower-case hex digits.
  absl::Time at;      // Whole seconds.
  std::string reason;

  bool operator==(const Revocation&) const = default;
  // By name: certificates that start no later than `at`, so that the person can get a new one.
  bool Covers(const std::string& name, const std::string& serial, absl::Time not_before) const;
  // The line of the file, without its end.
  std::string ToLine() const;
};

std::string RevocationsPath(const std::string& dir);

// A missing file is an empty list. Error: FAILED_PRECONDITION / BAD_REVOCATIONS with the line;
// those of reading.
absl::StatusOr<std::vector<Revocation>> ReadRevocations(const std::string& dir);

// Adds one, on the disk when it returns, and returns it; the rest of the file stays as it is. A
// serial that is revoked already is returned as it is in the file, which is not touched.
// Errors: INVALID_ARGUMENT / BAD_NAME, BAD_SERIAL, BAD_REASON; those of ReadRevocations().
absl::StatusOr<Revocation> Revoke(const std::string& dir,
                                  Revocation::By by,
                                  const std::string& value,
                                  const std::string& reason,
                                  absl::Time now);

// 32 lower-case hex digits; reads upper case and colons too, as OpenSSL prints them.
// Error: INVALID_ARGUMENT / BAD_SERIAL.
absl::StatusOr<std::string> ParseSerial(const std::string& text);

// When a new certificate of this name may start, so that no revocation covers it.
absl::Time EarliestStart(const std::vector<Revocation>& all, const std::string& name);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_IDENTITY_REVOCATIONS_H_
