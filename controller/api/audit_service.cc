#include "controller/api/serve.h"
#include "controller/api/services.h"
#include "mailquench/v1/audit.grpc.pb.h"

namespace mailquench::controller {
namespace {

class AuditService final : public v1::Audit::Service {
 public:
  explicit AuditService(Core* core) : core_(core) {}

  grpc::Status ListEntries(grpc::ServerContext* context,
                           const v1::ListEntriesRequest* request,
                           v1::ListEntriesResponse* response) override {
    return Serve(context, "/mailquench.v1.Audit/ListEntries", core_, response,
                 [&](const rpc::Peer&) { return core_->ListAuditEntries(*request); });
  }
  grpc::Status Verify(grpc::ServerContext* context,
                      const v1::VerifyRequest*,
                      v1::VerifyResponse* response) override {
    return Serve(context, "/mailquench.v1.Audit/Verify", core_, response,
                 [&](const rpc::Peer&) { return core_->VerifyAudit(); });
  }

 private:
  Core* const core_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeAuditService(Core* core) {
  return std::make_unique<AuditService>(core);
}

}  // namespace mailquench::controller
