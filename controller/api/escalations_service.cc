#include "common/status/error.h"
#include "controller/api/authorization.h"
#include "controller/api/serve.h"
#include "controller/api/services.h"
#include "controller/escalation/engine.h"
#include "controller/escalation/sources.h"
#include "controller/notify/notices.h"
#include "mailquench/v1/escalation.grpc.pb.h"
#include "nlohmann/json.hpp"

namespace mailquench::controller {
namespace {

#define MQ_METHOD(name) "/mailquench.v1.Escalations/" name

class EscalationsService final : public v1::Escalations::Service {
 public:
  EscalationsService(Core* core, Gate* gate) : core_(core), gate_(gate) {}

  grpc::Status RaiseAlerts(grpc::ServerContext* context,
                           const v1::RaiseAlertsRequest* request,
                           v1::RaiseAlertsResponse* response) override {
    return Serve(context, MQ_METHOD("RaiseAlerts"), gate_, response, [&](const rpc::Peer& peer) {
      return core_->escalations().Raise(*request, peer.id.name);
    });
  }
  grpc::Status TestAlerts(grpc::ServerContext* context,
                          const v1::TestAlertsRequest* request,
                          v1::TestAlertsResponse* response) override {
    return Serve(context, MQ_METHOD("TestAlerts"), gate_, response,
                 [&](const rpc::Peer&) { return core_->escalations().Test(*request); });
  }
  grpc::Status ListEscalations(grpc::ServerContext* context,
                               const v1::ListEscalationsRequest* request,
                               v1::ListEscalationsResponse* response) override {
    return Serve(context, MQ_METHOD("ListEscalations"), gate_, response,
                 [&](const rpc::Peer&) { return core_->escalations().List(*request); });
  }
  grpc::Status GetEscalation(grpc::ServerContext* context,
                             const v1::GetEscalationRequest* request,
                             v1::Escalation* response) override {
    return Serve(context, MQ_METHOD("GetEscalation"), gate_, response, [&](const rpc::Peer&) {
      return core_->escalations().Get(request->escalation_id());
    });
  }
  grpc::Status ListAlerts(grpc::ServerContext* context,
                          const v1::ListAlertsRequest* request,
                          v1::ListAlertsResponse* response) override {
    return Serve(context, MQ_METHOD("ListAlerts"), gate_, response,
                 [&](const rpc::Peer&) { return core_->escalations().ListAlerts(*request); });
  }
  // An approval is a start: it is held to the class of what is started.
  grpc::Status ApproveEscalation(grpc::ServerContext* context,
                                 const v1::ApproveEscalationRequest* request,
                                 v1::Escalation* response) override {
    return Serve(context, MQ_METHOD("ApproveEscalation"), gate_, response,
                 [&](const rpc::Peer& peer) -> absl::StatusOr<v1::Escalation> {
                   return core_->escalations().Approve(
                       *request, peer.id.name, [&](const std::vector<v1::Operation>& operations) {
                         absl::Status may = CheckOperations(peer.id, operations);
                         gate_->NoteRefusal(peer, MQ_METHOD("ApproveEscalation"), may);
                         return may;
                       });
                 });
  }
  grpc::Status RejectEscalation(grpc::ServerContext* context,
                                const v1::RejectEscalationRequest* request,
                                v1::Escalation* response) override {
    return Serve(
        context, MQ_METHOD("RejectEscalation"), gate_, response,
        [&](const rpc::Peer& peer) { return core_->escalations().Reject(*request, peer.id.name); });
  }
  grpc::Status ProposeRun(grpc::ServerContext* context,
                          const v1::ProposeRunRequest* request,
                          v1::Escalation* response) override {
    return Serve(context, MQ_METHOD("ProposeRun"), gate_, response, [&](const rpc::Peer& peer) {
      return core_->escalations().Propose(*request, peer.id.name);
    });
  }
  grpc::Status LintRules(grpc::ServerContext* context,
                         const v1::LintRulesRequest* request,
                         v1::LintRulesResponse* response) override {
    return Serve(context, MQ_METHOD("LintRules"), gate_, response,
                 [&](const rpc::Peer&) { return core_->escalations().Lint(*request); });
  }
  grpc::Status GetRules(grpc::ServerContext* context,
                        const v1::GetRulesRequest*,
                        v1::GetRulesResponse* response) override {
    return Serve(context, MQ_METHOD("GetRules"), gate_, response,
                 [&](const rpc::Peer&) { return core_->escalations().GetRules(); });
  }
  grpc::Status ReloadRules(grpc::ServerContext* context,
                           const v1::ReloadRulesRequest*,
                           v1::GetRulesResponse* response) override {
    return Serve(context, MQ_METHOD("ReloadRules"), gate_, response,
                 [&](const rpc::Peer& peer) { return core_->escalations().Reload(peer.id.name); });
  }
  grpc::Status SetPause(grpc::ServerContext* context,
                        const v1::SetPauseRequest* request,
                        v1::GetRulesResponse* response) override {
    return Serve(context, MQ_METHOD("SetPause"), gate_, response, [&](const rpc::Peer& peer) {
      return core_->escalations().SetPause(*request, peer.id.name);
    });
  }
  grpc::Status CreateSource(grpc::ServerContext* context,
                            const v1::CreateSourceRequest* request,
                            v1::CreateSourceResponse* response) override {
    return Serve(context, MQ_METHOD("CreateSource"), gate_, response,
                 [&](const rpc::Peer& peer) -> absl::StatusOr<v1::CreateSourceResponse> {
                   if (const absl::Status kept =
                           core_->Audit(peer.id.name, "source.create", Detail(request->name()));
                       !kept.ok())
                     return kept;
                   return core_->alert_sources().Create(*request, peer.id.name);
                 });
  }
  grpc::Status ListSources(grpc::ServerContext* context,
                           const v1::ListSourcesRequest*,
                           v1::ListSourcesResponse* response) override {
    return Serve(context, MQ_METHOD("ListSources"), gate_, response,
                 [&](const rpc::Peer&) -> absl::StatusOr<v1::ListSourcesResponse> {
                   v1::ListSourcesResponse all;
                   for (const v1::AlertSource& one : core_->alert_sources().All())
                     *all.add_sources() = one;
                   return all;
                 });
  }
  grpc::Status RevokeSource(grpc::ServerContext* context,
                            const v1::RevokeSourceRequest* request,
                            v1::AlertSource* response) override {
    return Serve(context, MQ_METHOD("RevokeSource"), gate_, response,
                 [&](const rpc::Peer& peer) -> absl::StatusOr<v1::AlertSource> {
                   if (const absl::Status kept =
                           core_->Audit(peer.id.name, "source.revoke", Detail(request->name()));
                       !kept.ok())
                     return kept;
                   return core_->alert_sources().Revoke(request->name());
                 });
  }
  grpc::Status ListNotices(grpc::ServerContext* context,
                           const v1::ListNoticesRequest* request,
                           v1::ListNoticesResponse* response) override {
    return Serve(context, MQ_METHOD("ListNotices"), gate_, response,
                 [&](const rpc::Peer&) { return core_->notices().List(*request); });
  }
  grpc::Status TestNotification(grpc::ServerContext* context,
                                const v1::TestNotificationRequest* request,
                                v1::TestNotificationResponse* response) override {
    return Serve(context, MQ_METHOD("TestNotification"), gate_, response,
                 [&](const rpc::Peer& peer) {
                   return core_->notices().Test(request->channel(), peer.id.name);
                 });
  }

 private:
  static std::string Detail(const std::string& name) {
    return nlohmann::json({{"name", name}})
        .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }

  Core* const core_;
  Gate* const gate_;
};

#undef MQ_METHOD

}  // namespace

std::unique_ptr<grpc::Service> MakeEscalationsService(Core* core, Gate* gate) {
  return std::make_unique<EscalationsService>(core, gate);
}

}  // namespace mailquench::controller
