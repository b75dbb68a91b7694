#include "tests/unit/dns/meddler.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "controller/dns/exchange.h"

namespace mailquench::controller::dns::test {
namespace {

int BoundSocket(int* port) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  *port = ntohs(address.sin_port);
  return fd;
}

void Send(int fd, const sockaddr_in& to, const std::string& bytes) {
  ::sendto(fd, bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
}

}  // namespace

Meddler::Meddler(const std::string& server,
                 Replies replies,
                 std::function<bool(const std::string& request)> passes)
    : server_(server), replies_(std::move(replies)), passes_(std::move(passes)) {
  fd_ = BoundSocket(&port_);
  thread_ = std::thread([this] { Run(); });
}

Meddler::~Meddler() {
  End();
  ::close(fd_);
}

void Meddler::End() {
  end_ = true;
  if (thread_.joinable()) thread_.join();
}

std::string Meddler::address() const {
  return absl::StrCat("127.0.0.1:", port_);
}

void Meddler::SendFromAnotherPort(const std::string& bytes) {
  int port = 0;
  const int fd = BoundSocket(&port);
  Send(fd, client_, bytes);
  ::close(fd);
}

void Meddler::Run() {
  const auto server = ParseEndpoint(server_);
  std::vector<char> buffer(65535);
  while (!end_) {
    pollfd one{fd_, POLLIN, 0};
    if (::poll(&one, 1, 20) <= 0) continue;
    socklen_t size = sizeof client_;
    const ssize_t n = ::recvfrom(fd_, buffer.data(), buffer.size(), 0,
                                 reinterpret_cast<sockaddr*>(&client_), &size);
    if (n < 0) continue;
    ++requests_;
    const std::string request(buffer.data(), static_cast<std::size_t>(n));
    if (passes_ != nullptr && !passes_(request)) continue;
    const auto reply = Exchange(*server, request, {absl::Seconds(2), 1},
                                [](const std::string&) { return Verdict::kTake; });
    if (!reply.ok()) continue;
    for (const std::string& bytes : replies_(request, reply->reply)) Send(fd_, client_, bytes);
  }
}

}  // namespace mailquench::controller::dns::test
