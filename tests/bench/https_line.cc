#include "tests/bench/https_line.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace mailquench::bench {
namespace {

constexpr const char* kEnd = "\r\n\r\n";

absl::Status Broken(const std::string& what) {
  return absl::UnavailableError(absl::StrCat("HTTPS: ", what));
}

// -1: there is none.
long LengthIn(const std::string& head) {
  constexpr const char* kName = "\r\ncontent-length:";
  const std::size_t name = std::string(kName).size();
  for (std::size_t at = 0; (at = head.find("\r\n", at)) != std::string::npos; at += 2) {
    if (absl::StartsWithIgnoreCase(head.substr(at, name), kName))
      return std::atol(head.c_str() + at + name);
  }
  return -1;
}

}  // namespace

std::int64_t MonotonicNanos() {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1000000000 + now.tv_nsec;
}

absl::StatusOr<std::unique_ptr<HttpsLine>> HttpsLine::Open(int port, const std::string& ca_file) {
  std::unique_ptr<HttpsLine> line(new HttpsLine());
  line->fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int one = 1;
  ::setsockopt(line->fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  const timeval limit = {10, 0};
  ::setsockopt(line->fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(line->fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(line->fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return Broken(absl::StrCat("no connection to port ", port));
  line->context_ = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_verify(line->context_, SSL_VERIFY_PEER, nullptr);
  if (SSL_CTX_load_verify_locations(line->context_, ca_file.c_str(), nullptr) != 1)
    return Broken(ca_file + " is no CA");
  line->tls_ = SSL_new(line->context_);
  X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(line->tls_), "127.0.0.1");
  SSL_set_fd(line->tls_, line->fd_);
  if (SSL_connect(line->tls_) != 1) return Broken("the handshake failed");
  return line;
}

HttpsLine::~HttpsLine() {
  SSL_free(tls_);
  SSL_CTX_free(context_);
  if (fd_ >= 0) ::close(fd_);
}

absl::StatusOr<HttpsLine::Answer> HttpsLine::Ask(const std::string& path,
                                                 const std::string& token,
                                                 const std::string& body) {
  std::string request =
      absl::StrCat(body.empty() ? "GET " : "POST ", path,
                   " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ", body.size(),
                   "\r\nContent-Type: application/json\r\n");
  if (!token.empty()) absl::StrAppend(&request, "Authorization: Bearer ", token, "\r\n");
  absl::StrAppend(&request, "\r\n", body);
  Answer answer;
  answer.sent = MonotonicNanos();
  if (SSL_write(tls_, request.data(), static_cast<int>(request.size())) <= 0)
    return Broken("a request could not be written");
  std::string text = std::move(rest_);
  rest_.clear();
  const auto more = [&] {
    char piece[16384];
    const int count = SSL_read(tls_, piece, sizeof piece);
    if (count > 0) text.append(piece, static_cast<std::size_t>(count));
    return count > 0;
  };
  std::size_t head = std::string::npos;
  while ((head = text.find(kEnd)) == std::string::npos) {
    if (!more()) return Broken("no answer");
  }
  head += 4;
  const long length = LengthIn(text.substr(0, head));
  if (length < 0) return Broken("an answer without a length");
  const std::size_t whole = head + static_cast<std::size_t>(length);
  while (text.size() < whole) {
    if (!more()) return Broken("half of an answer");
  }
  answer.answered = MonotonicNanos();
  answer.status = std::atoi(text.c_str() + text.find(' '));
  answer.body = text.substr(head, whole - head);
  rest_ = text.substr(whole);
  return answer;
}

}  // namespace mailquench::bench
