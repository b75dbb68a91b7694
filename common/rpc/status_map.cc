#include "common/rpc/status_map.h"

#include <string>

#include "absl/strings/string_view.h"
#include "common/status/error.h"
#include "google/rpc/status.pb.h"

namespace mailquench::rpc {

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  // The numbers are the same on both sides by definition.
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()),
                      ToProto(status).SerializeAsString());
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  google::rpc::Status details;
  // Code and message are those of gRPC: a proxy on the way may have changed them, never the
  // details.
  if (!details.ParseFromString(status.error_details())) details.Clear();
  details.set_code(static_cast<int>(status.error_code()));
  details.set_message(status.error_message());
  return FromProto(details);
}

}  // namespace mailquench::rpc
