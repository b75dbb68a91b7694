#include <cerrno>

#include "common/os/datagrams.h"

namespace mailquench::os {

Socket OpenDatagramSocket(const sockaddr* address, socklen_t size, int receive_bytes) {
  Socket made = OpenSocket(address->sa_family, SOCK_DGRAM);
  if (!made.valid()) return made;
  // Beyond the system's limit where we may. What it does not grant is lost answers, asked again.
  if (::setsockopt(made.get(), SOL_SOCKET, SO_RCVBUFFORCE, &receive_bytes, sizeof receive_bytes) !=
      0)
    ::setsockopt(made.get(), SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
  // Each ICMP error then says which packet it is about.
  const int on = 1;
  if (address->sa_family == AF_INET6)
    ::setsockopt(made.get(), IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
  else
    ::setsockopt(made.get(), IPPROTO_IP, IP_RECVERR, &on, sizeof on);
  if (::connect(made.get(), address, size) != 0) {
    const int error = errno;
    made.Reset();
    errno = error;
  }
  return made;
}

ReceiveBatch::ReceiveBatch() : buffers_(kSize), parts_(kSize), headers_(kSize) {
  for (std::size_t i = 0; i < kSize; ++i) {
    parts_[i] = {buffers_[i].data(), buffers_[i].size()};
    headers_[i].msg_hdr = {};
    headers_[i].msg_hdr.msg_iov = &parts_[i];
    headers_[i].msg_hdr.msg_iovlen = 1;
  }
}

int ReceiveBatch::Receive(SocketHandle socket) {
  const int count = ::recvmmsg(socket, headers_.data(), kSize, MSG_DONTWAIT, nullptr);
  if (count < 0) return errno == EAGAIN || errno == EINTR ? 0 : -1;
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    sizes_[i] = headers_[i].msg_len;
    cut_[i] = (headers_[i].msg_hdr.msg_flags & MSG_TRUNC) != 0;
  }
  return count;
}

bool ReceiveBatch::ReceiveError(SocketHandle socket) {
  // What the error is does not matter: a try has failed. The kernel wants room for it.
  alignas(cmsghdr) char control[512];
  msghdr header{};
  header.msg_iov = parts_.data();
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  const ssize_t size = ::recvmsg(socket, &header, MSG_ERRQUEUE | MSG_DONTWAIT);
  if (size < 0) return false;
  sizes_[0] = static_cast<std::size_t>(size);
  return true;
}

void SendBatch::Add(void* bytes, std::size_t size) {
  parts_[count_] = {bytes, size};
  headers_[count_] = {};
  headers_[count_].msg_hdr.msg_iov = &parts_[count_];
  headers_[count_].msg_hdr.msg_iovlen = 1;
  ++count_;
}

SendBatch::Result SendBatch::Send(SocketHandle socket) {
  const int sent =
      ::sendmmsg(socket, &headers_[done_], static_cast<unsigned>(count_ - done_), MSG_DONTWAIT);
  if (sent >= 0) {
    done_ += static_cast<std::size_t>(sent);
    return Result::kSent;
  }
  if (errno == EAGAIN) return Result::kFull;
  // A refusal is the news of an earlier packet, told once.
  return errno == EINTR || errno == ECONNREFUSED ? Result::kSent : Result::kFailed;
}

}  // namespace mailquench::os
