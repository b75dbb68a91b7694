#include "common/rpc/credentials.h"

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <functional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/identity/certificate.h"
#include "common/identity/secrets.h"
#include "common/os/program.h"
#include "common/status/error.h"

namespace mailquench::rpc {
namespace {

namespace ge = grpc::experimental;
constexpr unsigned int kRefreshSeconds = 30;

// Who a peer must be. The chain is checked by gRPC before; this replaces the comparison of host
// names.
class PeerVerifier final : public ge::ExternalCertificateVerifier {
 public:
  PeerVerifier(std::string trust_domain, std::set<identity::Kind> kinds, std::string expected_uri)
      : trust_domain_(std::move(trust_domain)),
        kinds_(std::move(kinds)),
        expected_uri_(std::move(expected_uri)) {}
  ~PeerVerifier() override = default;

  bool Verify(ge::TlsCustomVerificationCheckRequest* request,
              std::function<void(grpc::Status)>,
              grpc::Status* sync_status) override {
    *sync_status = Check(*request);
    return true;
  }
  void Cancel(ge::TlsCustomVerificationCheckRequest*) override {}

 private:
  grpc::Status Check(const ge::TlsCustomVerificationCheckRequest& request) const {
    const std::vector<grpc::string_ref> uris = request.uri_names();
    if (uris.size() != 1) return Refuse("peer has not exactly one URI name");
    const std::string uri(uris[0].data(), uris[0].size());
    const auto id = identity::ParseSpiffeId(uri);
    if (!id.ok()) return Refuse("peer has no SPIFFE id of ours");
    if (!trust_domain_.empty() && id->trust_domain != trust_domain_) {
      return Refuse("peer is of another trust domain");
    }
    if (!kinds_.contains(id->kind)) return Refuse("peer is of the wrong kind");
    if (expected_uri_.empty() || uri == expected_uri_) return grpc::Status::OK;
    if (expected_uri_.back() == '/' && absl::StartsWith(uri, expected_uri_)) {
      return grpc::Status::OK;
    }
    return Refuse("peer is not the expected one");
  }
  static grpc::Status Refuse(const char* why) { return {grpc::StatusCode::UNAUTHENTICATED, why}; }

