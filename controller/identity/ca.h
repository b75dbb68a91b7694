// The certificate authority: EC P-256, one level, lives in the controller's folder as ca.key and
// ca.pem.
#ifndef MAILQUENCH_CONTROLLER_IDENTITY_CA_H_
#define MAILQUENCH_CONTROLLER_IDENTITY_CA_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock/clock.h"
#include "common/identity/spiffe.h"

namespace mailquench::controller {

struct KeyAndCertificate {
  std::string key_pem;
  std::string certificate_pem;
};

struct ControllerNames {
  std::vector<std::string> dns;
  std::vector<std::string> ip;  // Textual IPv4 or IPv6.
};

// A name that an operator may have: none by which the audit log calls somebody else.
// Errors: INVALID_ARGUMENT / BAD_NAME, RESERVED_NAME ("controller", "ca", "host:...").
absl::Status CheckOperatorName(const std::string& name);

// Immutable once made, hence thread-safe. Every certificate has a random 128-bit serial, starts a
// minute back, ends no later than the CA's own, and has exactly one URI name, chosen here.
class CertificateAuthority {
 public:
  static constexpr absl::Duration kCaLife = absl::Hours(24 * 3653);
  static constexpr absl::Duration kControllerLife = absl::Hours(24 * 397);
  static constexpr absl::Duration kOperatorLife = absl::Hours(12);
  static constexpr absl::Duration kMaxOperatorLife = absl::Hours(24 * 30);
  static constexpr absl::Duration kAgentLife = absl::Hours(24 * 7);

  // A new one, in memory alone. `clock` must outlive it.
  static absl::StatusOr<std::unique_ptr<CertificateAuthority>> Create(
      const std::string& trust_domain, Clock* clock);
  // From ca.key and ca.pem in `dir`. Errors: NOT_FOUND, FAILED_PRECONDITION / KEY_MISMATCH, BAD_CA.
  static absl::StatusOr<std::unique_ptr<CertificateAuthority>> Load(const std::string& dir,
                                                                    Clock* clock);
  // Writes ca.key (0600) and ca.pem; `dir` exists.
  absl::Status Save(const std::string& dir) const;

  // A new key and a certificate for server and client use.
  absl::StatusOr<KeyAndCertificate> IssueController(const std::string& name,
                                                    const ControllerNames& names) const;
  // The same for a key that is there already: the certificate (PEM) alone.
  absl::StatusOr<std::string> CertifyController(const std::string& key_pem,
                                                const std::string& name,
                                                const ControllerNames& names) const;
  // A new key and a certificate for client use, which starts no earlier than `not_before`.
  // Errors: those of CheckOperatorName(); INVALID_ARGUMENT / BAD_LIFE over kMaxOperatorLife.
  absl::StatusOr<KeyAndCertificate> IssueOperator(
      const std::string& name,
      identity::Role role,
      absl::Duration life = kOperatorLife,
      absl::Time not_before = absl::InfinitePast()) const;
  // The certificate (PEM) for the key of a request; nothing else in the request is looked at.
  // Errors: see VerifyCsr().
  absl::StatusOr<std::string> IssueAgent(const std::string& csr_der,
                                         const std::string& uuid,
                                         absl::Duration life = kAgentLife) const;

  const std::string& trust_domain() const { return trust_domain_; }
  const std::string& ca_pem() const { return ca_pem_; }
  // SHA-256 (hex) of the CA's SPKI: what a join token carries.
  const std::string& fingerprint() const { return fingerprint_; }

 private:
  CertificateAuthority(std::string trust_domain,
                       std::string key_pem,
                       std::string ca_pem,
                       std::string fingerprint,
                       Clock* clock);

  const std::string trust_domain_;
  const std::string key_pem_;
  const std::string ca_pem_;
  const std::string fingerprint_;
  Clock* const clock_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_IDENTITY_CA_H_
