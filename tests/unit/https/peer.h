// The other end of a connection, for tests: a server on 127.0.0.1 that says what a test wants,
// with or without TLS, one thread a connection.
#ifndef MAILQUENCH_TESTS_UNIT_HTTPS_PEER_H_
#define MAILQUENCH_TESTS_UNIT_HTTPS_PEER_H_

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace mailquench::test {

// A folder of the test's own, removed with it.
class TempFolder {
 public:
  TempFolder() {
    std::string pattern = std::filesystem::temp_directory_path() / "mq-out-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  std::string Write(const std::string& name, const std::string& text) const {
    std::ofstream(*this / name) << text;
    return *this / name;
  }

 private:
  std::string path_;
};

// A certificate for 127.0.0.1 and localhost that is its own CA; key and certificate in one file.
// "" where openssl(1) is missing.
inline std::string MakeCertificate(const TempFolder& folder,
                                   const std::string& name = "server",
                                   const std::string& san = "IP:127.0.0.1,DNS:localhost") {
  const std::string key = folder / (name + ".key");
  const std::string pem = folder / (name + ".pem");
  const std::string command = absl::StrCat(
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj ",
      "/CN=", name, " -addext subjectAltName=", san, " -keyout ", key, " -out ", pem,
      " >/dev/null 2>&1 && cat ", key, " >> ", pem);
  return std::system(command.c_str()) == 0 ? pem : "";  // NOLINT(cert-env33-c)
}

class Peer {
 public:
  // One connection, seen from the server.
  class Link {
   public:
    Link(Peer* peer, int fd) : peer_(peer), fd_(fd) {}
    ~Link() {
      if (ssl_ != nullptr) SSL_shutdown(ssl_);
      SSL_free(ssl_);
      close(fd_);
    }
    bool StartTls() {
      ssl_ = SSL_new(peer_->context_);
      SSL_set_fd(ssl_, fd_);
      return SSL_accept(ssl_) == 1;
    }
    bool tls() const { return ssl_ != nullptr; }
    bool ending() const { return peer_->ending_; }
    bool Send(const std::string& text) {
      if (text.empty()) return true;
      return (ssl_ != nullptr
                  ? SSL_write(ssl_, text.data(), static_cast<int>(text.size()))
                  : static_cast<int>(send(fd_, text.data(), text.size(), MSG_NOSIGNAL))) > 0;
    }
    // False at the end of the stream and of the test.
    bool Byte(char* c) {
      while (!peer_->ending_) {
        pollfd p{fd_, POLLIN, 0};
        if ((ssl_ == nullptr || SSL_pending(ssl_) == 0) && poll(&p, 1, 20) <= 0) continue;
        return (ssl_ != nullptr ? SSL_read(ssl_, c, 1) : static_cast<int>(recv(fd_, c, 1, 0))) == 1;
      }
      return false;
    }
    std::string Bytes(std::size_t count) {
      std::string bytes;
      char c = 0;
      while (bytes.size() < count && Byte(&c)) bytes.push_back(c);
      return bytes;
    }
    // With its CR LF; what there was at the end of the stream.
    std::string Line() {
      std::string line;
      char c = 0;
      while (!absl::EndsWith(line, "\r\n") && Byte(&c)) line.push_back(c);
      return line;
    }
    // A request of HTTP, head and body.
    std::string Request() {
      std::string request;
      std::size_t length = 0;
      while (true) {
        const std::string line = Line();
        if (line.empty()) return request;
        request += line;
        if (line == "\r\n") break;
        if (absl::StartsWithIgnoreCase(line, "content-length:"))
          static_cast<void>(absl::SimpleAtoi(line.substr(15, line.size() - 17), &length));
      }
      return request + Bytes(length);
    }
    // Holds the connection open until the test ends.
    void Hang() {
      char c = 0;
      while (!peer_->ending_) {
        if (!Byte(&c)) std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
    }

   private:
    Peer* const peer_;
    const int fd_;
    SSL* ssl_ = nullptr;
  };
  using Serve = std::function<void(Link&)>;

  // `pem`: what StartTls() of its links shows. `tls`: it is begun at once.
  explicit Peer(Serve serve, const std::string& pem = "", bool tls = false)
      : serve_(std::move(serve)), tls_(tls) {
    signal(SIGPIPE, SIG_IGN);  // SSL_write() to a client that is gone.
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(fd_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(fd_, 64) != 0)
      std::abort();
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    if (!pem.empty()) {
      context_ = SSL_CTX_new(TLS_server_method());
      if (SSL_CTX_use_certificate_chain_file(context_, pem.c_str()) != 1 ||
          SSL_CTX_use_PrivateKey_file(context_, pem.c_str(), SSL_FILETYPE_PEM) != 1)
        std::abort();
    }
    thread_ = std::thread([this] { Accept(); });
  }
  ~Peer() {
    ending_ = true;
    thread_.join();
    for (std::thread& one : links_) one.join();
    close(fd_);
    SSL_CTX_free(context_);
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  int port() const { return port_; }
  std::string Url(const std::string& path = "/") const {
    return absl::StrCat(tls_ ? "https" : "http", "://127.0.0.1:", port_, path);
  }
  int connections() const { return connections_; }

 private:
  void Accept() {
    while (!ending_) {
      pollfd p{fd_, POLLIN, 0};
      if (poll(&p, 1, 20) <= 0) continue;
      const int client = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client < 0) continue;
      ++connections_;
      links_.emplace_back([this, client] {
        Link link(this, client);
        if (tls_ && !link.StartTls()) return;
        serve_(link);
      });
    }
  }
  const Serve serve_;
  const bool tls_;
  int fd_ = -1;
  int port_ = 0;
  SSL_CTX* context_ = nullptr;
  std::atomic<bool> ending_ = false;
  std::atomic<int> connections_ = 0;
  std::thread thread_;
  std::vector<std::thread> links_;  // Of thread_ alone until it has ended.
};

// Reads one request and answers with this text, whole.
inline Peer::Serve Says(std::string text) {
  return [text = std::move(text)](Peer::Link& link) {
    if (!link.Request().empty()) link.Send(text);
  };
}

}  // namespace mailquench::test

#endif  // MAILQUENCH_TESTS_UNIT_HTTPS_PEER_H_
