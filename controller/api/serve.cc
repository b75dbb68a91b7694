#include "controller/api/serve.h"

#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>

#include "controller/api/authorization.h"

namespace mailquench::controller {

absl::StatusOr<rpc::Peer> Authorize(const grpc::ServerContextBase& context,
                                    const std::string& method,
                                    Core* core) {
  absl::StatusOr<rpc::Peer> peer = rpc::PeerOf(context);
  if (!peer.ok()) return peer.status();
  absl::Status access = CheckAccess(peer->id, method);
  if (access.ok()) return peer;
  spdlog::warn("denied: {}", std::string(access.message()));
  const nlohmann::json detail = {{"method", method}, {"caller", peer->id.ToUri()}};
  const absl::Status audited = core->Audit(peer->id.name, "denied", detail.dump());
  if (!audited.ok()) spdlog::error("audit: {}", std::string(audited.message()));
  return access;
}

}  // namespace mailquench::controller
