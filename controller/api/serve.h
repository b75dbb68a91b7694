// The frame of every operator's call. Internal to controller/api.
#ifndef MAILQUENCH_CONTROLLER_API_SERVE_H_
#define MAILQUENCH_CONTROLLER_API_SERVE_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/rpc/credentials.h"
#include "common/rpc/status_map.h"
#include "controller/app/core.h"
#include "controller/identity/revocation_watch.h"

namespace mailquench::controller {

// Decides who may call. Thread-safe; what is given outlives it.
class Gate {
 public:
  Gate(Core* core, RevocationWatch* revocations) : core_(core), revocations_(revocations) {}

  // Who calls, where the certificate is not revoked and the authorisation table lets them call
  // `method`. A refusal is logged and audited; that of one revoked certificate once, any other once
  // in ten minutes for the same certificate, method and reason, with the number of those between.
  // Errors: NO_PEER_IDENTITY, NOT_AUTHORIZED, those of RevocationWatch::Check().
  absl::StatusOr<rpc::Peer> Authorize(const grpc::ServerContextBase& context,
                                      const std::string& method);
  // For a call that goes on for long, again and again.
  absl::Status CheckRevoked(const rpc::Peer& peer);
  // Logs and audits a refusal that is decided by what is in the request. An OK `why` is none.
  void NoteRefusal(const rpc::Peer& peer, const std::string& method, const absl::Status& why);

 private:
  Core* const core_;
  RevocationWatch* const revocations_;
  std::mutex mu_;
  std::set<std::string> noted_;  // Guarded by mu_. Serials of revoked certificates that called.
  struct Refusals {
    absl::Time last;
    std::int64_t since = 0;
  };
  std::map<std::string, Refusals> refusals_;  // Guarded by mu_.
};

// Authorises, runs `handler` (rpc::Peer -> StatusOr<Response>), and fills the response.
template <typename Response, typename Handler>
grpc::Status Serve(grpc::ServerContext* context,
                   const std::string& method,
                   Gate* gate,
                   Response* response,
                   Handler handler) {
  const absl::StatusOr<rpc::Peer> peer = gate->Authorize(*context, method);
  if (!peer.ok()) return rpc::ToGrpc(peer.status());
  absl::StatusOr<Response> result = handler(*peer);
  if (!result.ok()) return rpc::ToGrpc(result.status());
  *response = *std::move(result);
  return grpc::Status::OK;
}

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_API_SERVE_H_
