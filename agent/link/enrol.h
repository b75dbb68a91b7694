// First contact of a host with its controller.
#ifndef MAILQUENCH_AGENT_LINK_ENROL_H_
#define MAILQUENCH_AGENT_LINK_ENROL_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace mailquench::agent {

struct EnrolOptions {
  std::string token;
  std::string enrolment_address;  // host:port
  std::string state_dir;          // Made with mode 0700 where it is missing.
  std::string hostname;           // The wish for this host's name.
  absl::Duration timeout = absl::Seconds(30);
};

struct EnrolResult {
  std::string host_id;
  std::string trust_domain;
};

// Makes the key (or keeps the one that is there, so that a repeat with the same token gets the same
// answer), checks the controller's CA against the token's fingerprint, and writes agent.key,
// ca.pem, identity.yaml and, last, agent.pem. An identity that is there is replaced only when the
// controller has answered. Blocks. Errors: INVALID_ARGUMENT / BAD_TOKEN; UNAUTHENTICATED /
// CA_PIN_MISMATCH; UNAVAILABLE; and what the service Enrolment says. After an error the host's
// present identity is as it was.
absl::StatusOr<EnrolResult> Enrol(const EnrolOptions& options);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_LINK_ENROL_H_
