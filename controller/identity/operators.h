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
// ca.pem into `out`. It starts after the last revocation of the name, if there is one. No file that
// is there is written over. Errors: RESERVED_NAME; FAILED_PRECONDITION / OUT_IS_CA_FOLDER;
// ALREADY_EXISTS / FILE_EXISTS, also for the ca.pem of another CA.
absl::StatusOr<OperatorFiles> IssueOperatorFiles(const std::string& dir,
                                                 const NewOperator& wish,
                                                 Clock* clock);

// The serial of the operator's certificate in the PEM file `path`, which may have ended.
// Errors: CERTIFICATE_FOREIGN where the CA in `dir` did not issue it; INVALID_ARGUMENT /
// NOT_AN_OPERATOR; those of reading.
absl::StatusOr<std::string> SerialOfOperator(const std::string& dir, const std::string& path);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_IDENTITY_OPERATORS_H_
