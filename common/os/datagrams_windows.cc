#include "common/os/datagrams.h"

namespace mailquench::os {
namespace {

// An ICMP message about something that we sent. Winsock tells it to the next call on the socket,
// once each, and not what it was about:
// learn.microsoft.com/windows/win32/api/winsock2/nf-winsock2-recv (WSAECONNRESET, WSAENETRESET);
// Wine has WSAECONNREFUSED for it.
bool IsRefusal(int error) {
  return error == WSAECONNRESET || error == WSAENETRESET || error == WSAECONNREFUSED ||
         error == WSAEHOSTUNREACH || error == WSAENETUNREACH;
}

}  // namespace

Socket OpenDatagramSocket(const sockaddr* address, socklen_t size, int receive_bytes) {
  Socket made = OpenSocket(address->sa_family, SOCK_DGRAM);
  if (!made.valid()) return made;
  // What is not granted is lost answers, asked again.
  (void)::setsockopt(made.get(), SOL_SOCKET, SO_RCVBUF,
                     reinterpret_cast<const char*>(&receive_bytes), sizeof receive_bytes);
  if (::connect(made.get(), address, size) != 0) {
    const int error = ::WSAGetLastError();
    made.Reset();
    ::WSASetLastError(error);
  }
  return made;
}

ReceiveBatch::ReceiveBatch() : buffers_(kSize) {}

int ReceiveBatch::Receive(SocketHandle socket) {
  int count = 0;
  // Refusals count as calls, or a stream of them would keep us here.
  for (int call = 0; call < kSize; ++call) {
    auto& buffer = buffers_[static_cast<std::size_t>(count)];
    const int size =
        ::recv(socket, reinterpret_cast<char*>(buffer.data()), static_cast<int>(buffer.size()), 0);
    const int error = size >= 0 ? 0 : ::WSAGetLastError();
    if (IsRefusal(error)) {
      ++refusals_;
      continue;
    }
    if (error == WSAEINTR) continue;
    if (error != 0 && error != WSAEMSGSIZE)
      return count == 0 && error != WSAEWOULDBLOCK ? -1 : count;
    sizes_[static_cast<std::size_t>(count)] =
        error == WSAEMSGSIZE ? buffer.size() : static_cast<std::size_t>(size);
    cut_[static_cast<std::size_t>(count)] = error == WSAEMSGSIZE;
    ++count;
  }
  return count;
}

bool ReceiveBatch::ReceiveError(SocketHandle socket) {
  // Wine keeps a refusal as the socket's error, and no call tells it.
  if (IsRefusal(PendingError(socket))) ++refusals_;
  return false;
}

void SendBatch::Add(void* bytes, std::size_t size) {
  parts_[count_++] = {static_cast<const char*>(bytes), static_cast<int>(size)};
}

SendBatch::Result SendBatch::Send(SocketHandle socket) {
  for (; done_ < count_; ++done_) {
    if (::send(socket, parts_[done_].bytes, parts_[done_].size, 0) >= 0) continue;
    const int error = ::WSAGetLastError();
    if (error == WSAEWOULDBLOCK || error == WSAENOBUFS) return Result::kFull;
    // A refusal is the news of an earlier packet, told once.
    return error == WSAEINTR || error == WSAECONNRESET || error == WSAENETRESET ||
                   error == WSAECONNREFUSED
               ? Result::kSent
               : Result::kFailed;
  }
  return Result::kSent;
}

}  // namespace mailquench::os
