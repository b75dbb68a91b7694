// A web server of a test's own on 127.0.0.1: one answer a connection, by a function.
#ifndef MAILQUENCH_TESTS_UNIT_HTTP_WEB_SERVER_H_
#define MAILQUENCH_TESTS_UNIT_HTTP_WEB_SERVER_H_

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"

namespace mailquench::agent {

class WebServer {
 public:
  // Gets what sends bytes to the client; false once the client is gone.
  using Send = std::function<bool(const std::string&)>;
  using Answer = std::function<void(const Send&)>;

  // With a certificate's PEM file (key behind it) it speaks TLS.
  explicit WebServer(Answer answer, const std::string& pem = "") : answer_(std::move(answer)) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(fd_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(fd_, 8) != 0)
      std::abort();
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    if (!pem.empty()) {
      context_ = SSL_CTX_new(TLS_server_method());
      SSL_CTX_use_certificate_chain_file(context_, pem.c_str());
      SSL_CTX_use_PrivateKey_file(context_, pem.c_str(), SSL_FILETYPE_PEM);
    }
  }
  // From now on it accepts; before, connections wait.
  void Start() {
    thread_ = std::thread([this] {
      while (!ending_) {
        pollfd p{fd_, POLLIN, 0};
        if (poll(&p, 1, 20) <= 0) continue;
        const int client = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
        if (client < 0) continue;
        Serve(client);
        close(client);
      }
    });
  }
  ~WebServer() {
    ending_ = true;
    if (thread_.joinable()) thread_.join();
    close(fd_);
    SSL_CTX_free(context_);
  }
  WebServer(const WebServer&) = delete;
  WebServer& operator=(const WebServer&) = delete;

  int port() const { return port_; }
  std::string Url(const std::string& path = "/") const {
    return absl::StrCat(context_ != nullptr ? "https" : "http", "://127.0.0.1:", port_, path);
  }
  bool ending() const { return ending_; }
  std::vector<std::string> Requests() {
    const std::lock_guard<std::mutex> lock(mu_);
    return requests_;
  }

 private:
  void Serve(int client) {
    SSL* ssl = nullptr;
    if (context_ != nullptr) {
      ssl = SSL_new(context_);
      SSL_set_fd(ssl, client);
      if (SSL_accept(ssl) != 1) return SSL_free(ssl);
    }
    std::string request;
    char c = 0;
    while (request.find("\r\n\r\n") == std::string::npos) {
      pollfd p{client, POLLIN, 0};
      if (ending_ || (ssl == nullptr && poll(&p, 1, 2000) <= 0)) break;
      if ((ssl != nullptr ? SSL_read(ssl, &c, 1) : static_cast<int>(recv(client, &c, 1, 0))) != 1)
        break;
      request.push_back(c);
    }
    {
      const std::lock_guard<std::mutex> lock(mu_);
      requests_.push_back(request);
    }
    if (!request.empty())
      answer_([&](const std::string& text) {
        return (ssl != nullptr
                    ? SSL_write(ssl, text.data(), static_cast<int>(text.size()))
                    : static_cast<int>(send(client, text.data(), text.size(), MSG_NOSIGNAL))) > 0;
      });
    if (ssl != nullptr) SSL_shutdown(ssl);
    SSL_free(ssl);
  }
  const Answer answer_;
  int fd_ = -1;
  int port_ = 0;
  SSL_CTX* context_ = nullptr;
  std::atomic<bool> ending_ = false;
  std::mutex mu_;
  std::vector<std::string> requests_;  // Guarded by mu_.
  std::thread thread_;
};

// Answers with this text, whole.
inline WebServer::Answer Says(std::string text) {
  return [text = std::move(text)](const WebServer::Send& send) { send(text); };
}

}  // namespace mailquench::agent

#endif  // MAILQUENCH_TESTS_UNIT_HTTP_WEB_SERVER_H_
