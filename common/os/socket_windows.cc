#include <cstdlib>
#include <memory>
#include <mutex>
#include <vector>

#include "common/os/socket.h"
#include "common/os/wide.h"

namespace mailquench::os {
namespace {

// Winsock's fd_set is a count and an array, and select() looks at no more than the count: one of
// any size may be made in larger room
// (learn.microsoft.com/windows/win32/api/winsock2/nf-winsock2-select).
class SocketSet {
 public:
  explicit SocketSet(std::size_t room) : words_(1 + room) {}
  void Add(SOCKET handle) { words_[1 + Count()++] = handle; }
  bool Has(SOCKET handle) {
    for (u_int i = 0; i < Count(); ++i) {
      if (words_[1 + i] == handle) return true;
    }
    return false;
  }
  fd_set* get() { return Count() == 0 ? nullptr : reinterpret_cast<fd_set*>(words_.data()); }

 private:
  static_assert(offsetof(fd_set, fd_array) == sizeof(SOCKET), "an fd_set of another shape");
  u_int& Count() { return *reinterpret_cast<u_int*>(words_.data()); }
  std::vector<SOCKET> words_;  // The first holds the count.
};

}  // namespace

void Socket::Reset(SocketHandle handle) {
  if (handle_ != kNoSocket) ::closesocket(handle_);
  handle_ = handle;
}

void StartSockets() {
  static const int started = [] {
    WSADATA data;
    return ::WSAStartup(MAKEWORD(2, 2), &data);
  }();
  if (started != 0) std::abort();
}

Socket OpenSocket(int family, int type, int protocol) {
  StartSockets();
  // Before Windows 7 SP1 there is no WSA_FLAG_NO_HANDLE_INHERIT; children are given their handles
  // by name.
  Socket made(::WSASocketW(family, type, protocol, nullptr, 0, WSA_FLAG_OVERLAPPED));
  u_long on = 1;
  if (made.valid() && ::ioctlsocket(made.get(), FIONBIO, &on) != 0) {
    const int error = ::WSAGetLastError();
    made.Reset();
    ::WSASetLastError(error);
  }
  // Else a peer's urgent byte is an exception of select() for ever, which PollSockets() would tell
  // as an error.
  const BOOL in_line = TRUE;
  if (made.valid() && type == SOCK_STREAM)
    (void)::setsockopt(made.get(), SOL_SOCKET, SO_OOBINLINE,
                       reinterpret_cast<const char*>(&in_line), sizeof in_line);
  return made;
}

Socket AcceptFrom(SocketHandle listener) {
  // Non-blocking, and with urgent data in line, as its listener is.
  return Socket(::accept(listener, nullptr, nullptr));
}

int LastSocketError() {
  return ::WSAGetLastError();
}

std::string SocketErrorText(int error) {
  return WindowsErrorText(static_cast<unsigned long>(error));
}

std::string AddressErrorText(int error) {
  return WindowsErrorText(static_cast<unsigned long>(error));
}

bool WouldBlock(int error) {
  return error == WSAEWOULDBLOCK || error == WSAEINTR;
}

bool InProgress(int error) {
  return error == WSAEWOULDBLOCK || error == WSAEINPROGRESS;
}

int PendingError(SocketHandle handle) {
  int error = 0;
  int size = sizeof error;
  return ::getsockopt(handle, SOL_SOCKET, SO_ERROR, reinterpret_cast<char*>(&error), &size) == 0
             ? error
             : ::WSAGetLastError();
}

int PollSockets(pollfd* entries, std::size_t count, int timeout_ms) {
  SocketSet read(count);
  SocketSet write(count);
  SocketSet failed(count);
  for (std::size_t i = 0; i < count; ++i) {
    entries[i].revents = 0;
    if ((entries[i].events & POLLIN) != 0) read.Add(entries[i].fd);
    if ((entries[i].events & POLLOUT) != 0) write.Add(entries[i].fd);
    failed.Add(entries[i].fd);
  }
  if (count == 0) {  // select() takes no empty sets.
    ::Sleep(timeout_ms < 0 ? INFINITE : static_cast<DWORD>(timeout_ms));
    return 0;
  }
  timeval limit = {timeout_ms / 1000, (timeout_ms % 1000) * 1000};
  const int ready =
      ::select(0, read.get(), write.get(), failed.get(), timeout_ms < 0 ? nullptr : &limit);
  if (ready == SOCKET_ERROR) return -1;
  if (ready == 0) return 0;  // The sets say nothing then.
  int entries_ready = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (read.Has(entries[i].fd)) entries[i].revents |= POLLIN;
    if (write.Has(entries[i].fd)) entries[i].revents |= POLLOUT;
    if (failed.Has(entries[i].fd)) entries[i].revents |= POLLERR;
    entries_ready += entries[i].revents != 0 ? 1 : 0;
  }
  return entries_ready;
}

int PollSocketsFor(pollfd* entries, std::size_t count, std::int64_t nanoseconds) {
  return PollSockets(entries, count, static_cast<int>((nanoseconds + 999'999) / 1'000'000));
}

std::ptrdiff_t SendSome(SocketHandle handle, const void* data, std::size_t size) {
  return ::send(handle, static_cast<const char*>(data), static_cast<int>(size), 0);
}

std::ptrdiff_t ReceiveSome(SocketHandle handle, void* data, std::size_t size) {
  return ::recv(handle, static_cast<char*>(data), static_cast<int>(size), 0);
}

void IgnoreBrokenPipes() {}

}  // namespace mailquench::os
