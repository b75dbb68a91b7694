#include "controller/api/serve.h"
#include "controller/api/services.h"
#include "mailquench/v1/incidents.grpc.pb.h"

namespace mailquench::controller {
namespace {

class IncidentsService final : public v1::Incidents::Service {
 public:
  explicit IncidentsService(Core* core) : core_(core) {}

  grpc::Status OpenIncident(grpc::ServerContext* context,
                            const v1::OpenIncidentRequest* request,
                            v1::Incident* response) override {
    return Serve(
        context, "/mailquench.v1.Incidents/OpenIncident", core_, response,
        [&](const rpc::Peer& peer) { return core_->OpenIncident(*request, peer.id.name); });
  }
  grpc::Status GetIncident(grpc::ServerContext* context,
                           const v1::GetIncidentRequest* request,
                           v1::Incident* response) override {
    return Serve(context, "/mailquench.v1.Incidents/GetIncident", core_, response,
                 [&](const rpc::Peer&) { return core_->GetIncident(*request); });
  }
  grpc::Status ListIncidents(grpc::ServerContext* context,
                             const v1::ListIncidentsRequest* request,
                             v1::ListIncidentsResponse* response) override {
    return Serve(context, "/mailquench.v1.Incidents/ListIncidents", core_, response,
                 [&](const rpc::Peer&) { return core_->ListIncidents(*request); });
  }
  grpc::Status AddNote(grpc::ServerContext* context,
                       const v1::AddNoteRequest* request,
                       v1::Incident* response) override {
    return Serve(context, "/mailquench.v1.Incidents/AddNote", core_, response,
                 [&](const rpc::Peer& peer) { return core_->AddNote(*request, peer.id.name); });
  }
  grpc::Status ResolveCause(grpc::ServerContext* context,
                            const v1::ResolveCauseRequest* request,
                            v1::Incident* response) override {
    return Serve(
        context, "/mailquench.v1.Incidents/ResolveCause", core_, response,
        [&](const rpc::Peer& peer) { return core_->ResolveCause(*request, peer.id.name); });
  }
  grpc::Status AddCause(grpc::ServerContext* context,
                        const v1::AddCauseRequest* request,
                        v1::Incident* response) override {
    return Serve(context, "/mailquench.v1.Incidents/AddCause", core_, response,
                 [&](const rpc::Peer& peer) { return core_->AddCause(*request, peer.id.name); });
  }
  grpc::Status WaiveObligation(grpc::ServerContext* context,
                               const v1::WaiveObligationRequest* request,
                               v1::Incident* response) override {
    return Serve(
        context, "/mailquench.v1.Incidents/WaiveObligation", core_, response,
        [&](const rpc::Peer& peer) { return core_->WaiveObligation(*request, peer.id.name); });
  }
  grpc::Status CloseIncident(grpc::ServerContext* context,
                             const v1::CloseIncidentRequest* request,
                             v1::Incident* response) override {
    return Serve(
        context, "/mailquench.v1.Incidents/CloseIncident", core_, response,
        [&](const rpc::Peer& peer) { return core_->CloseIncident(*request, peer.id.name); });
  }

 private:
  Core* const core_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeIncidentsService(Core* core) {
  return std::make_unique<IncidentsService>(core);
}

}  // namespace mailquench::controller
