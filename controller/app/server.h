// The controller as a whole: core, identity and wire, put together.
#ifndef MAILQUENCH_CONTROLLER_APP_SERVER_H_
#define MAILQUENCH_CONTROLLER_APP_SERVER_H_

#include <grpcpp/server.h>

#include <atomic>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock/clock.h"
#include "controller/api/serve.h"
#include "controller/app/config.h"
#include "controller/app/core.h"
#include "controller/app/revocation_audit.h"
#include "controller/app/store_claim.h"
#include "controller/app/token_store.h"
#include "controller/escalation/endpoint.h"
#include "controller/fleet/stream_hub.h"
#include "controller/http/server.h"
#include "controller/identity/ca.h"
#include "controller/identity/revocation_watch.h"

namespace mailquench::controller {

// Call rpc::ForbidTls12() first in the process.
class ControllerServer {
 public:
  // Opens the store, takes its runs up again and listens on both ports. `clock` outlives it.
  // Errors: those of the parts; UNAVAILABLE / CANNOT_LISTEN with the address.
  static absl::StatusOr<std::unique_ptr<ControllerServer>> Start(const Config& config,
                                                                 Clock* clock);
  ~ControllerServer();  // Shutdown()

  int port() const { return port_; }
  int enrolment_port() const { return enrolment_port_; }
  int https_port() const { return https_ == nullptr ? 0 : https_->port(); }  // 0: not served.
  // Cuts all streams, ends calls under way after `patience`, and lets events that are under way
  // become durable.
  void Shutdown(absl::Duration patience = absl::Seconds(2));

 private:
  ControllerServer() = default;
  absl::Status Open(const Config& config, Clock* clock);
  absl::Status Listen(const Config& config);
  absl::Status ListenHttps(const Config& config);
  absl::Status Admit(const std::string& host_id);
  absl::StatusOr<std::string> Renew(const std::string& host_id, const std::string& csr);

  // In the order in which they need each other; destroyed the other way round.
  std::atomic<bool> stopping_{false};
  std::unique_ptr<StoreClaim> claim_;
  std::unique_ptr<CertificateAuthority> ca_;
  std::unique_ptr<StreamHub> hub_;
  std::atomic<AlertEndpoint*> endpoint_now_{nullptr};
  std::unique_ptr<Core> core_;
  std::unique_ptr<AlertEndpoint> endpoint_;
  std::unique_ptr<HttpServer> https_;
  std::unique_ptr<CoreTokenStore> token_store_;
  std::unique_ptr<Tokens> tokens_;
  std::unique_ptr<RevocationAudit> revocation_audit_;
  std::unique_ptr<RevocationWatch> revocations_;
  std::unique_ptr<Gate> gate_;
  std::vector<std::unique_ptr<grpc::Service>> services_;
  std::unique_ptr<grpc::Service> enrolment_;
  std::unique_ptr<grpc::Server> enrolment_server_;
  std::unique_ptr<grpc::Server> server_;
  Clock* clock_ = nullptr;
  int port_ = 0;
  int enrolment_port_ = 0;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_APP_SERVER_H_
