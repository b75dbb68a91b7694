// A client for tests of HTTPS servers: every byte and every pause of it is the test's choice.
#ifndef MAILQUENCH_TESTS_UNIT_HTTPS_TLS_CLIENT_H_
#define MAILQUENCH_TESTS_UNIT_HTTPS_TLS_CLIENT_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <csignal>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>

namespace mailquench::test {

// A connection without TLS; no call takes longer than 20 seconds.
class TcpClient {
 public:
  explicit TcpClient(int port, const std::string& from = "127.0.0.1") {
    std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to sockets that the server has closed.
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval limit = {20, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    ::inet_pton(AF_INET, from.c_str(), &address.sin_addr);
    if (::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return;
    ::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~TcpClient() { ::close(fd_); }
  TcpClient(const TcpClient&) = delete;
  TcpClient& operator=(const TcpClient&) = delete;

  bool connected() const { return connected_; }
  int fd() const { return fd_; }
  bool Send(const std::string& bytes) const {
    return ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }
  // Whether the server ends the connection; what it sends before is thrown away.
  bool Ended() const {
    char scrap[4096];
    ssize_t size = 0;
    while ((size = ::recv(fd_, scrap, sizeof scrap, 0)) > 0) {
    }
    return size == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
  }

 private:
  int fd_ = -1;
  bool connected_ = false;
};

struct Answer {
  int status = 0;  // 0: none came.
  std::map<std::string, std::string> headers;
  std::string body;
};

class TlsClient {
 public:
  explicit TlsClient(int port,
                     const std::string& from = "127.0.0.1",
                     int max_version = TLS1_3_VERSION)
      : tcp_(port, from), context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
    SSL_CTX_set_security_level(context_.get(), 0);
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context_.get(), max_version);
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), tcp_.fd());
    secure_ = tcp_.connected() && SSL_connect(ssl_.get()) == 1;
  }

  bool secure() const { return secure_; }
  SSL* ssl() { return ssl_.get(); }
  const TcpClient& tcp() const { return tcp_; }

  bool Send(const std::string& bytes) {
    return secure_ && (bytes.empty() ||
                       SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) > 0);
  }
  // One answer with its body; `head`: it has none, whatever its length says.
  Answer Receive(bool head = false) {
    Answer answer;
    std::size_t end = 0;
    while ((end = read_.find("\r\n\r\n")) == std::string::npos) {
      if (!More()) return answer;
    }
    const std::string header = read_.substr(0, end + 2);
    read_.erase(0, end + 4);
    for (std::size_t at = header.find("\r\n") + 2; at < header.size();) {
      const std::size_t stop = header.find("\r\n", at);
      const std::size_t colon = header.find(": ", at);
      std::string name = header.substr(at, colon - at);
      std::transform(name.begin(), name.end(), name.begin(),
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      answer.headers[name] = header.substr(colon + 2, stop - colon - 2);
      at = stop + 2;
    }
    const std::size_t length =
        head ? 0 : std::strtoul(answer.headers["content-length"].c_str(), nullptr, 10);
    while (read_.size() < length) {
      if (!More()) return answer;
    }
    answer.body = read_.substr(0, length);
    read_.erase(0, length);
    answer.status = std::atoi(header.c_str() + sizeof "HTTP/1.1");
    return answer;
  }
  Answer Ask(const std::string& request, bool head = false) {
    return Send(request) ? Receive(head) : Answer();
  }
  // Whether the server ends the connection, and sends nothing before.
  bool Ended() { return read_.empty() && !More() && errno != EAGAIN; }

 private:
  bool More() {
    char bytes[16384];
    errno = 0;
    const int size = SSL_read(ssl_.get(), bytes, sizeof bytes);
    if (size <= 0) return false;
    read_.append(bytes, static_cast<std::size_t>(size));
    return true;
  }

  TcpClient tcp_;
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context_;
  struct FreeSsl {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  std::unique_ptr<SSL, FreeSsl> ssl_;
  bool secure_ = false;
  std::string read_;
};

inline std::string Get(const std::string& path, const std::string& headers = "") {
  return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n";
}

inline std::string Post(const std::string& path,
                        const std::string& body,
                        const std::string& headers = "") {
  return "POST " + path + " HTTP/1.1\r\nHost: localhost\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace mailquench::test

#endif  // MAILQUENCH_TESTS_UNIT_HTTPS_TLS_CLIENT_H_
