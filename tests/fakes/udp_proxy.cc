#include "tests/fakes/udp_proxy.h"

#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace mailquench::test {
namespace {

constexpr std::size_t kBatch = 64;
constexpr std::size_t kMostClients = 64;

std::int64_t NowNanos() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

int Socket() {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int bytes = 4 << 20;
  ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  return fd;
}

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// Messages of one batch, sent or received.
struct Batch {
  std::array<std::array<char, 4096>, kBatch> bytes;
  std::array<sockaddr_in, kBatch> addresses;
  std::array<iovec, kBatch> parts;
  std::array<mmsghdr, kBatch> headers;

  int Receive(int fd, bool with_address) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      parts[i] = {bytes[i].data(), bytes[i].size()};
      headers[i] = {};
      headers[i].msg_hdr.msg_iov = &parts[i];
      headers[i].msg_hdr.msg_iovlen = 1;
      if (with_address) {
        headers[i].msg_hdr.msg_name = &addresses[i];
        headers[i].msg_hdr.msg_namelen = sizeof addresses[i];
      }
    }
    return std::max(0, ::recvmmsg(fd, headers.data(), kBatch, MSG_DONTWAIT, nullptr));
  }
};

Batch& Buffer() {
  thread_local Batch batch;
  return batch;
}

std::size_t QuestionEnd(const std::string& message) {
  std::size_t at = 12;
  while (at < message.size() && message[at] != 0)
    at += 1u + static_cast<unsigned char>(message[at]);
  return std::min(at + 5, message.size());
}

}  // namespace

UdpProxy::UdpProxy(const UdpProxyOptions& options) : options_(options), random_(options.seed) {
  fd_ = Socket();
  other_fd_ = Socket();
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  if (::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) std::abort();
  ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Work(); });
}

UdpProxy::~UdpProxy() {
  ending_ = true;
  thread_.join();
  for (const Client& client : clients_) ::close(client.fd);
  ::close(fd_);
  ::close(other_fd_);
}

bool UdpProxy::Chance(double share) {
  return share > 0 && std::uniform_real_distribution<double>()(random_) < share;
}

void UdpProxy::Work() {
  std::vector<pollfd> polls;
  while (!ending_) {
    polls.assign(1, {fd_, POLLIN, 0});
    for (const Client& client : clients_) polls.push_back({client.fd, POLLIN, 0});
    ::poll(polls.data(), polls.size(), answers_.empty() ? 20 : 1);
    for (std::size_t i = 1; i < polls.size(); ++i) {
      if (polls[i].revents != 0) Answers(clients_[i - 1]);
    }
    SendDue();
    if (polls[0].revents != 0) Questions();
  }
}

UdpProxy::Client& UdpProxy::ClientOf(const sockaddr_in& address) {
  ++turn_;
  for (Client& client : clients_) {
    if (client.address.sin_port != address.sin_port) continue;
    client.used = turn_;
    return client;
  }
  ++clients_seen_;
  if (clients_.size() == kMostClients) {
    const auto oldest =
        std::min_element(clients_.begin(), clients_.end(),
                         [](const Client& a, const Client& b) { return a.used < b.used; });
    ::close(oldest->fd);
    clients_.erase(oldest);
  }
  Client client;
  client.address = address;
  client.fd = Socket();
  client.used = turn_;
  const sockaddr_in server = Loopback(options_.server);
  if (::connect(client.fd, reinterpret_cast<const sockaddr*>(&server), sizeof server) != 0)
    std::abort();
  clients_.push_back(client);
  return clients_.back();
}

