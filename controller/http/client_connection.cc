#include "controller/http/client_connection.h"

#include <openssl/x509_vfy.h>

#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "controller/http/look_up.h"

namespace mailquench::controller {
namespace {
namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Steady = std::chrono::steady_clock;
constexpr auto kSlice = std::chrono::milliseconds(100);

absl::Status NoAnswer(const std::string& why) {
  return Error(absl::StatusCode::kUnavailable, "NO_ANSWER", why);
}

absl::Status Untrusted(const std::string& why) {
  return Error(absl::StatusCode::kUnauthenticated, "UNTRUSTED_SERVER", why);
}
}  // namespace

class ClientConnection::Impl {
 public:
  Impl(absl::Duration limit, std::function<bool()> wanted)
      : end_(Steady::now() + absl::ToChronoNanoseconds(limit)),
        wanted_(std::move(wanted)),
        socket_(io_) {}

  // Runs what `start` begins, until `until` at most. `start` gets the handler.
  template <typename Start>
  absl::Status Run(Steady::time_point until, const std::string& doing, const Start& start) {
    bool done = false;
    moved_ = 0;
    start([this, &done](error_code error, std::size_t moved = 0) {
      done = true;
      error_ = error;
      moved_ = moved;
    });
    io_.restart();
    while (!done) {
      const Steady::time_point now = Steady::now();
      const bool unwanted = wanted_ && !wanted_();
      if (unwanted || now >= until) {
        // The handler must have run before its variables go.
        error_code ignored;
        socket_.close(ignored);
        while (!done && io_.run_one() > 0) {
        }
        if (unwanted)
          return Error(absl::StatusCode::kCancelled, "STOPPED", "it is not wanted any more");
        return Error(absl::StatusCode::kDeadlineExceeded, "NO_ANSWER",
                     absl::StrCat("the time ended while ", doing));
      }
      io_.run_one_until(std::min(until, now + kSlice));
      if (io_.stopped()) io_.restart();
    }
    return absl::OkStatus();
  }

  void SetLimit(absl::Duration limit) { end_ = Steady::now() + absl::ToChronoNanoseconds(limit); }

  absl::Status Connect(const web::HostPort& peer) {
    MQ_ASSIGN_OR_RETURN(
        const std::vector<std::string> addresses,
        LookUp(peer, absl::FromChrono(std::chrono::nanoseconds(end_ - Steady::now())), wanted_));
    absl::Status last;
    for (std::size_t i = 0; i < addresses.size(); ++i) {
      const auto share = (end_ - Steady::now()) / static_cast<int>(addresses.size() - i);
      last = ConnectTo(addresses[i], peer.port, Steady::now() + share);
      if (last.ok() || ReasonOf(last) == "STOPPED" || Steady::now() >= end_) return last;
    }
    return last;
  }

  absl::Status ConnectTo(const std::string& address, int port, Steady::time_point until) {
    error_code error;
    const auto ip = asio::ip::make_address(address, error);
    if (error) return NoAnswer(absl::StrCat("'", address, "' is no address"));
    const tcp::endpoint endpoint(ip, static_cast<std::uint16_t>(port));
    const std::string where = absl::StrCat(address, " port ", port);
    socket_ = tcp::socket(io_);
    MQ_RETURN_IF_ERROR(Run(until, absl::StrCat("connecting to ", where), [&](auto handler) {
      socket_.async_connect(endpoint, [handler](error_code e) mutable { handler(e, 0); });
    }));
    if (error_) return NoAnswer(absl::StrCat("cannot connect to ", where, ": ", error_.message()));
    socket_.set_option(tcp::no_delay(true), error);
    return absl::OkStatus();
  }