  const std::string trust_domain_;  // Empty: any, where the CA alone is known.
  const std::set<identity::Kind> kinds_;
  const std::string expected_uri_;
};

struct Loaded {
  std::string key;
  std::string certificate;
  std::string ca;
  identity::CertificateInfo info;
};

absl::StatusOr<Loaded> Load(const Files& files, absl::Time now) {
  Loaded out;
  MQ_ASSIGN_OR_RETURN(out.key, identity::ReadKeyFile(files.key));
  MQ_ASSIGN_OR_RETURN(out.certificate, identity::ReadFile(files.certificate));
  MQ_ASSIGN_OR_RETURN(out.ca, identity::ReadFile(files.ca));
  auto info = identity::ParseCertificate(out.certificate);
  if (!info.ok()) return Prepend(info.status(), files.certificate);
  out.info = *std::move(info);
  MQ_RETURN_IF_ERROR(
      Prepend(identity::CheckKeyMatches(out.key, out.certificate), files.certificate));
  MQ_RETURN_IF_ERROR(
      Prepend(identity::CheckIssuedBy(out.certificate, out.ca, now), files.certificate));
  return out;
}

std::shared_ptr<ge::CertificateProviderInterface> Watch(const Files& files) {
  return std::make_shared<ge::FileWatcherCertificateProvider>(files.key, files.certificate,
                                                              files.ca, kRefreshSeconds);
}

std::shared_ptr<grpc::ChannelCredentials> MakeChannelCredentials(
    std::shared_ptr<ge::CertificateProviderInterface> provider,
    bool with_identity,
    const std::string& trust_domain,
    const std::string& expected_uri) {
  ge::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(std::move(provider));
  options.watch_root_certs();
  if (with_identity) options.watch_identity_key_cert_pairs();
  options.set_certificate_verifier(ge::ExternalCertificateVerifier::Create<PeerVerifier>(
      trust_domain, std::set<identity::Kind>{identity::Kind::kController}, expected_uri));
  options.set_check_call_host(false);
  return ge::TlsCredentials(options);
}

}  // namespace

void ForbidTls12() {
  // Static RSA: no P-256 certificate can serve it, hence TLS 1.2 ends with "no shared cipher".
  os::SetEnvironment("GRPC_SSL_CIPHER_SUITES", "AES256-GCM-SHA384");
}

absl::Status CheckFiles(const Files& files, absl::Time now) {
  return Load(files, now).status();
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> ServerCredentials(
    const Files& files, const std::set<identity::Kind>& kinds) {
  MQ_ASSIGN_OR_RETURN(const Loaded loaded, Load(files, absl::Now()));
  ge::TlsServerCredentialsOptions options(Watch(files));
  options.watch_identity_key_cert_pairs();
  options.watch_root_certs();
  options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.set_certificate_verifier(ge::ExternalCertificateVerifier::Create<PeerVerifier>(
      loaded.info.id.trust_domain, kinds, std::string()));
  options.set_check_call_host(false);
  return ge::TlsServerCredentials(options);
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> EnrolmentServerCredentials(
    const Files& files) {
  MQ_ASSIGN_OR_RETURN(const Loaded loaded, Load(files, absl::Now()));
  const auto second = loaded.certificate.find("-----BEGIN CERTIFICATE-----", 1);
  const auto shown = second == std::string::npos
                         ? absl::StatusOr<std::string>("")
                         : identity::CertificateSpkiSha256(loaded.certificate.substr(second));
  MQ_ASSIGN_OR_RETURN(const std::string wanted, identity::CertificateSpkiSha256(loaded.ca));
  if (!shown.ok() || *shown != wanted) {
    return Error(absl::StatusCode::kFailedPrecondition, "CA_NOT_IN_CHAIN",
                 absl::StrCat(files.certificate, " has not the CA of ", files.ca,
                              " behind the certificate, hence no new host could check its token; "
                              "enrolment was not started. Append the CA's PEM to the file"));
  }
  ge::TlsServerCredentialsOptions options(Watch(files));
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  return ge::TlsServerCredentials(options);
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> ChannelCredentials(
    const Files& files, const std::string& expected_uri) {
  MQ_ASSIGN_OR_RETURN(Loaded loaded, Load(files, absl::Now()));
  auto provider = std::make_shared<ge::StaticDataCertificateProvider>(
      loaded.ca, std::vector<ge::IdentityKeyCertPair>{{std::move(loaded.key), loaded.certificate}});
  return MakeChannelCredentials(provider, true, loaded.info.id.trust_domain, expected_uri);
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> EnrolmentChannelCredentials(
    const std::string& address, const std::string& ca_spki_sha256, absl::Duration timeout) {
  MQ_ASSIGN_OR_RETURN(const std::string ca, FetchPinnedCa(address, ca_spki_sha256, timeout));
  return MakeChannelCredentials(std::make_shared<ge::StaticDataCertificateProvider>(ca), false, "",
                                "");
}

absl::StatusOr<Peer> PeerOf(const grpc::AuthContext& context) {
  const auto nobody = [](const char* why) {
    return Error(absl::StatusCode::kUnauthenticated, "NO_PEER_IDENTITY",
                 absl::StrCat("The peer showed no certificate with an identity (", why,
                              "); the call was refused. Use the certificate of this controller"));
  };
  const std::vector<grpc::string_ref> values =
      context.FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
  if (values.size() != 1) return nobody("none");
  const auto info = identity::ParseCertificate(std::string(values[0].data(), values[0].size()));
  if (!info.ok()) return nobody("not one of ours");
  return Peer{info->id, info->serial, info->not_before, info->not_after};
}

absl::StatusOr<Peer> PeerOf(const grpc::ServerContextBase& context) {
  return PeerOf(*context.auth_context());
}

grpc::ChannelArguments AgentChannelArguments() {
  grpc::ChannelArguments args;
  args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  args.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  args.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 1'000);
  args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 30'000);
  // A new channel after a renewal must not share the connection of the old identity.
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return args;
}

void SetServerOptions(grpc::ServerBuilder* builder) {
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // Half of the client's interval: its pings are never counted as abuse.
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 30'000);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 32);
  builder->AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 20'000);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, 12 * 3600 * 1'000);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, 30'000);
  // A second controller on the same port must fail to start rather than share the agents.
  builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
}

}  // namespace mailquench::rpc
