#include "controller/antivirus/postures.h"
#include "controller/api/serve.h"
#include "controller/api/services.h"
#include "mailquench/v1/antivirus.grpc.pb.h"

namespace mailquench::controller {
namespace {

class AntivirusService final : public v1::Antivirus::Service {
 public:
  AntivirusService(Core* core, Gate* gate) : core_(core), gate_(gate) {}

  grpc::Status GetPosture(grpc::ServerContext* context,
                          const v1::GetPostureRequest* request,
                          v1::Posture* response) override {
    return Serve(context, "/mailquench.v1.Antivirus/GetPosture", gate_, response,
                 [&](const rpc::Peer&) { return core_->antivirus().Get(*request); });
  }
  grpc::Status ImportInventory(grpc::ServerContext* context,
                               const v1::ImportInventoryRequest* request,
                               v1::ImportInventoryResponse* response) override {
    return Serve(
        context, "/mailquench.v1.Antivirus/ImportInventory", gate_, response,
        [&](const rpc::Peer& peer) { return core_->ImportInventory(*request, peer.id.name); });
  }
  grpc::Status WaiveHost(grpc::ServerContext* context,
                         const v1::WaiveHostRequest* request,
                         v1::PostureRow* response) override {
    return Serve(
        context, "/mailquench.v1.Antivirus/WaiveHost", gate_, response,
        [&](const rpc::Peer& peer) { return core_->WaiveAntivirus(*request, peer.id.name); });
  }

 private:
  Core* const core_;
  Gate* const gate_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeAntivirusService(Core* core, Gate* gate) {
  return std::make_unique<AntivirusService>(core, gate);
}

}  // namespace mailquench::controller
