#include "controller/api/serve.h"
#include "controller/api/services.h"
#include "mailquench/v1/incidents.grpc.pb.h"

namespace mailquench::controller {
namespace {

class IncidentsService final : public v1::Incidents::Service {
 public:
  IncidentsService(Core* core, Gate* gate) : core_(core), gate_(gate) {}

  grpc::Status OpenIncident(grpc::ServerContext* context,
                            const v1::OpenIncidentRequest* request,
                            v1::Incident* response) override {
    return Serve(
        context, "/mailquench.v1.Incidents/OpenIncident", gate_, response,
        [&](const rpc::Peer& peer) { return core_->OpenIncident(*request, peer.id.name); });
  }
  grpc::Status GetIncident(grpc::ServerContext* context,
                           const v1::GetIncidentRequest* request,
                           v1::Incident* response) override {
    return Serve(context, "/mailquench.v1.Incidents/GetIncident", gate_, response,
                 [&](const rpc::Peer&) { return core_->GetIncident(*request); });
  }
  grpc::Status ListIncidents(grpc::ServerContext* context,
                             const v1::ListIncidentsRequest* request,
                             v1::ListIncidentsResponse* response) override {
    return Serve(context, "/mailquench.v1.Incidents/ListIncidents", gate_, response,
                 [&](const rpc::Peer&) { return core_->ListIncidents(*request); });
  }
  grpc::Status AddNote(grpc::ServerContext* context,
                       const v1::AddNoteRequest* request,
                       v1::Incident* response) override {
    return Serve(context, "/mailquench.v1.Incidents/AddNote", gate_, response,
                 [&](const rpc::Peer& peer) { return core_->AddNote(*request, peer.id.name); });
  }
  grpc::Status ResolveCause(grpc::ServerContext* context,
                            const v1::ResolveCauseRequest* request,
                            v1::Incident* response) override {
    return Serve(
        context, "/mailquench.v1.Incidents/ResolveCause", gate_, response,
        [&](const rpc::Peer& peer) { return core_->ResolveCause(*request, peer.id.name); });
  }
  grpc::Status AddCause(grpc::ServerContext* context,
                        const v1::AddCauseRequest* request,
                        v1::Incident* response) override {
    return Serve(context, "/mailquench.v1.Incidents/AddCause", gate_, response,
                 [&](const rpc::Peer& peer) { return core_->AddCause(*request, peer.id.name); });
  }
  grpc::Status WaiveObligation(grpc::ServerContext* context,
                               const v1::WaiveObligationRequest* request,
                               v1::Incident* response) override {
    return Serve(
        context, "/mailquench.v1.Incidents/WaiveObligation", gate_, response,
        [&](const rpc::Peer& peer) { return core_->WaiveObligation(*request, peer.id.name); });
  }
  grpc::Status CloseIncident(grpc::ServerContext* context,
                             const v1::CloseIncidentRequest* request,
                             v1::Incident* response) override {
    return Serve(
        context, "/mailquench.v1.Incidents/CloseIncident", gate_, response,
        [&](const rpc::Peer& peer) { return core_->CloseIncident(*request, peer.id.name); });
  }

 private:
  Core* const core_;
  Gate* const gate_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeIncidentsService(Core* core, Gate* gate) {
  return std::make_unique<IncidentsService>(core, gate);
}

}  // namespace mailquench::controller
