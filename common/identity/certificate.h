// Keys, certificate requests and certificates. Keys are EC P-256 alone. Thread-safe, no state.
#ifndef MAILQUENCH_COMMON_IDENTITY_CERTIFICATE_H_
#define MAILQUENCH_COMMON_IDENTITY_CERTIFICATE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/identity/spiffe.h"

namespace mailquench::identity {

// A new private key (PKCS#8, PEM). It is not written anywhere; see WriteSecretFile().
absl::StatusOr<std::string> NewKeyPem();
// SHA-256 (hex) of the public key's SubjectPublicKeyInfo.
absl::StatusOr<std::string> KeySpkiSha256(const std::string& key_pem);

// PKCS#10 in DER, signed with the key. The subject is a constant, since the controller ignores it.
absl::StatusOr<std::string> MakeCsrDer(const std::string& key_pem);

struct CsrInfo {
  std::string spki_der;
  std::string spki_sha256;  // Hex.
};
// Parses and checks the signature. Errors: INVALID_ARGUMENT / BAD_CSR, KEY_NOT_P256.
absl::StatusOr<CsrInfo> VerifyCsr(const std::string& csr_der);

struct CertificateInfo {
  SpiffeId id;
  std::string serial;  // Lower-case hex.
  absl::Time not_before;
  absl::Time not_after;
  std::string spki_sha256;  // Hex.
};
// The first certificate in `pem`. Not checked: signature and dates.
// Errors: INVALID_ARGUMENT / BAD_CERTIFICATE, BAD_SPIFFE_ID (none, more than one, or not ours).
absl::StatusOr<CertificateInfo> ParseCertificate(const std::string& pem);
// SPKI SHA-256 (hex) of the first certificate in `pem`, which needs no SPIFFE id (a CA's).
absl::StatusOr<std::string> CertificateSpkiSha256(const std::string& pem);

// OK where the certificate carries the key's public half. FAILED_PRECONDITION / KEY_MISMATCH.
absl::Status CheckKeyMatches(const std::string& key_pem, const std::string& certificate_pem);
// OK where `ca_pem` signed the certificate and `now` is within its dates.
// Errors: UNAUTHENTICATED / CERTIFICATE_FOREIGN, CERTIFICATE_EXPIRED, CERTIFICATE_NOT_YET_VALID.
absl::Status CheckIssuedBy(const std::string& certificate_pem,
                           const std::string& ca_pem,
                           absl::Time now);

}  // namespace mailquench::identity

#endif  // MAILQUENCH_COMMON_IDENTITY_CERTIFICATE_H_
