// The hash-chained log of who did what.
#ifndef MAILQUENCH_CONTROLLER_STORE_AUDIT_CHAIN_H_
#define MAILQUENCH_CONTROLLER_STORE_AUDIT_CHAIN_H_

#include <string>

#include "common/clock/clock.h"
#include "controller/store/store.h"

namespace mailquench::controller {

// Thread-safe. Each entry's hash covers its fields and the hash before it, so that a changed,
// removed or inserted entry shows. What was cut off at the end does not: keep the last hash
// elsewhere.
class AuditChain {
 public:
  AuditChain(Store* store, Clock* clock) : store_(store), clock_(clock) {}
  absl::Status Add(const std::string& actor, const std::string& action, const std::string& detail);
  absl::StatusOr<v1::VerifyResponse> Verify();

 private:
  absl::Status Append(const std::string& actor,
                      const std::string& action,
                      const std::string& detail);

  Store* const store_;
  Clock* const clock_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_STORE_AUDIT_CHAIN_H_
