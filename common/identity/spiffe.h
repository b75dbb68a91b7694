// SPIFFE ids: who a peer is, as the one URI name of its certificate.
//   spiffe://TD/agent/UUID | spiffe://TD/operator/ROLE/NAME | spiffe://TD/controller/NAME
#ifndef MAILQUENCH_COMMON_IDENTITY_SPIFFE_H_
#define MAILQUENCH_COMMON_IDENTITY_SPIFFE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mailquench::identity {

enum class Kind { kAgent, kOperator, kController };
// Each role may do what the ones before it may.
enum class Role { kViewer = 1, kResponder = 2, kAdmin = 3 };

struct SpiffeId {
  std::string trust_domain;
  Kind kind = Kind::kAgent;
  std::string name;           // Of an agent: its UUID, which is its host id.
  Role role = Role::kViewer;  // Operators alone.

  bool operator==(const SpiffeId&) const = default;
  std::string ToUri() const;
};

// Accepts exactly what ToUri() writes. Error: INVALID_ARGUMENT / BAD_SPIFFE_ID.
absl::StatusOr<SpiffeId> ParseSpiffeId(const std::string& uri);

// Lower-case letters, digits, '.' and '-', at most 253. Error: INVALID_ARGUMENT / BAD_TRUST_DOMAIN.
absl::Status CheckTrustDomain(const std::string& trust_domain);
// Letters, digits, '.', '_', '@' and '-', at most 64. Error: INVALID_ARGUMENT / BAD_NAME.
absl::Status CheckName(const std::string& name);

const char* KindName(Kind kind);
const char* RoleName(Role role);
absl::StatusOr<Role> ParseRole(const std::string& name);

}  // namespace mailquench::identity

#endif  // MAILQUENCH_COMMON_IDENTITY_SPIFFE_H_
