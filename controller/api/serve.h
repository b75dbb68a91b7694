// The frame of every operator's call. Internal to controller/api.
#ifndef MAILQUENCH_CONTROLLER_API_SERVE_H_
#define MAILQUENCH_CONTROLLER_API_SERVE_H_

#include <grpcpp/grpcpp.h>

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "common/rpc/credentials.h"
#include "common/rpc/status_map.h"
#include "controller/app/core.h"

namespace mailquench::controller {

// Who calls, where the authorisation table lets them call `method`. A refusal is logged and
// audited.
absl::StatusOr<rpc::Peer> Authorize(const grpc::ServerContextBase& context,
                                    const std::string& method,
                                    Core* core);

// Authorises, runs `handler` (rpc::Peer -> StatusOr<Response>), and fills the response.
template <typename Response, typename Handler>
grpc::Status Serve(grpc::ServerContext* context,
                   const std::string& method,
                   Core* core,
                   Response* response,
                   Handler handler) {
  const absl::StatusOr<rpc::Peer> peer = Authorize(*context, method, core);
  if (!peer.ok()) return rpc::ToGrpc(peer.status());
  absl::StatusOr<Response> result = handler(*peer);
  if (!result.ok()) return rpc::ToGrpc(result.status());
  *response = *std::move(result);
  return grpc::Status::OK;
}

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_API_SERVE_H_
