#include "controller/api/serve.h"
#include "controller/api/services.h"
#include "mailquench/v1/quarantines.grpc.pb.h"

namespace mailquench::controller {
namespace {

class QuarantinesService final : public v1::Quarantines::Service {
 public:
  QuarantinesService(Core* core, Gate* gate) : core_(core), gate_(gate) {}

  grpc::Status ListQuarantines(grpc::ServerContext* context,
                               const v1::ListQuarantinesRequest* request,
                               v1::ListQuarantinesResponse* response) override {
    return Serve(context, "/mailquench.v1.Quarantines/ListQuarantines", gate_, response,
                 [&](const rpc::Peer&) { return core_->ListQuarantines(*request); });
  }

 private:
  Core* const core_;
  Gate* const gate_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeQuarantinesService(Core* core, Gate* gate) {
  return std::make_unique<QuarantinesService>(core, gate);
}

}  // namespace mailquench::controller
