// Whether a resolver itself is to be believed: before a list is blamed for what it did not say.
#ifndef MAILQUENCH_COMMON_BLACKLIST_CONTROL_H_
#define MAILQUENCH_COMMON_BLACKLIST_CONTROL_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/blacklist/resolver.h"

namespace mailquench::blacklist {

struct ResolverFault {
  std::string server;
  std::string what;  // One clause: "does not answer", "rewrites answers: ...".
};

struct ResolverCheck {
  std::vector<std::string> good;  // Servers to be asked.
  std::vector<ResolverFault> faults;
  // False: one of them does not repeat the case of a question's letters, so that it cannot be used
  // to tell forged answers. For ResolverOptions::random_case.
  bool random_case = true;
  std::string Sentence() const;  // Of all faults; empty where there are none.
};

// Asks each server for a name that does not exist by definition (RFC 6761 section 6.4, invalid.)
// Whoever has an address for it rewrites. Takes as long as the patience for one question where a
// server is dead. Error: kInvalidArgument/BAD_SERVER.
absl::StatusOr<ResolverCheck> CheckResolvers(const ResolverOptions& options);

}  // namespace mailquench::blacklist

#endif  // MAILQUENCH_COMMON_BLACKLIST_CONTROL_H_
