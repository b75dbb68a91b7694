#include "controller/app/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/rpc/credentials.h"
#include "common/status/error.h"
#include "common/text/harmless.h"
#include "controller/api/authorization.h"
#include "controller/api/services.h"
#include "controller/escalation/engine.h"
#include "controller/escalation/sources.h"
#include "controller/metrics/metrics.h"

namespace mailquench::controller {
namespace {

constexpr int kMaxThreads = 64;           // Of operators' calls, watchers included.
constexpr int kMaxEnrolmentThreads = 16;  // Anybody can connect there.
constexpr int kHttpsThreads = 4;          // None waits for the disk with alerts; /metrics may.
constexpr int kMaxMessage = 32 * 1024 * 1024;

absl::Status CannotListen(const std::string& address) {
  return Error(
      absl::StatusCode::kUnavailable, "CANNOT_LISTEN",
      absl::StrCat("cannot listen on ", address,
                   ": the address is in use or is not this machine's; nothing was started"));
}

absl::StatusOr<std::string> Identify(grpc::ServerContextBase& context) {
  MQ_ASSIGN_OR_RETURN(const rpc::Peer peer, rpc::PeerOf(context));
  MQ_RETURN_IF_ERROR(CheckAccess(peer.id, "/mailquench.v1.AgentLink/Connect"));
  return peer.id.name;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ControllerServer>> ControllerServer::Start(const Config& config,
                                                                          Clock* clock) {
  std::unique_ptr<ControllerServer> server(new ControllerServer());
  MQ_ASSIGN_OR_RETURN(server->claim_, StoreClaim::Take(config.store));
  MQ_RETURN_IF_ERROR(server->Open(config, clock));
  // Before anybody can ask: a run that is not taken up yet could not be cancelled.
  MQ_RETURN_IF_ERROR(server->core_->Resume());
  MQ_RETURN_IF_ERROR(server->Listen(config));
  return server;
}

absl::Status ControllerServer::Open(const Config& config, Clock* clock) {
  clock_ = clock;
  MQ_ASSIGN_OR_RETURN(ca_, CertificateAuthority::Load(config.identity_dir, clock));
  if (ca_->trust_domain() != config.trust_domain) {
    return Error(
        absl::StatusCode::kFailedPrecondition, "WRONG_TRUST_DOMAIN",
        absl::StrCat("the CA in ", config.identity_dir, " is of trust domain ", ca_->trust_domain(),
                     ", the configuration says ", config.trust_domain, "; nothing was started"));
  }
  StreamHooks hooks;
  hooks.identify = Identify;
  hooks.admit = [this](const std::string& host_id) { return Admit(host_id); };
  hooks.renew = [this](const std::string& host_id, const std::string& csr) {
    return Renew(host_id, csr);
  };
  hub_ = std::make_unique<StreamHub>(std::move(hooks));
  CoreOptions options;
  options.store_path = config.store;
  options.playbook_directory = config.playbooks;
  options.clock = clock;
  options.link = hub_.get();
  options.patience = config.patience;
  options.resume_patience = config.resume_patience;
  options.manual_patience = config.manual_patience;
  options.grace = config.grace;
  options.blacklists = config.blacklists;
  options.blacklists.log = [](const std::string& text) { spdlog::warn("{}", Harmless(text)); };
  options.antivirus = config.antivirus;
  options.dns = config.dns;
  options.dns.log = [](const std::string& text) { spdlog::warn("{}", Harmless(text)); };
  options.escalation_file = config.escalation;
  options.escalation_settle = absl::Seconds(20);  // Agents try again within seconds at first.
  options.alertmanager_poll = config.alertmanager_poll;
  options.silence_length = config.silence_length;
  options.own_watch_every = config.own_watch_every;
  options.log = [](const std::string& text) { spdlog::warn("{}", Harmless(text)); };
  options.endpoint_results = [this] {
    AlertEndpoint* const endpoint = endpoint_now_;
    return endpoint == nullptr ? std::map<std::string, std::int64_t>() : endpoint->Results();
  };
  MQ_ASSIGN_OR_RETURN(core_, Core::Open(options));
  hub_->SetEvents(&core_->events());
  token_store_ = std::make_unique<CoreTokenStore>(core_.get());
  tokens_ = std::make_unique<Tokens>(
      token_store_.get(), ca_.get(), clock,
      [core = core_.get()](const std::string& key_sha256) { return AdmitKey(core, key_sha256); });
  revocation_audit_ = std::make_unique<RevocationAudit>(core_.get());
  revocations_ = std::make_unique<RevocationWatch>(
      config.identity_dir,
      [this](const Revocation& one) { return revocation_audit_->Record(one); });
  // Those that were made while no controller ran are recorded now.
  if (const absl::Status readable = revocations_->Check("", "", absl::InfiniteFuture());
      !readable.ok()) {
    spdlog::error("{}", std::string(readable.message()));
  }
  gate_ = std::make_unique<Gate>(core_.get(), revocations_.get());
  services_.push_back(MakeFleetService(core_.get(), gate_.get(), tokens_.get(), clock));
  services_.push_back(MakeRunsService(core_.get(), gate_.get(), &stopping_));
  services_.push_back(MakeIncidentsService(core_.get(), gate_.get()));
  services_.push_back(MakeQuarantinesService(core_.get(), gate_.get()));
  services_.push_back(MakeBlacklistsService(core_.get(), gate_.get()));
  services_.push_back(MakeEscalationsService(core_.get(), gate_.get()));
  services_.push_back(MakeAntivirusService(core_.get(), gate_.get()));
  services_.push_back(MakeMxService(core_.get(), gate_.get(), &stopping_));
  services_.push_back(MakeAuditService(core_.get(), gate_.get()));
  enrolment_ = MakeEnrolmentService(core_.get(), tokens_.get());
  return absl::OkStatus();
}

absl::Status ControllerServer::Listen(const Config& config) {
  const rpc::Files files{config.key, config.certificate, config.ca};
  // First, so that the port that needs no certificate serves neither health nor reflection.
  {
    MQ_ASSIGN_OR_RETURN(const auto credentials, rpc::EnrolmentServerCredentials(files));
    grpc::ServerBuilder builder;
    rpc::SetServerOptions(&builder);
    grpc::ResourceQuota quota("enrolment");
    quota.SetMaxThreads(kMaxEnrolmentThreads);
    builder.SetResourceQuota(quota);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.SetMaxReceiveMessageSize(64 * 1024);
    builder.AddListeningPort(config.enrolment_listen, credentials, &enrolment_port_);
    builder.RegisterService(enrolment_.get());
    enrolment_server_ = builder.BuildAndStart();
    if (enrolment_server_ == nullptr || enrolment_port_ == 0) {
      return CannotListen(config.enrolment_listen);
    }
  }
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  MQ_ASSIGN_OR_RETURN(const auto credentials, rpc::ServerCredentials(files));
  grpc::ServerBuilder builder;
  rpc::SetServerOptions(&builder);
  grpc::ResourceQuota quota("operators");
  quota.SetMaxThreads(kMaxThreads);
  builder.SetResourceQuota(quota);
  // Without this a second controller could share the port, and agents would find either.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.SetMaxReceiveMessageSize(kMaxMessage);
  builder.AddListeningPort(config.listen, credentials, &port_);
  builder.RegisterService(hub_->service());
  for (const auto& service : services_) builder.RegisterService(service.get());
  server_ = builder.BuildAndStart();
  if (server_ == nullptr || port_ == 0) return CannotListen(config.listen);
  server_->GetHealthCheckService()->SetServingStatus(true);
  return ListenHttps(config);
}

// Last: what monitoring sends is answered once everything else is there.
absl::Status ControllerServer::ListenHttps(const Config& config) {
  if (config.https_listen.empty()) return absl::OkStatus();
  endpoint_ = std::make_unique<AlertEndpoint>(
      &core_->alert_sources(), &core_->escalations(), [this] { return core_->metrics().Text(); },
      clock_);
  endpoint_now_ = endpoint_.get();
  HttpServerOptions options;
  options.listen = config.https_listen;
  options.certificate = config.certificate;
  options.key = config.key;
  options.threads = kHttpsThreads;
  // Who has no token is refused before its body is read.
  options.screen = [this](const HttpRequest& request) { return endpoint_->Screen(request); };
  MQ_ASSIGN_OR_RETURN(
      https_, HttpServer::Start(
                  options, [this](const HttpRequest& request, const HttpServer::Respond& respond) {
                    endpoint_->Handle(request, respond);
                  }));
  return absl::OkStatus();
}

absl::Status ControllerServer::Admit(const std::string& host_id) {
  if (core_->IsActive(host_id)) return absl::OkStatus();
  const absl::StatusOr<v1::Host> host = core_->FindHost(host_id);
  if (!host.ok()) {
    return Error(
        absl::StatusCode::kPermissionDenied, "HOST_UNKNOWN",
        absl::StrCat("host ", host_id, " is not in this controller's store; enrol it again"));
  }
  if (host->state() == v1::HOST_STATE_BANNED) {
    return Error(absl::StatusCode::kPermissionDenied, "HOST_BANNED",
                 absl::StrCat("host ", host->name(), " is banned"));
  }
  return Error(
      absl::StatusCode::kPermissionDenied, "HOST_EVICTED",
      absl::StrCat("host ", host->name(), " was evicted; enrol it again with a new token"));
}

absl::StatusOr<std::string> ControllerServer::Renew(const std::string& host_id,
                                                    const std::string& csr) {
  MQ_RETURN_IF_ERROR(Admit(host_id));
  MQ_ASSIGN_OR_RETURN(const std::string pem, ca_->IssueAgent(csr, host_id));
  const nlohmann::json detail = {{"host_id", host_id}};
  MQ_RETURN_IF_ERROR(core_->Audit("agent/" + host_id, "RenewCertificate", detail.dump()));
  return pem;
}

ControllerServer::~ControllerServer() {
  Shutdown();
}

void ControllerServer::Shutdown(absl::Duration patience) {
  if (stopping_.exchange(true)) return;
  const auto deadline = absl::ToChronoTime(absl::Now() + patience);
  if (server_ != nullptr) server_->GetHealthCheckService()->SetServingStatus(false);
  if (https_ != nullptr) https_->Stop();
  if (hub_ != nullptr) hub_->DisconnectAll("the controller is shutting down");
  if (enrolment_server_ != nullptr) enrolment_server_->Shutdown(deadline);
  if (server_ != nullptr) server_->Shutdown(deadline);
  if (enrolment_server_ != nullptr) enrolment_server_->Wait();
  if (server_ != nullptr) server_->Wait();
  if (hub_ != nullptr) hub_->Stop();
}

}  // namespace mailquench::controller
