// absl::Status <-> grpc::Status, with google.rpc.Status in the trailing metadata, so that reasons
// travel.
#ifndef MAILQUENCH_COMMON_RPC_STATUS_MAP_H_
#define MAILQUENCH_COMMON_RPC_STATUS_MAP_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace mailquench::rpc {

grpc::Status ToGrpc(const absl::Status& status);
// Details that do not parse are dropped; code and message stay.
absl::Status FromGrpc(const grpc::Status& status);

}  // namespace mailquench::rpc

#endif  // MAILQUENCH_COMMON_RPC_STATUS_MAP_H_
