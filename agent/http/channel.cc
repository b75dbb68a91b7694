#include "agent/http/channel.h"

#include <dirent.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
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

// OpenSSL takes a store that is not there for an empty one: then nothing verifies, and the error
// would blame the server.
bool HasSystemCas() {
  const char* file = std::getenv(X509_get_default_cert_file_env());
  if (access(file != nullptr ? file : X509_get_default_cert_file(), R_OK) == 0) return true;
  const char* folder = std::getenv(X509_get_default_cert_dir_env());
  DIR* dir = opendir(folder != nullptr ? folder : X509_get_default_cert_dir());
  if (dir == nullptr) return false;
  bool found = false;
  while (const dirent* entry = readdir(dir)) {  // Named by hash: "1e09d511.0".
    const std::string name = entry->d_name;
    found = found || (name.size() > 2 && name.compare(name.size() - 2, 2, ".0") == 0);
  }
  closedir(dir);
  return found;
}

std::string AddressOf(int fd, int (*ask)(int, sockaddr*, socklen_t*)) {
  Endpoint endpoint;
  endpoint.length = sizeof endpoint.address;
  if (ask(fd, reinterpret_cast<sockaddr*>(&endpoint.address), &endpoint.length) != 0) return "";
  return endpoint.Text();
}
}  // namespace

Channel::~Channel() {
  if (fd_ >= 0) close(fd_);
}

absl::Status Channel::Wait(short events, absl::Time until) {
  while (true) {
    MQ_RETURN_IF_ERROR(still_wanted_());
    const absl::Duration left = std::min(until, deadline_) - absl::Now();
    if (left <= absl::ZeroDuration())
      return Error(absl::StatusCode::kDeadlineExceeded, "FETCH_TIMED_OUT",
                   "the time for the fetch ended");
    pollfd p{fd_, events, 0};
    const int n =
        poll(&p, 1, static_cast<int>(absl::ToInt64Milliseconds(std::min(left, kSlice))) + 1);
    if (n > 0) return absl::OkStatus();
    if (n < 0 && errno != EINTR) return SystemError(errno, "poll");
  }
}

absl::Status Channel::Connect(const Endpoint& peer, const Endpoint* source, absl::Time until) {
  signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL.
  if (fd_ >= 0) close(fd_);
  fd_ = socket(peer.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return NoConnection(absl::StrCat("no socket: ", std::strerror(errno)));
  if (source != nullptr &&
      bind(fd_, reinterpret_cast<const sockaddr*>(&source->address), source->length) != 0)
    return Error(
        absl::StatusCode::kInvalidArgument, "BAD_SOURCE",
        absl::StrCat("this host cannot ask from ", source->Text(), ": ", std::strerror(errno)));
  if (connect(fd_, reinterpret_cast<const sockaddr*>(&peer.address), peer.length) == 0)
    return absl::OkStatus();
  if (errno != EINPROGRESS)
    return NoConnection(absl::StrCat(peer.Text(), ": ", std::strerror(errno)));
  MQ_RETURN_IF_ERROR(Wait(POLLOUT, until));
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return NoConnection(absl::StrCat(peer.Text(), ": ", std::strerror(error)));
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
  if (ca_file.empty() && !HasSystemCas())
    return Error(absl::StatusCode::kUnimplemented, "NO_CA_STORE",
                 "this host has no CA certificates (package ca-certificates), so that no server "
                 "can be verified");
  context_.reset(SSL_CTX_new(TLS_client_method()));
  if (context_ == nullptr) return TlsFailed("TLS is not available");
  SSL_CTX_set_min_proto_version(context_.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
  const int loaded = ca_file.empty()
                         ? SSL_CTX_set_default_verify_paths(context_.get())
                         : SSL_CTX_load_verify_locations(context_.get(), ca_file.c_str(), nullptr);
  if (loaded != 1) return TlsFailed("the CA certificates cannot be read");
  ssl_.reset(SSL_new(context_.get()));
  if (ssl_ == nullptr || SSL_set_fd(ssl_.get(), fd_) != 1) return TlsFailed("TLS is not available");
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
    const ssize_t n = send(fd_, data.data() + sent, left, MSG_NOSIGNAL);
    if (n > 0)
      sent += static_cast<std::size_t>(n);
    else if (errno != EAGAIN && errno != EINTR)
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
    const ssize_t n = recv(fd_, buffer, size, 0);
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno != EAGAIN && errno != EINTR)
      return Error(absl::StatusCode::kUnavailable, "NO_ANSWER", "the connection was lost");
    MQ_RETURN_IF_ERROR(Wait(POLLIN, deadline_));
  }
}

std::string Channel::from() const {
  return AddressOf(fd_, getsockname);
}

std::string Channel::peer() const {
  return AddressOf(fd_, getpeername);
}

}  // namespace mailquench::agent
