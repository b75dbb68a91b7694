// What a lock of the relay asks for, before a mail system makes its own of it.
#ifndef MAILQUENCH_AGENT_MAIL_RELAY_REQUEST_H_
#define MAILQUENCH_AGENT_MAIL_RELAY_REQUEST_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench::agent {

struct RelayRequest {
  bool logins = false;               // Who has logged in may relay.
  std::vector<std::string> clients;  // As they were named; the mail system reads them.
};

// Errors, with nothing changed: kInvalidArgument/NO_MODE, kInvalidArgument/BAD_CLIENT ('listed'
// names none).
absl::StatusOr<RelayRequest> ReadRelayRequest(const v1::RelayLock& request);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_MAIL_RELAY_REQUEST_H_