void UdpProxy::Questions() {
  Batch& batch = Buffer();
  const auto count = static_cast<std::size_t>(batch.Receive(fd_, true));
  std::array<mmsghdr, kBatch> out;
  std::size_t sending = 0;
  int to = -1;
  const auto send = [&] {
    if (sending > 0) ::sendmmsg(to, out.data(), static_cast<unsigned>(sending), 0);
    sending = 0;
  };
  for (std::size_t i = 0; i < count; ++i) {
    const bool full = options_.capacity > 0 && outstanding_ >= options_.capacity;
    if (++questions_ <= options_.lose_first || full || Chance(options_.lose_questions)) {
      ++lost_;
      continue;
    }
    if (options_.no_edns && batch.bytes[i][11] == 1) {
      std::string answer(batch.bytes[i].data(), batch.headers[i].msg_len);
      answer.resize(QuestionEnd(answer));
      answer[2] = static_cast<char>(0x81);
      answer[3] = 1;
      answer[11] = 0;
      answers_.push_back({batch.addresses[i], answer, 0});
      continue;
    }
    ++outstanding_;
    const int fd = ClientOf(batch.addresses[i]).fd;
    if (fd != to) send();
    to = fd;
    batch.parts[i].iov_len = batch.headers[i].msg_len;
    out[sending] = {};
    out[sending].msg_hdr.msg_iov = &batch.parts[i];
    out[sending].msg_hdr.msg_iovlen = 1;
    ++sending;
  }
  send();
}

void UdpProxy::Answers(const Client& client) {
  Batch& batch = Buffer();
  const auto count = static_cast<std::size_t>(batch.Receive(client.fd, false));
  const std::int64_t due = NowNanos() + options_.delay_ms * 1'000'000LL;
  outstanding_ -= static_cast<int>(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (Chance(options_.lose_answers)) {
      ++lost_;
      continue;
    }
    answers_.push_back(
        {client.address, std::string(batch.bytes[i].data(), batch.headers[i].msg_len), due});
    if (options_.forge != UdpProxyOptions::Forge::kNone) {
      Forge(answers_.back().bytes, client.address);
      ++forged_;
    }
    if (!Chance(options_.repeat_answers)) continue;
    answers_.push_back(answers_.back());
    ++repeated_;
  }
}

void UdpProxy::SendDue() {
  const std::int64_t now = NowNanos();
  while (!answers_.empty() && answers_.front().due <= now) {
    std::array<mmsghdr, kBatch> out;
    std::array<iovec, kBatch> parts;
    std::size_t sending = 0;
    for (; sending < std::min(kBatch, answers_.size()) && answers_[sending].due <= now; ++sending) {
      Answer& answer = answers_[sending];
      parts[sending] = {answer.bytes.data(), answer.bytes.size()};
      out[sending] = {};
      out[sending].msg_hdr.msg_name = &answer.to;
      out[sending].msg_hdr.msg_namelen = sizeof answer.to;
      out[sending].msg_hdr.msg_iov = &parts[sending];
      out[sending].msg_hdr.msg_iovlen = 1;
    }
    const int sent = ::sendmmsg(fd_, out.data(), static_cast<unsigned>(sending), 0);
    // One that cannot be sent (its port is closed) is lost.
    const int gone = std::max(1, sent);
    answers_.erase(answers_.begin(), answers_.begin() + gone);
  }
}

void UdpProxy::Forge(const std::string& answer, const sockaddr_in& to) {
  using Kind = UdpProxyOptions::Forge;
  std::string message = answer.substr(0, QuestionEnd(answer));
  message[2] = static_cast<char>(0x84);  // QR, AA
  message[3] = 0;
  message.replace(4, 8, std::string("\0\1\0\1\0\0\0\0", 8));
  message += std::string("\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\6\6\6", 16);
  if (options_.forge == Kind::kId) message[0] = static_cast<char>(message[0] ^ 0x55);
  if (options_.forge == Kind::kCase) {
    // One letter of the last label, which is "test".
    char& letter = message[QuestionEnd(answer) - 6];
    letter = static_cast<char>(letter ^ 0x20);
  }
  if (options_.forge == Kind::kQuestion)
    message[13] = message[13] == '9' ? '8' : static_cast<char>(message[13] + 1);
  if (options_.forge == Kind::kRandomBytes) {
    for (char& byte : message) byte = static_cast<char>(random_());
  }
  if (options_.forge == Kind::kNoQuestion) {
    message.replace(4, 2, std::string("\0\0", 2));
    message.erase(12, QuestionEnd(answer) - 12);
  }
  if (options_.forge == Kind::kLoop) {  // A name that points at itself.
    message.replace(12, QuestionEnd(answer) - 16, "\xc0\x0c");
  }
  const int fd = options_.forge == Kind::kPort ? other_fd_ : fd_;
  ::sendto(fd, message.data(), message.size(), 0, reinterpret_cast<const sockaddr*>(&to),
           sizeof to);
}

}  // namespace mailquench::test
