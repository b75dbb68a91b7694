// The macros of SPF (RFC 7208 section 7). Thread-safe, no state.
#ifndef MAILQUENCH_CONTROLLER_MX_SPF_MACRO_H_
#define MAILQUENCH_CONTROLLER_MX_SPF_MACRO_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mailquench::controller::mx {

struct SpfMacros {
  std::string address;  // As text, of the client.
  std::string sender;   // "local@domain"
  std::string domain;   // The current one.
  std::string helo;
};

// Whether a domain-spec is well-formed. INVALID_ARGUMENT/BAD_SPF.
absl::Status CheckMacros(const std::string& spec);
bool HasMacros(const std::string& spec);
// At most 253 characters: labels on the left go (section 7.3). %{p} is "unknown", as the section
// allows. INVALID_ARGUMENT/BAD_SPF.
absl::StatusOr<std::string> ExpandMacros(const std::string& spec, const SpfMacros& macros);

}  // namespace mailquench::controller::mx

#endif  // MAILQUENCH_CONTROLLER_MX_SPF_MACRO_H_
