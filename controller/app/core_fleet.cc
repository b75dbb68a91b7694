// Hosts, and the tokens by which they enrol.
#include "common/status/error.h"
#include "controller/app/core_impl.h"

namespace mailquench::controller {

absl::StatusOr<v1::ListHostsResponse> CoreImpl::ListHosts(const v1::ListHostsRequest& r) {
  v1::ListHostsResponse response;
  std::vector<v1::Host> hosts = hosts_->All();
  if (!r.selector().empty()) {
    MQ_ASSIGN_OR_RETURN(hosts, hosts_->Choose(r.selector(), {}));
  }
  for (const v1::Host& host : hosts) *response.add_hosts() = host;
  return response;
}

absl::StatusOr<v1::Host> CoreImpl::GetHost(const v1::GetHostRequest& r) {
  return hosts_->Find(r.host());
}

absl::StatusOr<v1::Host> CoreImpl::SetLabels(const v1::SetLabelsRequest& r,
                                             const std::string& actor) {
  MQ_RETURN_IF_ERROR(Audit(actor, "host.labels", Json(r)));
  return hosts_->SetLabels(r);
}

absl::StatusOr<v1::Host> CoreImpl::SetMailIdentity(const v1::SetMailIdentityRequest& r,
                                                   const std::string& actor) {
  MQ_RETURN_IF_ERROR(Audit(actor, "host.mail-identity", Json(r)));
  return hosts_->SetMailIdentity(r);
}

absl::StatusOr<v1::Host> CoreImpl::AddManualHost(const v1::AddManualHostRequest& r,
                                                 const std::string& actor) {
  MQ_RETURN_IF_ERROR(guide_.Check(r.platform()));
  MQ_RETURN_IF_ERROR(Audit(actor, "host.add-manual", Json(r)));
  return hosts_->AddManual(r, actor);
}

absl::StatusOr<v1::Host> CoreImpl::EvictHost(const v1::EvictHostRequest& r,
                                             const std::string& actor) {
  MQ_ASSIGN_OR_RETURN(const v1::Host host, hosts_->Find(r.host()));
  if (host.state() == v1::HOST_STATE_BANNED) {
    return Error(absl::StatusCode::kFailedPrecondition, "HOST_BANNED",
                 host.name() +
                     " is banned, and an eviction would let it enrol again; nothing "
                     "was changed");
  }
  MQ_RETURN_IF_ERROR(SetHostState(host.host_id(), v1::HOST_STATE_EVICTED, r.reason(), actor));
  return hosts_->Find(host.host_id());
}

absl::StatusOr<v1::Host> CoreImpl::BanHost(const v1::BanHostRequest& r, const std::string& actor) {
  MQ_ASSIGN_OR_RETURN(const v1::Host host, hosts_->Find(r.host()));
  MQ_RETURN_IF_ERROR(SetHostState(host.host_id(), v1::HOST_STATE_BANNED, r.reason(), actor));
  return hosts_->Find(host.host_id());
}

absl::Status CoreImpl::UpsertEnrolledHost(const std::string& id,
                                          const std::string& name,
                                          const std::map<std::string, std::string>& labels,
                                          const std::string& serial) {
  MQ_RETURN_IF_ERROR(hosts_->Upsert(id, name, labels, serial));
  v1::Host host;
  host.set_host_id(id);
  host.set_name(name);
  return Audit(HostActor(name), "host.enrol", Json(host));
}

absl::Status CoreImpl::SetHostState(const std::string& id,
                                    v1::HostState state,
                                    const std::string& reason,
                                    const std::string& actor) {
  v1::EvictHostRequest detail;
  detail.set_host(id);
  detail.set_reason(reason);
  MQ_RETURN_IF_ERROR(
      Audit(actor, state == v1::HOST_STATE_BANNED ? "host.ban" : "host.state", Json(detail)));
  MQ_RETURN_IF_ERROR(hosts_->SetState(id, state));
  if (state != v1::HOST_STATE_ACTIVE) options_.link->Disconnect(id, reason);
  LookAtListings();
  return absl::OkStatus();
}

absl::Status CoreImpl::InsertToken(const TokenRow& token) {
  const auto manual = token.labels.find("manual");  // Whoever enrols has an agent.
  if (manual != token.labels.end()) MQ_RETURN_IF_ERROR(CheckLabel(manual->first, manual->second));
  MQ_RETURN_IF_ERROR(store_->InsertToken(token));
  v1::Token shown;
  shown.set_token_id(token.id);
  return Audit(token.created_by, "token.create", Json(shown));
}

absl::StatusOr<TokenRow> CoreImpl::FindToken(const std::string& id) {
  return store_->FindToken(id);
}

absl::Status CoreImpl::RevokeToken(const std::string& id, const std::string& actor) {
  v1::RevokeTokenRequest detail;
  detail.set_token_id(id);
  MQ_RETURN_IF_ERROR(Audit(actor, "token.revoke", Json(detail)));
  const std::lock_guard<std::mutex> lock(tokens_mu_);
  MQ_ASSIGN_OR_RETURN(TokenRow token, store_->FindToken(id));
  token.revoked = true;
  return store_->UpdateToken(token);
}

absl::Status CoreImpl::MarkTokenUsed(const std::string& id,
                                     const std::string& key,
                                     const std::string& certificate,
                                     const std::string& host_id) {
  const std::lock_guard<std::mutex> lock(tokens_mu_);
  MQ_ASSIGN_OR_RETURN(TokenRow token, store_->FindToken(id));
  if (token.revoked) {
    return Error(absl::StatusCode::kPermissionDenied, "TOKEN_REVOKED",
                 "the token was revoked; the host was not enrolled; ask an admin for a new one");
  }
  if (token.expire <= options_.clock->Now()) {
    return Error(absl::StatusCode::kFailedPrecondition, "TOKEN_EXPIRED",
                 "the token has expired; the host was not enrolled; ask an admin for a new one");
  }
  if (!token.used_key_fingerprint.empty()) {
    if (token.used_key_fingerprint == key) return absl::OkStatus();
    return Error(absl::StatusCode::kFailedPrecondition, "TOKEN_USED",
                 "the token was used with another key; the host was not enrolled; ask an admin for "
                 "a new one");
  }
  token.used_key_fingerprint = key;
  token.certificate_pem = certificate;
  token.host_id = host_id;
  return store_->UpdateToken(token);
}

}  // namespace mailquench::controller
