// The operators' certificates that were issued here: operators.txt in the identity folder, a line
// each, so that a person can be shown with serial and end, and revoked.
#ifndef MAILQUENCH_CONTROLLER_IDENTITY_ISSUED_H_
#define MAILQUENCH_CONTROLLER_IDENTITY_ISSUED_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/identity/certificate.h"

namespace mailquench::controller {

// Oldest first; signature and key are not in it. A missing file is an empty list.
// Error: FAILED_PRECONDITION / BAD_OPERATORS_FILE with the line.
absl::StatusOr<std::vector<identity::CertificateInfo>> ReadIssued(const std::string& dir);

// Adds one, on the disk when it returns; drops those that ended more than 90 days before `now`.
absl::Status RecordIssued(const std::string& dir,
                          const identity::CertificateInfo& issued,
                          absl::Time now);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_IDENTITY_ISSUED_H_
