// TLS for gRPC: who may talk to whom. The only place that uses gRPC's experimental TLS interface,
// so that an upgrade touches one file. Functions are thread-safe, except ForbidTls12().
#ifndef MAILQUENCH_COMMON_RPC_CREDENTIALS_H_
#define MAILQUENCH_COMMON_RPC_CREDENTIALS_H_

#include <grpcpp/security/auth_context.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/channel_arguments.h>

#include <memory>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/identity/spiffe.h"

namespace mailquench::rpc {

// Call in main() before any other gRPC call and before any thread: gRPC 1.51 has no minimum
// version, so this offers TLS 1.2 only a cipher that no P-256 certificate can serve.
void ForbidTls12();

// Paths of PEM files; a client's key may be what identity::WriteKeyFile() has made of one. Key and
// certificate belong together: replace them together.
struct Files {
  std::string key;
  std::string certificate;
  std::string ca;
};

// The files exist, the key matches, the CA signed it, and `now` is within its dates. gRPC itself
// would start without a word and then fail every handshake, hence call this first; the credentials
// below do so themselves.
absl::Status CheckFiles(const Files& files, absl::Time now);

// A peer's certificate must be signed by `files.ca` and carry one SPIFFE id in this trust domain
// (that of our own certificate) whose kind is in `kinds`. Files are read again every 30 s; new
// handshakes then use the new ones.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> ServerCredentials(
    const Files& files,
    const std::set<identity::Kind>& kinds = {identity::Kind::kAgent, identity::Kind::kOperator});
// Enrolment: asks for no client certificate. The certificate's file must have the CA behind the
// certificate, since the client's pin is compared with what the server sends. FAILED_PRECONDITION /
// CA_NOT_IN_CHAIN.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> EnrolmentServerCredentials(
    const Files& files);

// `expected_uri`: a SPIFFE id in full, or a prefix that ends in '/'; empty: any controller of our
// own trust domain. The address that is dialled is not compared. The files are read once: make a
// new channel after a renewal.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> ChannelCredentials(
    const Files& files, const std::string& expected_uri = "");

// First contact: connects to `address` (host:port) by plain TLS, and takes the CA of the chain that
// it is shown if and only if the SHA-256 of the CA's SPKI is `ca_spki_sha256` (hex). Blocks, at
// most `timeout` after the name is resolved. Errors: UNAVAILABLE / ENROLMENT_UNREACHABLE,
// UNAUTHENTICATED / CA_PIN_MISMATCH.
absl::StatusOr<std::string> FetchPinnedCa(const std::string& address,
                                          const std::string& ca_spki_sha256,
                                          absl::Duration timeout = absl::Seconds(10));
// FetchPinnedCa(), and credentials that trust that CA alone and accept only a controller as peer.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> EnrolmentChannelCredentials(
    const std::string& address,
    const std::string& ca_spki_sha256,
    absl::Duration timeout = absl::Seconds(10));

struct Peer {
  identity::SpiffeId id;
  std::string serial;  // Of its certificate, lower-case hex: what a revocation names.
  absl::Time not_before;
  absl::Time not_after;
};
// Errors: UNAUTHENTICATED / NO_PEER_IDENTITY.
absl::StatusOr<Peer> PeerOf(const grpc::AuthContext& context);
absl::StatusOr<Peer> PeerOf(const grpc::ServerContextBase& context);

// Keepalive 60 s / 20 s also without calls, reconnects of 1 s to 30 s, bounded messages. For agents
// and operators.
grpc::ChannelArguments AgentChannelArguments();
// The counterpart: keepalive, pings tolerated, streams per connection, handshake time-out,
// certificates made to bite by a connection age of 12 h.
void SetServerOptions(grpc::ServerBuilder* builder);

}  // namespace mailquench::rpc

#endif  // MAILQUENCH_COMMON_RPC_CREDENTIALS_H_
