#include "agent/http/channel.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/http/system_cas.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
constexpr absl::Duration kSlice = absl::Milliseconds(100);

absl::Status NoConnection(const std::string& why) {
  return Error(absl::StatusCode::kUnavailable, "NO_CONNECTION", why);
}

absl::Status TlsFailed(const std::string& why) {
  return Error(absl::StatusCode::kUnavailable, "TLS_FAILED", why);
}

// Of the socket's own end or the other's.
template <typename Ask>
std::string AddressOf(const os::Socket& socket, const Ask& ask) {
  Endpoint endpoint;
  endpoint.length = sizeof endpoint.address;
  if (ask(socket.get(), reinterpret_cast<sockaddr*>(&endpoint.address), &endpoint.length) != 0)
    return "";
  return endpoint.Text();
}

std::string WhyNot() {
  return os::SocketErrorText(os::LastSocketError());
}
}  // namespace

absl::Status Channel::Wait(short events, absl::Time until) {
  while (true) {
    MQ_RETURN_IF_ERROR(still_wanted_());
    const absl::Duration left = std::min(until, deadline_) - absl::Now();
    if (left <= absl::ZeroDuration())
      return Error(absl::StatusCode::kDeadlineExceeded, "FETCH_TIMED_OUT",
                   "the time for the fetch ended");
    pollfd p{socket_.get(), events, 0};
    const int n = os::PollSockets(
        &p, 1, static_cast<int>(absl::ToInt64Milliseconds(std::min(left, kSlice))) + 1);
    if (n > 0) return absl::OkStatus();
    if (n < 0 && !os::WouldBlock(os::LastSocketError()))
      return absl::InternalError(absl::StrCat("poll: ", WhyNot()));
  }
}

absl::Status Channel::Connect(const Endpoint& peer, const Endpoint* source, absl::Time until) {
  os::IgnoreBrokenPipes();
  socket_ = os::OpenSocket(peer.family(), SOCK_STREAM);
  if (!socket_.valid()) return NoConnection(absl::StrCat("no socket: ", WhyNot()));
  if (source != nullptr &&
      bind(socket_.get(), reinterpret_cast<const sockaddr*>(&source->address), source->length) != 0)
    return Error(absl::StatusCode::kInvalidArgument, "BAD_SOURCE",
                 absl::StrCat("this host cannot ask from ", source->Text(), ": ", WhyNot()));
  if (connect(socket_.get(), reinterpret_cast<const sockaddr*>(&peer.address), peer.length) == 0)
    return absl::OkStatus();
  if (!os::InProgress(os::LastSocketError()))
    return NoConnection(absl::StrCat(peer.Text(), ": ", WhyNot()));
  MQ_RETURN_IF_ERROR(Wait(POLLOUT, until));
  const int error = os::PendingError(socket_.get());
  if (error != 0) return NoConnection(absl::StrCat(peer.Text(), ": ", os::SocketErrorText(error)));
  return absl::OkStatus();
}

absl::Status Channel::WaitTls(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Wait(POLLIN, deadline_);
    case SSL_ERROR_WANT_WRITE:
      return Wait(POLLOUT, deadline_);
    default:
      return TlsFailed("the connection was lost");
  }
}

absl::Status Channel::StartTls(const std::string& host, bool literal, const std::string& ca_file) {
  context_.reset(SSL_CTX_new(TLS_client_method()));
  if (context_ == nullptr) return TlsFailed("TLS is not available");
  SSL_CTX_set_min_proto_version(context_.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
  if (ca_file.empty())
    MQ_RETURN_IF_ERROR(TrustSystemCas(context_.get()));
  else if (SSL_CTX_load_verify_locations(context_.get(), ca_file.c_str(), nullptr) != 1)
    return TlsFailed("the CA certificates cannot be read");
  ssl_.reset(SSL_new(context_.get()));
  if (ssl_ == nullptr || SSL_set_fd(ssl_.get(), socket_.AsInt()) != 1)
    return TlsFailed("TLS is not available");
  X509_VERIFY_PARAM* verify = SSL_get0_param(ssl_.get());
  const bool named = literal
                         ? X509_VERIFY_PARAM_set1_ip_asc(verify, host.c_str()) == 1
                         : X509_VERIFY_PARAM_set1_host(verify, host.c_str(), host.size()) == 1 &&
                               SSL_set_tlsext_host_name(ssl_.get(), host.c_str()) == 1;
  if (!named) return TlsFailed("the name cannot be verified");
  while (true) {
    ERR_clear_error();
    const int rc = SSL_connect(ssl_.get());
    if (rc == 1) return absl::OkStatus();
    const long verdict = SSL_get_verify_result(ssl_.get());
    if (verdict != X509_V_OK)
      return TlsFailed(absl::StrCat("the server's certificate is not to be trusted (",
                                    X509_verify_cert_error_string(verdict), ")"));
    const absl::Status waited = WaitTls(rc);
    if (ReasonOf(waited) == "TLS_FAILED") return TlsFailed("the TLS handshake failed");
    MQ_RETURN_IF_ERROR(waited);
  }
}

absl::Status Channel::Send(const std::string& data) {
  std::size_t sent = 0;
  while (sent < data.size()) {
    const std::size_t left = data.size() - sent;
    if (ssl_ != nullptr) {
      ERR_clear_error();
      const int n = SSL_write(ssl_.get(), data.data() + sent, static_cast<int>(left));
      if (n > 0)
        sent += static_cast<std::size_t>(n);
      else
        MQ_RETURN_IF_ERROR(WaitTls(n));
      continue;
    }
    const std::ptrdiff_t n = os::SendSome(socket_.get(), data.data() + sent, left);
    if (n > 0)
      sent += static_cast<std::size_t>(n);
    else if (!os::WouldBlock(os::LastSocketError()))
      return Error(absl::StatusCode::kUnavailable, "NO_ANSWER", "the connection was lost");
    else
      MQ_RETURN_IF_ERROR(Wait(POLLOUT, deadline_));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::size_t> Channel::Read(char* buffer, std::size_t size) {
  while (true) {
    if (absl::Now() >= deadline_) MQ_RETURN_IF_ERROR(Wait(POLLIN, deadline_));
    if (ssl_ != nullptr) {
      ERR_clear_error();
      const int n = SSL_read(ssl_.get(), buffer, static_cast<int>(size));
      if (n > 0) return static_cast<std::size_t>(n);
      if (SSL_get_error(ssl_.get(), n) == SSL_ERROR_ZERO_RETURN) return std::size_t{0};
      const absl::Status waited = WaitTls(n);
      if (ReasonOf(waited) == "TLS_FAILED")
        return Error(absl::StatusCode::kUnavailable, "NO_ANSWER", "the connection was lost");
      MQ_RETURN_IF_ERROR(waited);
      continue;
    }
    const std::ptrdiff_t n = os::ReceiveSome(socket_.get(), buffer, size);
    if (n >= 0) return static_cast<std::size_t>(n);
    if (!os::WouldBlock(os::LastSocketError()))
      return Error(absl::StatusCode::kUnavailable, "NO_ANSWER", "the connection was lost");
    MQ_RETURN_IF_ERROR(Wait(POLLIN, deadline_));
  }
}

std::string Channel::from() const {
  return AddressOf(socket_, getsockname);
}

std::string Channel::peer() const {
  return AddressOf(socket_, getpeername);
}

}  // namespace mailquench::agent
