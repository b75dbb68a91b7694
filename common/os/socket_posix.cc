#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "common/os/socket.h"

namespace mailquench::os {

void Socket::Reset(SocketHandle handle) {
  if (handle_ != kNoSocket) ::close(handle_);
  handle_ = handle;
}

void StartSockets() {}

Socket OpenSocket(int family, int type, int protocol) {
  return Socket(::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
}

int LastSocketError() {
  return errno;
}

std::string SocketErrorText(int error) {
  return std::strerror(error);
}

std::string AddressErrorText(int error) {
  return ::gai_strerror(error);
}

bool WouldBlock(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

bool InProgress(int error) {
  return error == EINPROGRESS;
}

int PendingError(SocketHandle handle) {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(handle, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

int PollSockets(pollfd* entries, std::size_t count, int timeout_ms) {
  return ::poll(entries, static_cast<nfds_t>(count), timeout_ms);
}

int PollSocketsFor(pollfd* entries, std::size_t count, std::int64_t nanoseconds) {
  const timespec limit{nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
  return ::ppoll(entries, static_cast<nfds_t>(count), &limit, nullptr);
}

std::ptrdiff_t SendSome(SocketHandle handle, const void* data, std::size_t size) {
  return ::send(handle, data, size, MSG_NOSIGNAL);
}

std::ptrdiff_t ReceiveSome(SocketHandle handle, void* data, std::size_t size) {
  return ::recv(handle, data, size, 0);
}

void IgnoreBrokenPipes() {
  (void)std::signal(SIGPIPE, SIG_IGN);
}

}  // namespace mailquench::os
