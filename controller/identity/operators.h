// What `mailquench-controller operator issue` does: a key and a certificate in a folder of their
// own.
#ifndef MAILQUENCH_CONTROLLER_IDENTITY_OPERATORS_H_
#define MAILQUENCH_CONTROLLER_IDENTITY_OPERATORS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock/clock.h"
#include "common/identity/spiffe.h"
#include "controller/identity/ca.h"

namespace mailquench::controller {

struct NewOperator {
  std::string name;
  identity::Role role = identity::Role::kViewer;
  absl::Duration life = CertificateAuthority::kOperatorLife;
  std::string out;  // Folder of the files; made with mode 0700 where it is missing.
};

struct OperatorFiles {
  std::string key;
  std::string certificate;
  std::string ca;
};

// Issues by the CA in `dir`, records it in operators.txt, and writes NAME.key (0600), NAME.pem and
// ca.pem into `out`. No file that is there is written over. Errors: RESERVED_NAME;
// FAILED_PRECONDITION / OUT_IS_CA_FOLDER; ALREADY_EXISTS / FILE_EXISTS, also for the ca.pem of
// another CA.
absl::StatusOr<OperatorFiles> IssueOperatorFiles(const std::string& dir,
                                                 const NewOperator& wish,
                                                 Clock* clock);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_IDENTITY_OPERATORS_H_
