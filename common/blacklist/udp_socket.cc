#include "common/blacklist/udp_socket.h"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <string_view>

#include "common/blacklist/udp_pace.h"
#include "common/status/error.h"

namespace mailquench::blacklist {
namespace {

constexpr std::size_t kTable = 4096;        // A power of two.
constexpr int kBytesOfAnAnswer = 2 * 1280;  // In the kernel's accounts.

}  // namespace

ReceiveBatch::ReceiveBatch() : buffers_(kSize), parts_(kSize), headers_(kSize) {
  for (std::size_t i = 0; i < kSize; ++i) {
    parts_[i] = {buffers_[i].data(), buffers_[i].size()};
    headers_[i].msg_hdr = {};
    headers_[i].msg_hdr.msg_iov = &parts_[i];
    headers_[i].msg_hdr.msg_iovlen = 1;
  }
}

int ReceiveBatch::Receive(int fd) {
  const int count = ::recvmmsg(fd, headers_.data(), kSize, MSG_DONTWAIT, nullptr);
  if (count < 0) return errno == EAGAIN || errno == EINTR ? 0 : -1;
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    sizes_[i] = headers_[i].msg_len;
    cut_[i] = (headers_[i].msg_hdr.msg_flags & MSG_TRUNC) != 0;
  }
  return count;
}

bool ReceiveBatch::ReceiveError(int fd) {
  // What the error is does not matter: a try has failed. The kernel wants room for it.
  alignas(cmsghdr) char control[512];
  msghdr header{};
  header.msg_iov = parts_.data();
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  const ssize_t size = ::recvmsg(fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT);
  if (size < 0) return false;
  sizes_[0] = static_cast<std::size_t>(size);
  return true;
}

void SendBatch::Add(Packet& packet) {
  parts_[count_] = {packet.bytes.data(), packet.size};
  headers_[count_] = {};
  headers_[count_].msg_hdr.msg_iov = &parts_[count_];
  headers_[count_].msg_hdr.msg_iovlen = 1;
  ++count_;
}

SendBatch::Result SendBatch::Send(int fd) {
  const int sent =
      ::sendmmsg(fd, &headers_[done_], static_cast<unsigned>(count_ - done_), MSG_DONTWAIT);
  if (sent >= 0) {
    done_ += static_cast<std::size_t>(sent);
    return Result::kSent;
  }
  if (errno == EAGAIN) return Result::kFull;
  // A refusal is the news of an earlier packet, told once.
  return errno == EINTR || errno == ECONNREFUSED ? Result::kSent : Result::kFailed;
}

std::uint32_t QuestionHash(const std::uint8_t* message, std::size_t end) {
  return static_cast<std::uint32_t>(std::hash<std::string_view>()(
      {reinterpret_cast<const char*>(message) + kHeader, end - kHeader}));
}

absl::StatusOr<std::unique_ptr<UdpSocket>> UdpSocket::Open(const ServerAddress& server,
                                                           int answers) {
  const int fd = ::socket(server.family(), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return SystemError(errno, "socket for DNS questions");
  std::unique_ptr<UdpSocket> made(new UdpSocket(fd, MonotonicNanos()));
  // Beyond the system's limit where we may. What it does not grant is lost answers, asked again.
  const int bytes = answers * kBytesOfAnAnswer;
  if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  // Each ICMP error then says which packet it is about.
  const int on = 1;
  if (server.family() == AF_INET6)
    ::setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
  else
    ::setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
  if (::connect(fd, server.get(), server.size) != 0)
    return SystemError(errno, "connect to a DNS server");
  return made;
}

UdpSocket::UdpSocket(int fd, std::int64_t now) : fd_(fd), opened_(now), ids_(kTable) {}

UdpSocket::~UdpSocket() {
  ::close(fd_);
}

std::size_t UdpSocket::Slot(std::uint16_t id) const {
  std::size_t slot = id % kTable;  // Ids are random: no better hash is needed.
  while (ids_[slot].state != AskedId::State::kNone && ids_[slot].id != id)
    slot = (slot + 1) % kTable;
  return slot;
}

std::uint16_t UdpSocket::Add(Packet& packet, std::uint32_t flight, Random& random) {
  std::uint16_t id = random.Id();
  std::size_t slot = Slot(id);
  while (ids_[slot].state != AskedId::State::kNone) slot = Slot(id = random.Id());
  packet.SetId(id);
  AskedId& asked = ids_[slot];
  asked.id = id;
  asked.flight = flight;
  asked.question = QuestionHash(packet.bytes.data(), packet.question_end);
  asked.question_end = static_cast<std::uint16_t>(packet.question_end);
  asked.state = AskedId::State::kInFlight;
  ++asked_;
  ++in_flight_;
  return id;
}

AskedId* UdpSocket::Find(std::uint16_t id) {
  AskedId& asked = ids_[Slot(id)];
  return asked.state == AskedId::State::kNone ? nullptr : &asked;
}

void UdpSocket::End(std::uint16_t id,
                    AskedId::State state,
                    bool sent_again,
                    std::int64_t first_sent,
                    std::int64_t now) {
  AskedId* asked = Find(id);
  if (asked == nullptr || asked->state != AskedId::State::kInFlight) return;
  asked->state = state;
  asked->sent_again = sent_again;
  asked->took = static_cast<std::uint32_t>((now - first_sent) / 1000);
  asked->ended = static_cast<std::uint32_t>(now / 1'000'000);
  --in_flight_;
}

}  // namespace mailquench::blacklist
