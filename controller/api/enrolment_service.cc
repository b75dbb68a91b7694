#include <spdlog/spdlog.h>

#include <algorithm>
#include <mutex>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/identity/certificate.h"
#include "common/rpc/status_map.h"
#include "common/status/error.h"
#include "controller/api/services.h"
#include "mailquench/v1/enrolment.grpc.pb.h"

namespace mailquench::controller {
namespace {

class EnrolmentService final : public v1::Enrolment::Service {
 public:
  EnrolmentService(Core* core, Tokens* tokens, int per_second)
      : core_(core), tokens_(tokens), per_second_(per_second) {}

  // Authorised by the token alone (Need::kToken).
  grpc::Status Enrol(grpc::ServerContext* context,
                     const v1::EnrolRequest* request,
                     v1::EnrolResponse* response) override {
    if (!Admit()) {
      return rpc::ToGrpc(Error(absl::StatusCode::kResourceExhausted, "TOO_MANY_ENROLMENTS",
                               "too many hosts enrol at once; try again in a few seconds"));
    }
    const absl::Status enrolled = Exchange(*request, response);
    if (!enrolled.ok()) {
      response->Clear();
      spdlog::warn("enrolment of '{}' from {} refused: {}", absl::CHexEscape(request->hostname()),
                   context->peer(), std::string(enrolled.message()));
    }
    return rpc::ToGrpc(enrolled);
  }

 private:
  absl::Status Exchange(const v1::EnrolRequest& request, v1::EnrolResponse* response) {
    const bool plain = std::all_of(
        request.hostname().begin(), request.hostname().end(),
        [](unsigned char c) { return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '_'; });
    if (request.hostname().empty() || request.hostname().size() > 253 || !plain) {
      // It is shown on terminals and written into logs.
      return Error(absl::StatusCode::kInvalidArgument, "BAD_HOSTNAME",
                   "a host enrols under a name of 1 to 253 letters, digits, '.', '-' and '_'; the "
                   "token is not spent");
    }
    // Looked at before the token is spent; UpsertEnrolledHost() decides.
    const absl::StatusOr<v1::Host> namesake = core_->FindHost(request.hostname());
    if (namesake.ok() && namesake->state() == v1::HOST_STATE_BANNED) {
      return Error(absl::StatusCode::kPermissionDenied, "HOST_BANNED",
                   absl::StrCat("host ", request.hostname(), " is banned and may not enrol again"));
    }
    MQ_ASSIGN_OR_RETURN(const Enrolled enrolled,
                        tokens_->Enrol(request.token(), request.csr(), request.hostname()));
    if (enrolled.repeated) {
      // The same answer again is for a host that lost it, not for one that was put out since.
      const absl::StatusOr<v1::Host> host = core_->FindHost(enrolled.host_id);
      if (host.ok() && host->state() != v1::HOST_STATE_ACTIVE) {
        return Error(absl::StatusCode::kPermissionDenied, "HOST_NOT_ACTIVE",
                     "the host that this token made has been evicted or banned since; an evicted "
                     "one needs a new token");
      }
    }
    MQ_ASSIGN_OR_RETURN(const identity::CertificateInfo info,
                        identity::ParseCertificate(enrolled.certificate_pem));
    MQ_RETURN_IF_ERROR(core_->UpsertEnrolledHost(enrolled.host_id, request.hostname(),
                                                 enrolled.labels, info.serial));
    spdlog::info("host {} enrolled as {}", request.hostname(), enrolled.host_id);
    response->set_certificate_pem(enrolled.certificate_pem);
    response->set_ca_pem(enrolled.ca_pem);
    response->set_host_id(enrolled.host_id);
    response->set_trust_domain(enrolled.trust_domain);
    return absl::OkStatus();
  }

  bool Admit() {
    std::lock_guard<std::mutex> lock(mu_);
    const absl::Time now = absl::Now();
    allowance_ = std::min<double>(per_second_,
                                  allowance_ + absl::ToDoubleSeconds(now - last_) * per_second_);
    last_ = now;
    if (allowance_ < 1) return false;
    allowance_ -= 1;
    return true;
  }

  Core* const core_;
  Tokens* const tokens_;
  const int per_second_;
  std::mutex mu_;
  double allowance_ = 1;                 // Guarded by mu_. Calls that may be looked at now.
  absl::Time last_ = absl::UnixEpoch();  // Guarded by mu_.
};

}  // namespace

std::unique_ptr<grpc::Service> MakeEnrolmentService(Core* core, Tokens* tokens, int per_second) {
  return std::make_unique<EnrolmentService>(core, tokens, per_second);
}

}  // namespace mailquench::controller