  absl::Status StartTls(const web::HostPort& peer, const std::string& ca_file) {
    error_code error;
    context_.emplace(asio::ssl::context::tls_client);
    SSL_CTX_set_min_proto_version(context_->native_handle(), TLS1_2_VERSION);
    if (ca_file.empty()) {
      context_->set_default_verify_paths(error);
    } else {
      context_->load_verify_file(ca_file, error);
    }
    if (error)
      return Error(absl::StatusCode::kFailedPrecondition, "BAD_CA_FILE",
                   absl::StrCat("the CA certificates ",
                                ca_file.empty() ? "of this system" : absl::StrCat("in ", ca_file),
                                " cannot be read (", error.message(), "); nothing was sent"));
    context_->set_verify_mode(asio::ssl::verify_peer, error);
    tls_.emplace(socket_, *context_);
    SSL* const ssl = tls_->native_handle();
    X509_VERIFY_PARAM* const wanted = SSL_get0_param(ssl);
    X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    const bool named = peer.literal
                           ? X509_VERIFY_PARAM_set1_ip_asc(wanted, peer.host.c_str()) == 1
                           : X509_VERIFY_PARAM_set1_host(wanted, peer.host.c_str(), 0) == 1 &&
                                 SSL_set_tlsext_host_name(ssl, peer.host.c_str()) == 1;
    if (!named) return Untrusted(absl::StrCat("no certificate can be for '", peer.host, "'"));
    const std::string doing = absl::StrCat("TLS was begun with ", peer.host);
    MQ_RETURN_IF_ERROR(Run(end_, doing, [&](auto handler) {
      tls_->async_handshake(asio::ssl::stream_base::client,
                            [handler](error_code e) mutable { handler(e, 0); });
    }));
    if (!error_) return absl::OkStatus();
    const long verdict = SSL_get_verify_result(ssl);
    if (verdict != X509_V_OK)
      return Untrusted(absl::StrCat("the certificate of ", peer.host,
                                    " is not trusted: ", X509_verify_cert_error_string(verdict),
                                    "; nothing was sent; check the name and the CA file"));
    if (error_.category() != asio::error::get_ssl_category())
      return NoAnswer(
          absl::StrCat(peer.host, " broke off while TLS was begun: ", error_.message()));
    return Untrusted(
        absl::StrCat("TLS with ", peer.host, " failed: ", error_.message(), "; nothing was sent"));
  }

  absl::Status Write(const std::string& data) {
    MQ_RETURN_IF_ERROR(Run(end_, "sending", [&](auto handler) {
      if (tls_) {
        asio::async_write(*tls_, asio::buffer(data), handler);
      } else {
        asio::async_write(socket_, asio::buffer(data), handler);
      }
    }));
    if (error_) return NoAnswer(absl::StrCat("it broke off while sending: ", error_.message()));
    return absl::OkStatus();
  }

  absl::StatusOr<std::size_t> Read(char* buffer, std::size_t size) {
    MQ_RETURN_IF_ERROR(Run(end_, "waiting for an answer", [&](auto handler) {
      if (tls_) {
        tls_->async_read_some(asio::buffer(buffer, size), handler);
      } else {
        socket_.async_read_some(asio::buffer(buffer, size), handler);
      }
    }));
    if (error_ == asio::error::eof) return std::size_t{0};
    if (error_) return NoAnswer(absl::StrCat("it broke off: ", error_.message()));
    return moved_;
  }

  bool tls() const { return tls_.has_value(); }

 private:
  Steady::time_point end_;
  const std::function<bool()> wanted_;
  asio::io_context io_{1};
  tcp::socket socket_;
  std::optional<asio::ssl::context> context_;
  std::optional<asio::ssl::stream<tcp::socket&>> tls_;
  error_code error_;  // Of what ran last.
  std::size_t moved_ = 0;
};

ClientConnection::ClientConnection(absl::Duration limit, std::function<bool()> wanted)
    : impl_(std::make_unique<Impl>(limit, std::move(wanted))) {}
ClientConnection::~ClientConnection() = default;

absl::Status ClientConnection::Connect(const web::HostPort& peer) {
  return impl_->Connect(peer);
}
void ClientConnection::SetLimit(absl::Duration limit) {
  impl_->SetLimit(limit);
}
absl::Status ClientConnection::StartTls(const web::HostPort& peer, const std::string& ca_file) {
  return impl_->StartTls(peer, ca_file);
}
bool ClientConnection::tls() const {
  return impl_->tls();
}
absl::Status ClientConnection::Write(const std::string& data) {
  return impl_->Write(data);
}
absl::StatusOr<std::size_t> ClientConnection::Read(char* buffer, std::size_t size) {
  return impl_->Read(buffer, size);
}

}  // namespace mailquench::controller
