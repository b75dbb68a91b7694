#include "agent/link/enrol.h"

#include <grpcpp/grpcpp.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/os/files.h"
#include "common/identity/certificate.h"
#include "common/identity/secrets.h"
#include "common/identity/token_text.h"
#include "common/rpc/credentials.h"
#include "common/rpc/status_map.h"
#include "common/status/error.h"
#include "mailquench/v1/enrolment.grpc.pb.h"

namespace mailquench::agent {
namespace {

absl::StatusOr<std::string> KeyOf(const std::string& path) {
  absl::StatusOr<std::string> key = identity::ReadKeyFile(path);
  if (key.ok() || !absl::IsNotFound(key.status())) return key;
  MQ_ASSIGN_OR_RETURN(const std::string fresh, identity::NewKeyPem());
  MQ_RETURN_IF_ERROR(identity::WriteKeyFile(path, fresh));
  return fresh;
}

}  // namespace

absl::StatusOr<EnrolResult> Enrol(const EnrolOptions& options) {
  MQ_ASSIGN_OR_RETURN(const identity::TokenParts token, identity::ParseToken(options.token));
  MQ_RETURN_IF_ERROR(MakeStateFolder(options.state_dir));
  const std::string dir = options.state_dir + "/";
  MQ_ASSIGN_OR_RETURN(const std::string key, KeyOf(dir + "agent.key"));

  MQ_ASSIGN_OR_RETURN(const auto credentials,
                      rpc::EnrolmentChannelCredentials(options.enrolment_address, token.ca_sha256));
  v1::EnrolRequest request;
  request.set_token(options.token);
  MQ_ASSIGN_OR_RETURN(*request.mutable_csr(), identity::MakeCsrDer(key));
  request.set_hostname(options.hostname);
  v1::EnrolResponse response;
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + options.timeout));
  const auto stub =
      v1::Enrolment::NewStub(grpc::CreateChannel(options.enrolment_address, credentials));
  const grpc::Status called = stub->Enrol(&context, request, &response);
  if (!called.ok()) {
    return Prepend(rpc::FromGrpc(called), absl::StrCat("enrolling at ", options.enrolment_address));
  }

  // The answer came over a pinned channel; it must still fit the pin, our key and itself.
  const auto bad = [](absl::string_view why) {
    return Error(
        absl::StatusCode::kInternal, "BAD_ENROLMENT",
        absl::StrCat("the controller's answer was not taken and this host is not enrolled: ", why));
  };
  const auto ca_sha256 = identity::CertificateSpkiSha256(response.ca_pem());
  if (!ca_sha256.ok() || *ca_sha256 != token.ca_sha256) return bad("its CA is not the token's");
  absl::Status check =
      identity::CheckIssuedBy(response.certificate_pem(), response.ca_pem(), absl::Now());
  if (!check.ok()) return bad(check.message());
  check = identity::CheckKeyMatches(key, response.certificate_pem());
  if (!check.ok()) return bad(check.message());
  const auto info = identity::ParseCertificate(response.certificate_pem());
  if (!info.ok()) return bad(info.status().message());
  if (info->id.kind != identity::Kind::kAgent || info->id.name != response.host_id()) {
    return bad("the certificate is not this host's");
  }

  // A candidate of an earlier identity would be found before the new pair.
  MQ_RETURN_IF_ERROR(RemoveFile(dir + "agent.pem.new"));
  MQ_RETURN_IF_ERROR(RemoveFile(dir + "agent.key.new"));
  MQ_RETURN_IF_ERROR(identity::WritePublicFile(dir + "ca.pem", response.ca_pem()));
  MQ_RETURN_IF_ERROR(identity::WritePublicFile(
      dir + "identity.yaml",
      absl::StrCat("host_id: ", info->id.name, "\ntrust_domain: ", info->id.trust_domain, "\n")));
  MQ_RETURN_IF_ERROR(identity::WritePublicFile(dir + "agent.pem", response.certificate_pem()));
  return EnrolResult{info->id.name, info->id.trust_domain};
}

}  // namespace mailquench::agent
