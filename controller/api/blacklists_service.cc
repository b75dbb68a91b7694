#include <atomic>

#include "common/status/error.h"
#include "controller/api/seat.h"
#include "controller/api/serve.h"
#include "controller/api/services.h"
#include "mailquench/v1/blacklist.grpc.pb.h"

namespace mailquench::controller {
namespace {

constexpr int kMaxChecks = 8;

class BlacklistsService final : public v1::Blacklists::Service {
 public:
  BlacklistsService(Core* core, Gate* gate) : core_(core), gate_(gate) {}

  grpc::Status Check(grpc::ServerContext* context,
                     const v1::BlacklistCheckRequest* request,
                     grpc::ServerWriter<v1::BlacklistCheckEvent>* writer) override {
    const auto peer = gate_->Authorize(*context, "/mailquench.v1.Blacklists/Check");
    if (!peer.ok()) return rpc::ToGrpc(peer.status());
    const Seat seat(&checks_);
    if (seat.number() > kMaxChecks)
      return rpc::ToGrpc(Error(absl::StatusCode::kResourceExhausted, "TOO_MANY_CHECKS",
                               "enough checks are under way already; nothing was asked, try again "
                               "in a moment"));
    // One that has gone away gets no more; what was asked is taken all the same.
    return rpc::ToGrpc(core_->blacklists().Check(
        *request, [&](const v1::BlacklistCheckEvent& event) { writer->Write(event); }));
  }
  grpc::Status GetStatus(grpc::ServerContext* context,
                         const v1::GetBlacklistStatusRequest*,
                         v1::BlacklistStatus* response) override {
    return Serve(context, "/mailquench.v1.Blacklists/GetStatus", gate_, response,
                 [&](const rpc::Peer&) { return core_->blacklists().Status(); });
  }
  grpc::Status ListLists(grpc::ServerContext* context,
                         const v1::ListBlacklistsRequest* request,
                         v1::ListBlacklistsResponse* response) override {
    return Serve(context, "/mailquench.v1.Blacklists/ListLists", gate_, response,
                 [&](const rpc::Peer&) { return core_->blacklists().Lists(*request); });
  }
  grpc::Status Explain(grpc::ServerContext* context,
                       const v1::ExplainSubjectRequest* request,
                       v1::SubjectExplanation* response) override {
    return Serve(context, "/mailquench.v1.Blacklists/Explain", gate_, response,
                 [&](const rpc::Peer&) -> absl::StatusOr<v1::SubjectExplanation> {
                   // It asks DNS, which may take its time.
                   const Seat seat(&explanations_);
                   if (seat.number() > kMaxChecks)
                     return Error(absl::StatusCode::kResourceExhausted, "TOO_MANY_QUESTIONS",
                                  "enough such questions are under way already; try again in a "
                                  "moment");
                   return core_->blacklists().Explain(*request);
                 });
  }
  grpc::Status ListHistory(grpc::ServerContext* context,
                           const v1::ListBlacklistHistoryRequest* request,
                           v1::ListBlacklistHistoryResponse* response) override {
    return Serve(context, "/mailquench.v1.Blacklists/ListHistory", gate_, response,
                 [&](const rpc::Peer&) { return core_->ListBlacklistHistory(*request); });
  }
  grpc::Status ListListings(grpc::ServerContext* context,
                            const v1::ListListingsRequest* request,
                            v1::ListListingsResponse* response) override {
    return Serve(context, "/mailquench.v1.Blacklists/ListListings", gate_, response,
                 [&](const rpc::Peer&) { return core_->ListListings(*request); });
  }
  grpc::Status GetListing(grpc::ServerContext* context,
                          const v1::GetListingRequest* request,
                          v1::Listing* response) override {
    return Serve(context, "/mailquench.v1.Blacklists/GetListing", gate_, response,
                 [&](const rpc::Peer&) { return core_->GetListing(*request); });
  }
  grpc::Status RequestDelisting(grpc::ServerContext* context,
                                const v1::RequestDelistingRequest* request,
                                v1::Listing* response) override {
    return Serve(
        context, "/mailquench.v1.Blacklists/RequestDelisting", gate_, response,
        [&](const rpc::Peer& peer) { return core_->RequestDelisting(*request, peer.id.name); });
  }
  grpc::Status AddListingNote(grpc::ServerContext* context,
                              const v1::AddListingNoteRequest* request,
                              v1::Listing* response) override {
    return Serve(
        context, "/mailquench.v1.Blacklists/AddListingNote", gate_, response,
        [&](const rpc::Peer& peer) { return core_->AddListingNote(*request, peer.id.name); });
  }
  grpc::Status DropListing(grpc::ServerContext* context,
                           const v1::DropListingRequest* request,
                           v1::Listing* response) override {
    return Serve(context, "/mailquench.v1.Blacklists/DropListing", gate_, response,
                 [&](const rpc::Peer& peer) { return core_->DropListing(*request, peer.id.name); });
  }

 private:
  Core* const core_;
  Gate* const gate_;
  std::atomic<int> checks_{0};
  std::atomic<int> explanations_{0};
};

}  // namespace

std::unique_ptr<grpc::Service> MakeBlacklistsService(Core* core, Gate* gate) {
  return std::make_unique<BlacklistsService>(core, gate);
}

}  // namespace mailquench::controller
