#include "absl/time/clock.h"
#include "common/status/error.h"
#include "controller/api/authorization.h"
#include "controller/api/seat.h"
#include "controller/api/serve.h"
#include "controller/api/services.h"
#include "controller/mx/switches.h"
#include "google/protobuf/util/json_util.h"
#include "mailquench/v1/mx.grpc.pb.h"

namespace mailquench::controller {
namespace {

#define MQ_METHOD(name) "/mailquench.v1.Mx/" name

constexpr int kMostSwitchWatchers = 16;
constexpr int kMostQuestions = 8;  // Each asks many servers, and may be asked by a viewer.
// A switch of many domains is long, and changes often.
constexpr absl::Duration kBetweenEvents = absl::Milliseconds(250);

bool HasEnded(const v1::MxSwitch& one) {
  return one.has_end_time();
}

class MxService final : public v1::Mx::Service {
 public:
  MxService(Core* core, Gate* gate, const std::atomic<bool>* stopping)
      : core_(core), gate_(gate), stopping_(stopping) {}

  grpc::Status ShowDomain(grpc::ServerContext* context,
                          const v1::ShowDomainRequest* request,
                          v1::DomainView* response) override {
    return Serve(context, MQ_METHOD("ShowDomain"), gate_, response,
                 [&](const rpc::Peer&) -> absl::StatusOr<v1::DomainView> {
                   const Seat seat(&questions_);
                   MQ_RETURN_IF_ERROR(Room(seat));
                   return core_->mail_routes().Show(*request);
                 });
  }
  grpc::Status Preflight(grpc::ServerContext* context,
                         const v1::PreflightRequest* request,
                         v1::PreflightReport* response) override {
    return Change(context, MQ_METHOD("Preflight"), "mx.preflight", *request, response,
                  [&](const std::string& actor) -> absl::StatusOr<v1::PreflightReport> {
                    const Seat seat(&questions_);
                    MQ_RETURN_IF_ERROR(Room(seat));
                    return core_->mail_routes().Preflight(*request, actor);
                  });
  }
  grpc::Status PlanSwitch(grpc::ServerContext* context,
                          const v1::PlanSwitchRequest* request,
                          v1::MxSwitch* response) override {
    return Change(
        context, MQ_METHOD("PlanSwitch"), "mx.plan", *request, response,
        [&](const std::string& actor) { return core_->mail_routes().Plan(*request, actor); });
  }
  grpc::Status StartSwitch(grpc::ServerContext* context,
                           const v1::StartSwitchRequest* request,
                           v1::MxSwitch* response) override {
    return Change(
        context, MQ_METHOD("StartSwitch"), "mx.start", *request, response,
        [&](const std::string& actor) { return core_->mail_routes().Start(*request, actor); });
  }
  grpc::Status RevertSwitch(grpc::ServerContext* context,
                            const v1::RevertSwitchRequest* request,
                            v1::MxSwitch* response) override {
    return Change(
        context, MQ_METHOD("RevertSwitch"), "mx.revert", *request, response,
        [&](const std::string& actor) { return core_->mail_routes().Revert(*request, actor); });
  }
  grpc::Status WaiveCheck(grpc::ServerContext* context,
                          const v1::WaiveCheckRequest* request,
                          v1::MxSwitch* response) override {
    return Change(
        context, MQ_METHOD("WaiveCheck"), "mx.waive", *request, response,
        [&](const std::string& actor) { return core_->mail_routes().Waive(*request, actor); });
  }
  grpc::Status NoteRecord(grpc::ServerContext* context,
                          const v1::NoteRecordRequest* request,
                          v1::MxSwitch* response) override {
    return Change(
        context, MQ_METHOD("NoteRecord"), "mx.note", *request, response,
        [&](const std::string& actor) { return core_->mail_routes().Note(*request, actor); });
  }
  grpc::Status GetSwitch(grpc::ServerContext* context,
                         const v1::GetSwitchRequest* request,
                         v1::MxSwitch* response) override {
    return Serve(context, MQ_METHOD("GetSwitch"), gate_, response,
                 [&](const rpc::Peer&) { return core_->mail_routes().Get(request->switch_id()); });
  }
  grpc::Status ListSwitches(grpc::ServerContext* context,
                            const v1::ListSwitchesRequest* request,
                            v1::ListSwitchesResponse* response) override {
    return Serve(context, MQ_METHOD("ListSwitches"), gate_, response,
                 [&](const rpc::Peer&) { return core_->mail_routes().List(*request); });
  }
  grpc::Status WatchSwitch(grpc::ServerContext* context,
                           const v1::GetSwitchRequest* request,
                           grpc::ServerWriter<v1::MxSwitch>* writer) override {
    const auto peer = gate_->Authorize(*context, MQ_METHOD("WatchSwitch"));
    if (!peer.ok()) return rpc::ToGrpc(peer.status());
    const Seat seat(&watchers_);
    if (seat.number() > kMostSwitchWatchers)
      return rpc::ToGrpc(Error(absl::StatusCode::kResourceExhausted, "TOO_MANY_WATCHERS",
                               "too many calls watch switches already; ask with GetSwitch"));
    return Watch(context, *peer, request->switch_id(), writer);
  }

