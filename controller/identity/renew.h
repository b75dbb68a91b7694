// The controller's own certificate: a new one before the old one ends.
#ifndef MAILQUENCH_CONTROLLER_IDENTITY_RENEW_H_
#define MAILQUENCH_CONTROLLER_IDENTITY_RENEW_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock/clock.h"
#include "common/identity/certificate.h"

namespace mailquench::controller {

// From here on `serve` warns.
inline constexpr absl::Duration kWarnBefore = absl::Hours(24 * 30);

struct ControllerFiles {
  std::string identity_dir;  // With ca.key and ca.pem.
  std::string key;
  std::string certificate;
};

struct Renewed {
  identity::CertificateInfo before;
  identity::CertificateInfo after;
};

// Writes a certificate with the names of the present one, which may have ended, and the CA behind
// it. The key stays: so one file is replaced, by one rename, and key and certificate belong
// together whatever is killed when. A new key would be no gain, since whoever has the old one from
// this machine can have ca.key too. Errors: KEY_MISMATCH, CERTIFICATE_FOREIGN, NOT_A_CONTROLLER,
// CA_EXPIRED; nothing is touched then.
absl::StatusOr<Renewed> RenewController(const ControllerFiles& files, Clock* clock);

// A sentence where the certificate in the file ends within kWarnBefore, has ended or cannot be
// read; otherwise "".
std::string WarningOfEnd(const std::string& certificate_path, absl::Time now);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_IDENTITY_RENEW_H_
