#include "controller/http/tls_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <boost/asio/buffer.hpp>

#include "absl/strings/str_cat.h"
#include "common/identity/secrets.h"
#include "common/status/error.h"

namespace mailquench::controller {
namespace {

namespace ssl = boost::asio::ssl;

std::string Stamp(const std::string& path) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) return "none";
  return absl::StrCat(info.st_ino, ".", info.st_size, ".", info.st_mtim.tv_sec, ".",
                      info.st_mtim.tv_nsec);
}

absl::Status Bad(const std::string& file, absl::string_view why) {
  return Error(
      absl::StatusCode::kInvalidArgument, "BAD_CERTIFICATE",
      absl::StrCat("HTTPS cannot use ", file, ": ", why,
                   "; it was not taken. Renew it with `mailquench-controller certificate renew`, "
                   "or name another file in the configuration"));
}

absl::StatusOr<std::shared_ptr<ssl::context>> Read(const std::string& certificate,
                                                   const std::string& key) {
  const absl::StatusOr<std::string> chain = identity::ReadFile(certificate);
  if (!chain.ok()) return Bad(certificate, chain.status().message());
  const absl::StatusOr<std::string> secret = identity::ReadKeyFile(key);
  if (!secret.ok()) return Bad(key, secret.status().message());

  boost::system::error_code error;
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  SSL_CTX* const handle = context->native_handle();
  SSL_CTX_set_min_proto_version(handle, TLS1_2_VERSION);
  // A peer that negotiates again and again costs us more than itself.
  SSL_CTX_set_options(handle,
                      SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_SINGLE_ECDH_USE);
  // No state of ours for each peer that was here; tickets are the peer's to keep.
  SSL_CTX_set_session_cache_mode(handle, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(handle, SSL_MODE_RELEASE_BUFFERS);
  context->use_certificate_chain(boost::asio::buffer(*chain), error);
  if (error) return Bad(certificate, error.message());
  context->use_private_key(boost::asio::buffer(*secret), ssl::context::pem, error);
  if (error) return Bad(key, error.message());
  if (SSL_CTX_check_private_key(handle) != 1) {
    ERR_clear_error();
    return Bad(certificate, absl::StrCat("it does not belong to the key in ", key));
  }
  return context;
}

}  // namespace

absl::StatusOr<std::unique_ptr<TlsContext>> TlsContext::Load(const std::string& certificate,
                                                             const std::string& key) {
  std::unique_ptr<TlsContext> made(new TlsContext(certificate, key));
  // Before they are read: a change in between is seen at the next look.
  made->loaded_ = absl::StrCat(Stamp(certificate), "/", Stamp(key));
  MQ_ASSIGN_OR_RETURN(made->context_, Read(certificate, key));
  made->looked_ = std::chrono::steady_clock::now();
  return made;
}

std::shared_ptr<ssl::context> TlsContext::Current() {
  const auto now = std::chrono::steady_clock::now();
  if (now - looked_ < std::chrono::seconds(1)) return context_;
  looked_ = now;
  const std::string stamp = absl::StrCat(Stamp(certificate_), "/", Stamp(key_));
  if (stamp == loaded_) return context_;
  // Bad files are tried again each time: the cause may be ours (no file handles left).
  absl::StatusOr<std::shared_ptr<ssl::context>> read = Read(certificate_, key_);
  if (read.ok()) {
    context_ = *std::move(read);
    loaded_ = stamp;
    refused_.clear();
    spdlog::info("HTTPS shows the new certificate in {}", certificate_);
  } else if (stamp != refused_) {
    refused_ = stamp;
    spdlog::warn("{}. HTTPS goes on with the one before", std::string(read.status().message()));
  }
  return context_;
}

}  // namespace mailquench::controller