 private:
  static absl::Status Room(const Seat& seat) {
    if (seat.number() <= kMostQuestions) return absl::OkStatus();
    return Error(absl::StatusCode::kResourceExhausted, "TOO_MANY_QUESTIONS",
                 "too many calls ask DNS already; nothing was asked; try again");
  }

  // The audit entry comes first: what cannot be written down is not done. A preflight asks lists
  // and hosts, so it is written down as well.
  template <class Request, class Response, class Act>
  grpc::Status Change(grpc::ServerContext* context,
                      const std::string& method,
                      const std::string& action,
                      const Request& request,
                      Response* response,
                      Act act) {
    return Serve(context, method, gate_, response,
                 [&](const rpc::Peer& peer) -> absl::StatusOr<Response> {
                   std::string detail;
                   if (!google::protobuf::util::MessageToJsonString(request, &detail).ok())
                     detail = "{}";
                   MQ_RETURN_IF_ERROR(core_->Audit(peer.id.name, action, detail));
                   return act(peer.id.name);
                 });
  }

  grpc::Status Watch(grpc::ServerContext* context,
                     const rpc::Peer& peer,
                     const std::string& id,
                     grpc::ServerWriter<v1::MxSwitch>* writer) {
    std::uint64_t version = 0;
    absl::Time written = absl::InfinitePast();
    while (true) {
      if (context->IsCancelled()) return grpc::Status::CANCELLED;
      if (stopping_->load())
        return rpc::ToGrpc(
            Error(absl::StatusCode::kUnavailable, "SHUTTING_DOWN",
                  "the controller is shutting down; the switch goes on when it is back"));
      if (const absl::Status revoked = gate_->CheckRevoked(peer); !revoked.ok())
        return rpc::ToGrpc(revoked);
      const std::uint64_t seen = version;
      const auto now = core_->mail_routes().Next(id, &version, absl::Milliseconds(200));
      if (!now.ok()) return rpc::ToGrpc(now.status());
      if (version == seen) continue;
      if (!writer->Write(*now) || HasEnded(*now)) return grpc::Status::OK;
      const absl::Duration early = kBetweenEvents - (absl::Now() - written);
      if (early > absl::ZeroDuration()) absl::SleepFor(early);
      written = absl::Now();
    }
  }

  Core* const core_;
  Gate* const gate_;
  const std::atomic<bool>* const stopping_;
  std::atomic<int> watchers_{0};
  std::atomic<int> questions_{0};
};

#undef MQ_METHOD

}  // namespace

std::unique_ptr<grpc::Service> MakeMxService(Core* core,
                                             Gate* gate,
                                             const std::atomic<bool>* stopping) {
  return std::make_unique<MxService>(core, gate, stopping);
}

}  // namespace mailquench::controller
