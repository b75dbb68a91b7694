// Revocations in the audit log.
#ifndef MAILQUENCH_CONTROLLER_APP_REVOCATION_AUDIT_H_
#define MAILQUENCH_CONTROLLER_APP_REVOCATION_AUDIT_H_

#include <set>
#include <string>

#include "absl/status/status.h"
#include "controller/app/core.h"
#include "controller/identity/revocations.h"

namespace mailquench::controller {

// One thread at a time.
class RevocationAudit {
 public:
  explicit RevocationAudit(Core* core) : core_(core) {}
  // Adds an entry "operator.revoke" of the actor "controller", unless the log has it from before a
  // restart. The entry's time is when the controller saw it; its detail has when it was made.
  absl::Status Record(const Revocation& revocation);

 private:
  absl::Status LoadRecorded();

  Core* const core_;
  bool loaded_ = false;
  std::set<std::string> recorded_;  // Details of the entries.
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_APP_REVOCATION_AUDIT_H_
