// Sockets as POSIX and Winsock have them in common: the few calls that differ are named here, so
// that what speaks a protocol is written once. All sockets are non-blocking and no child inherits
// them.
#ifndef MAILQUENCH_COMMON_OS_SOCKET_H_
#define MAILQUENCH_COMMON_OS_SOCKET_H_

#ifdef _WIN32
#include <winsock2.h>
// After winsock2.h.
#include <ws2tcpip.h>
#else
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#endif

#include <cstddef>
#include <cstdint>
#include <string>

namespace mailquench::os {

#ifdef _WIN32
using SocketHandle = SOCKET;
constexpr SocketHandle kNoSocket = INVALID_SOCKET;
#else
using SocketHandle = int;
constexpr SocketHandle kNoSocket = -1;
#endif

// Owns one socket.
class Socket {
 public:
  Socket() = default;
  explicit Socket(SocketHandle handle) : handle_(handle) {}
  Socket(Socket&& other) noexcept : handle_(other.Release()) {}
  Socket& operator=(Socket&& other) noexcept {
    Reset(other.Release());
    return *this;
  }
  ~Socket() { Reset(); }

  bool valid() const { return handle_ != kNoSocket; }
  SocketHandle get() const { return handle_; }
  // For OpenSSL, which takes an int on every platform; Windows' handles of sockets fit into one.
  int AsInt() const { return static_cast<int>(handle_); }
  SocketHandle Release() {
    const SocketHandle handle = handle_;
    handle_ = kNoSocket;
    return handle;
  }
  void Reset(SocketHandle handle = kNoSocket);

 private:
  SocketHandle handle_ = kNoSocket;
};

// Must have been called once before any other call of a socket's, getaddrinfo() among them. Cheap,
// thread-safe; ends the process where the system has no sockets.
void StartSockets();

// Not valid() where it fails; then LastSocketError() says why.
Socket OpenSocket(int family, int type, int protocol = 0);

// Of this thread's last call: an errno, or a WSA code.
int LastSocketError();
std::string SocketErrorText(int error);
std::string AddressErrorText(int error);  // Of what getaddrinfo() returned.
bool WouldBlock(int error);  // Also of a call that a signal broke off: try again when it is ready.
bool InProgress(int error);  // Of connect(): the socket becomes writable when it is decided.
int PendingError(SocketHandle handle);  // What became of a connect(); 0 is success.

// poll(2). On Windows select(), since WSAPoll() of older versions never tells a failed connect().
// Returns the number of sockets that are ready, 0 at the time's end, -1 with LastSocketError().
int PollSockets(pollfd* entries, std::size_t count, int timeout_ms);
// The same with a time in nanoseconds, 0 or more, of which Windows counts the milliseconds that are
// begun.
int PollSocketsFor(pollfd* entries, std::size_t count, std::int64_t nanoseconds);

// Bytes taken or given; 0 of ReceiveSome() is the peer's end; -1 with LastSocketError(). Never
// raises SIGPIPE.
std::ptrdiff_t SendSome(SocketHandle handle, const void* data, std::size_t size);
std::ptrdiff_t ReceiveSome(SocketHandle handle, void* data, std::size_t size);

// OpenSSL writes without MSG_NOSIGNAL: where there is SIGPIPE, it is ignored from now on.
void IgnoreBrokenPipes();

}  // namespace mailquench::os

#endif  // MAILQUENCH_COMMON_OS_SOCKET_H_
