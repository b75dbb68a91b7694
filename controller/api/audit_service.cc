#include "controller/api/serve.h"
#include "controller/api/services.h"
#include "mailquench/v1/audit.grpc.pb.h"

namespace mailquench::controller {
namespace {

class AuditService final : public v1::Audit::Service {
 public:
  AuditService(Core* core, Gate* gate) : core_(core), gate_(gate) {}

  grpc::Status ListEntries(grpc::ServerContext* context,
                           const v1::ListEntriesRequest* request,
                           v1::ListEntriesResponse* response) override {
    return Serve(context, "/mailquench.v1.Audit/ListEntries", gate_, response,
                 [&](const rpc::Peer&) { return core_->ListAuditEntries(*request); });
  }
  grpc::Status Verify(grpc::ServerContext* context,
                      const v1::VerifyRequest*,
                      v1::VerifyResponse* response) override {
    return Serve(context, "/mailquench.v1.Audit/Verify", gate_, response,
                 [&](const rpc::Peer&) { return core_->VerifyAudit(); });
  }

 private:
  Core* const core_;
  Gate* const gate_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeAuditService(Core* core, Gate* gate) {
  return std::make_unique<AuditService>(core, gate);
}

}  // namespace mailquench::controller
