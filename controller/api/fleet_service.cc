#include <google/protobuf/util/time_util.h>

#include "controller/api/serve.h"
#include "controller/api/services.h"
#include "mailquench/v1/fleet.grpc.pb.h"

namespace mailquench::controller {
namespace {

using google::protobuf::util::TimeUtil;

v1::Token Describe(const TokenRecord& record) {
  v1::Token token;
  token.set_token_id(record.id);
  for (const auto& [key, value] : record.labels) (*token.mutable_labels())[key] = value;
  *token.mutable_expire_time() =
      TimeUtil::SecondsToTimestamp(absl::ToUnixSeconds(record.expires_at));
  token.set_used(record.use.has_value());
  token.set_created_by(record.created_by);
  return token;
}

class FleetService final : public v1::Fleet::Service {
 public:
  FleetService(Core* core, Gate* gate, Tokens* tokens, Clock* clock)
      : core_(core), gate_(gate), tokens_(tokens), clock_(clock) {}

  grpc::Status ListHosts(grpc::ServerContext* context,
                         const v1::ListHostsRequest* request,
                         v1::ListHostsResponse* response) override {
    return Serve(context, "/mailquench.v1.Fleet/ListHosts", gate_, response,
                 [&](const rpc::Peer&) { return core_->ListHosts(*request); });
  }
  grpc::Status GetHost(grpc::ServerContext* context,
                       const v1::GetHostRequest* request,
                       v1::Host* response) override {
    return Serve(context, "/mailquench.v1.Fleet/GetHost", gate_, response,
                 [&](const rpc::Peer&) { return core_->GetHost(*request); });
  }
  grpc::Status SetLabels(grpc::ServerContext* context,
                         const v1::SetLabelsRequest* request,
                         v1::Host* response) override {
    return Serve(context, "/mailquench.v1.Fleet/SetLabels", gate_, response,
                 [&](const rpc::Peer& peer) { return core_->SetLabels(*request, peer.id.name); });
  }
  grpc::Status SetMailIdentity(grpc::ServerContext* context,
                               const v1::SetMailIdentityRequest* request,
                               v1::Host* response) override {
    return Serve(
        context, "/mailquench.v1.Fleet/SetMailIdentity", gate_, response,
        [&](const rpc::Peer& peer) { return core_->SetMailIdentity(*request, peer.id.name); });
  }
  grpc::Status AddManualHost(grpc::ServerContext* context,
                             const v1::AddManualHostRequest* request,
                             v1::Host* response) override {
    return Serve(
        context, "/mailquench.v1.Fleet/AddManualHost", gate_, response,
        [&](const rpc::Peer& peer) { return core_->AddManualHost(*request, peer.id.name); });
  }
  grpc::Status EvictHost(grpc::ServerContext* context,
                         const v1::EvictHostRequest* request,
                         v1::Host* response) override {
    return Serve(context, "/mailquench.v1.Fleet/EvictHost", gate_, response,
                 [&](const rpc::Peer& peer) { return core_->EvictHost(*request, peer.id.name); });
  }
  grpc::Status BanHost(grpc::ServerContext* context,
                       const v1::BanHostRequest* request,
                       v1::Host* response) override {
    return Serve(context, "/mailquench.v1.Fleet/BanHost", gate_, response,
                 [&](const rpc::Peer& peer) { return core_->BanHost(*request, peer.id.name); });
  }
  grpc::Status CreateToken(grpc::ServerContext* context,
                           const v1::CreateTokenRequest* request,
                           v1::CreateTokenResponse* response) override {
    return Serve(context, "/mailquench.v1.Fleet/CreateToken", gate_, response,
                 [&](const rpc::Peer& peer) { return Create(*request, peer.id.name); });
  }
  grpc::Status ListTokens(grpc::ServerContext* context,
                          const v1::ListTokensRequest*,
                          v1::ListTokensResponse* response) override {
    return Serve(context, "/mailquench.v1.Fleet/ListTokens", gate_, response,
                 [&](const rpc::Peer&) { return List(); });
  }
  grpc::Status RevokeToken(grpc::ServerContext* context,
                           const v1::RevokeTokenRequest* request,
                           v1::RevokeTokenResponse* response) override {
    return Serve(context, "/mailquench.v1.Fleet/RevokeToken", gate_, response,
                 [&](const rpc::Peer& peer) -> absl::StatusOr<v1::RevokeTokenResponse> {
                   const absl::Status revoked =
                       core_->RevokeToken(request->token_id(), peer.id.name);
                   if (!revoked.ok()) return revoked;
                   return v1::RevokeTokenResponse();
                 });
  }
  grpc::Status WhoAmI(grpc::ServerContext* context,
                      const v1::WhoAmIRequest*,
                      v1::WhoAmIResponse* response) override {
    return Serve(context, "/mailquench.v1.Fleet/WhoAmI", gate_, response,
                 [](const rpc::Peer& peer) -> absl::StatusOr<v1::WhoAmIResponse> {
                   v1::WhoAmIResponse answer;
                   answer.set_name(peer.id.name);
                   answer.set_role(identity::RoleName(peer.id.role));
                   *answer.mutable_expire_time() =
                       TimeUtil::SecondsToTimestamp(absl::ToUnixSeconds(peer.not_after));
                   return answer;
                 });
  }

 private:
  absl::StatusOr<v1::CreateTokenResponse> Create(const v1::CreateTokenRequest& request,
                                                 const std::string& actor) {
    const std::map<std::string, std::string> labels(request.labels().begin(),
                                                    request.labels().end());
    const absl::Duration life =
        absl::Nanoseconds(request.life().nanos()) + absl::Seconds(request.life().seconds());
    const absl::StatusOr<NewToken> token = tokens_->Create(labels, life, actor);
    if (!token.ok()) return token.status();
    v1::CreateTokenResponse response;
    response.set_token(token->text);
    *response.mutable_description() = Describe(token->record);
    return response;
  }

  absl::StatusOr<v1::ListTokensResponse> List() {
    const absl::StatusOr<std::vector<TokenRecord>> records = tokens_->List();
    if (!records.ok()) return records.status();
    v1::ListTokensResponse response;
    for (const TokenRecord& record : *records) {
      // Those that nobody can use any more are of no interest but for the audit log.
      if (record.revoked || record.expires_at < clock_->Now()) continue;
      *response.add_tokens() = Describe(record);
    }
    return response;
  }

  Core* const core_;
  Gate* const gate_;
  Tokens* const tokens_;
  Clock* const clock_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeFleetService(Core* core,
                                                Gate* gate,
                                                Tokens* tokens,
                                                Clock* clock) {
  return std::make_unique<FleetService>(core, gate, tokens, clock);
}

}  // namespace mailquench::controller
