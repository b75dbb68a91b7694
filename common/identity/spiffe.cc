#include "common/identity/spiffe.h"

#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/identity/secrets.h"
#include "common/status/error.h"

namespace mailquench::identity {
namespace {

constexpr char kScheme[] = "spiffe://";

bool IsAlnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

absl::Status BadId(const std::string& uri) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_SPIFFE_ID",
               absl::StrCat("\"", uri,
                            "\" is not an identity of Mailquench (spiffe://DOMAIN/agent/UUID, "
                            "/operator/ROLE/NAME or /controller/NAME)"));
}

}  // namespace

const char* KindName(Kind kind) {
  switch (kind) {
    case Kind::kAgent:
      return "agent";
    case Kind::kOperator:
      return "operator";
    case Kind::kController:
      return "controller";
  }
  return "";
}

const char* RoleName(Role role) {
  switch (role) {
    case Role::kViewer:
      return "viewer";
    case Role::kResponder:
      return "responder";
    case Role::kAdmin:
      return "admin";
  }
  return "";
}

absl::StatusOr<Role> ParseRole(const std::string& name) {
  for (Role role : {Role::kViewer, Role::kResponder, Role::kAdmin}) {
    if (name == RoleName(role)) return role;
  }
  return Error(absl::StatusCode::kInvalidArgument, "BAD_ROLE",
               absl::StrCat("\"", name, "\" is not a role; choose viewer, responder or admin"));
}

absl::Status CheckTrustDomain(const std::string& trust_domain) {
  bool good = !trust_domain.empty() && trust_domain.size() <= 253;
  for (char c : trust_domain) {
    good = good && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-');
  }
  if (good) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, "BAD_TRUST_DOMAIN",
               absl::StrCat("\"", trust_domain,
                            "\" cannot be a trust domain; use lower-case letters, digits, '.' and "
                            "'-', at most 253 of them"));
}

absl::Status CheckName(const std::string& name) {
  bool good = !name.empty() && name.size() <= 64 && name != "." && name != "..";
  for (char c : name) good = good && (IsAlnum(c) || c == '.' || c == '_' || c == '@' || c == '-');
  if (good) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, "BAD_NAME",
               absl::StrCat("\"", name,
                            "\" cannot be a name in a certificate; use letters, digits and . _ @ "
                            "-, at most 64 of them"));
}

std::string SpiffeId::ToUri() const {
  std::string uri = absl::StrCat(kScheme, trust_domain, "/", KindName(kind), "/");
  if (kind == Kind::kOperator) absl::StrAppend(&uri, RoleName(role), "/");
  absl::StrAppend(&uri, name);
  return uri;
}

absl::StatusOr<SpiffeId> ParseSpiffeId(const std::string& uri) {
  if (!absl::StartsWith(uri, kScheme)) return BadId(uri);
  const std::vector<std::string> parts = absl::StrSplit(uri.substr(sizeof kScheme - 1), '/');
  if (parts.size() < 3 || !CheckTrustDomain(parts[0]).ok()) return BadId(uri);
  SpiffeId id;
  id.trust_domain = parts[0];
  id.name = parts.back();
  if (!CheckName(id.name).ok()) return BadId(uri);
  if (parts[1] == "agent" && parts.size() == 3) {
    if (!IsUuid(id.name)) return BadId(uri);
    id.kind = Kind::kAgent;
  } else if (parts[1] == "controller" && parts.size() == 3) {
    id.kind = Kind::kController;
  } else if (parts[1] == "operator" && parts.size() == 4) {
    const auto role = ParseRole(parts[2]);
    if (!role.ok()) return BadId(uri);
    id.kind = Kind::kOperator;
    id.role = *role;
  } else {
    return BadId(uri);
  }
  return id;
}

}  // namespace mailquench::identity
