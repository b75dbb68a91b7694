// What `mailquench-controller init` does: a CA, the controller's certificate, the first admin's and
// a configuration.
#ifndef MAILQUENCH_CONTROLLER_IDENTITY_INIT_H_
#define MAILQUENCH_CONTROLLER_IDENTITY_INIT_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock/clock.h"
#include "controller/identity/ca.h"

namespace mailquench::controller {

struct InitOptions {
  std::string dir;
  std::string trust_domain;
  std::string controller_name = "main";
  ControllerNames names;
  std::string listen = "0.0.0.0:7443";            // Operators and agents, mTLS.
  std::string enrolment_listen = "0.0.0.0:7444";  // First contact.
  // Alerts and metrics, server-side TLS and a token; "none": not served.
  std::string https_listen = "0.0.0.0:7445";
  std::string store_path;  // Empty: DIR/controller.db.
  std::string admin_name = "admin";
  absl::Duration admin_life = CertificateAuthority::kMaxOperatorLife;
};

struct InitResult {
  std::string ca_fingerprint;
  std::string config_path;
  std::string admin_key_path;
  std::string admin_certificate_path;
  std::string ca_path;
};

// Writes into `dir` (made with mode 0700 where it is missing) controller.key, controller.pem (with
// the CA behind it, as enrolment sends both), admin.key, admin.pem, operators.txt, controller.yaml
// and at last ca.key and ca.pem; keys are 0600; and escalation.yaml, without rules, where there is
// none. controller.yaml has trust_domain, listen, enrolment_listen, https_listen, escalation,
// store, identity_dir, key, certificate and ca. Error: ALREADY_EXISTS / ALREADY_INITIALISED where
// `dir` has a ca.key or ca.pem; nothing is touched then.
absl::StatusOr<InitResult> InitController(const InitOptions& options, Clock* clock);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_IDENTITY_INIT_H_
