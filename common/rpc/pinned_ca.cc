// First contact: the CA that a server shows, taken only where its key is the one that the token
// names.
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/identity/certificate.h"
#include "common/identity/ossl.h"
#include "common/identity/secrets.h"
#include "common/os/socket.h"
#include "common/rpc/credentials.h"
#include "common/status/error.h"

namespace mailquench::rpc {
namespace {

namespace ossl = identity::ossl;
using Context = std::unique_ptr<SSL_CTX, ossl::Free<SSL_CTX_free>>;
using Session = std::unique_ptr<SSL, ossl::Free<SSL_free>>;
using Addresses = std::unique_ptr<addrinfo, ossl::Free<freeaddrinfo>>;

absl::Status Unreachable(const std::string& address, const std::string& why) {
  return Error(absl::StatusCode::kUnavailable, "ENROLMENT_UNREACHABLE",
               absl::StrCat("The enrolment port ", address, " could not be reached (", why,
                            "); nothing was sent and the token is unspent. Check the address and "
                            "that the controller runs"));
}

bool WaitFor(os::SocketHandle socket, short events, absl::Time deadline) {
  while (true) {
    const absl::Duration left = deadline - absl::Now();
    if (left <= absl::ZeroDuration()) return false;
    pollfd entry = {socket, events, 0};
    const int ready =
        os::PollSockets(&entry, 1, static_cast<int>(absl::ToInt64Milliseconds(left)) + 1);
    if (ready > 0) return true;
    if (ready < 0 && !os::WouldBlock(os::LastSocketError())) return false;
  }
}

bool Connect(os::SocketHandle socket, const addrinfo& to, absl::Time deadline) {
  if (::connect(socket, to.ai_addr, static_cast<socklen_t>(to.ai_addrlen)) == 0) return true;
  return os::InProgress(os::LastSocketError()) && WaitFor(socket, POLLOUT, deadline) &&
         os::PendingError(socket) == 0;
}

bool Handshake(SSL* session, os::SocketHandle socket, absl::Time deadline) {
  while (true) {
    ERR_clear_error();
    const int result = SSL_connect(session);
    if (result == 1) return true;
    const int want = SSL_get_error(session, result);
    if (want != SSL_ERROR_WANT_READ && want != SSL_ERROR_WANT_WRITE) return false;
    if (!WaitFor(socket, want == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline)) return false;
  }
}

// The certificate of the chain that has the pinned key, is a CA's and is signed by that very key:
// the key alone is public, so anybody could wrap it into a certificate of his own.
absl::StatusOr<std::string> PinnedOf(SSL* session,
                                     const std::string& address,
                                     const std::string& pin) {
  const STACK_OF(X509)* chain = SSL_get_peer_cert_chain(session);
  for (int i = 0; chain != nullptr && i < sk_X509_num(chain); ++i) {
    X509* const certificate = sk_X509_value(chain, i);
    EVP_PKEY* const key = X509_get0_pubkey(certificate);
    if (key == nullptr || X509_check_ca(certificate) != 1) continue;
    MQ_ASSIGN_OR_RETURN(const std::string spki, ossl::SpkiDer(key));
    if (!identity::ConstantTimeEquals(identity::Sha256Hex(spki), pin)) continue;
    if (X509_verify(certificate, key) != 1) continue;
    return ossl::CertPem(certificate);
  }
  ERR_clear_error();
  return Error(absl::StatusCode::kUnauthenticated, "CA_PIN_MISMATCH",
               absl::StrCat("The server at ", address,
                            " did not show the CA that the token names (SHA-256 ", pin,
                            "); nothing was sent and the token is unspent. Check the address: "
                            "this is another controller, or somebody sits in between"));
}

}  // namespace

absl::StatusOr<std::string> FetchPinnedCa(const std::string& address,
                                          const std::string& ca_spki_sha256,
                                          absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  const auto colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == address.size()) {
    return Error(absl::StatusCode::kInvalidArgument, "BAD_ADDRESS",
                 absl::StrCat("\"", address, "\" is not HOST:PORT; nothing was sent"));
  }
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  os::StartSockets();
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), address.c_str() + colon + 1, &hints, &found);
  if (error != 0) return Unreachable(address, os::AddressErrorText(error));
  const Addresses addresses(found);

  const Context context(SSL_CTX_new(TLS_client_method()));
  if (context == nullptr || SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION) != 1) {
    return ossl::Failure("prepare TLS");
  }
  // Nothing is trusted yet and nothing is sent: the chain is only looked at.
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
  constexpr unsigned char kAlpn[] = {2, 'h', '2'};
  SSL_CTX_set_alpn_protos(context.get(), kAlpn, sizeof kAlpn);

  std::string why = "no answer in time";
  for (const addrinfo* to = addresses.get(); to != nullptr; to = to->ai_next) {
    const os::Socket socket = os::OpenSocket(to->ai_family, to->ai_socktype, to->ai_protocol);
    if (!socket.valid() || !Connect(socket.get(), *to, deadline)) {
      why = "no connection";
      continue;
    }
    const Session session(SSL_new(context.get()));
    if (session == nullptr || SSL_set_fd(session.get(), socket.AsInt()) != 1) {
      return ossl::Failure("prepare TLS");
    }
    if (!Handshake(session.get(), socket.get(), deadline)) {
      why = "no TLS 1.3 handshake";
      ERR_clear_error();
      continue;
    }
    return PinnedOf(session.get(), address, ca_spki_sha256);
  }
  return Unreachable(address, why);
}

}  // namespace mailquench::rpc
