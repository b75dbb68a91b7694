#include "agent/mail/relay_request.h"

#include "common/status/error.h"

namespace mailquench::agent {

absl::StatusOr<RelayRequest> ReadRelayRequest(const v1::RelayLock& request) {
  RelayRequest out;
  switch (request.mode()) {
    case v1::RELAY_MODE_CLOSED:
      return out;
    case v1::RELAY_MODE_AUTHENTICATED_ONLY:
      out.logins = true;
      return out;
    case v1::RELAY_MODE_LISTED:
      out.clients.assign(request.clients().begin(), request.clients().end());
      if (!out.clients.empty()) return out;
      return Error(absl::StatusCode::kInvalidArgument, "BAD_CLIENT",
                   "the lock 'listed' names no client; nothing was changed; name some or ask for "
                   "'closed'");
    default:
      return Error(absl::StatusCode::kInvalidArgument, "NO_MODE",
                   "the relay lock names no mode that this agent knows; nothing was changed");
  }
}

}  // namespace mailquench::agent
