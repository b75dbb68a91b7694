// Who may call what. Every method of the contract has one entry; what has none is denied.
#ifndef MAILQUENCH_CONTROLLER_API_AUTHORIZATION_H_
#define MAILQUENCH_CONTROLLER_API_AUTHORIZATION_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/identity/spiffe.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench::controller {

enum class Need {
  kViewer,     // Any operator.
  kResponder,  // May act: observe and reversible operations.
  kAdmin,      // Irreversible acts, and who belongs to the fleet.
  kAgent,      // An agent's certificate.
  kToken,      // No certificate: a join token is the authority. The enrolment port alone.
};

// By full method name, "/mailquench.v1.Fleet/ListHosts".
const std::map<std::string, Need>& AuthorizationTable();

// Whether the holder of this identity may call the method.
// Error: PERMISSION_DENIED / NOT_AUTHORIZED; also for a method without an entry, and for kToken
// (which no certificate opens).
absl::Status CheckAccess(const identity::SpiffeId& caller, const std::string& method);

// Beyond the entry: a run with an irreversible operation needs an admin.
// Error: PERMISSION_DENIED / NOT_AUTHORIZED. Nothing was started.
absl::Status CheckOperations(const identity::SpiffeId& caller,
                             const std::vector<v1::Operation>& operations);

// Beyond the entry of PlanRun, which only observes: a viewer may plan what can be undone.
// Error: PERMISSION_DENIED / NOT_AUTHORIZED. No agent was asked.
absl::Status CheckDryRun(const identity::SpiffeId& caller,
                         const std::vector<v1::Operation>& operations);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_API_AUTHORIZATION_H_
