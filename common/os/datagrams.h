// Many UDP messages with one call where the system has such a call (Linux), and with one call each
// where it has not. A batch belongs to one thread.
#ifndef MAILQUENCH_COMMON_OS_DATAGRAMS_H_
#define MAILQUENCH_COMMON_OS_DATAGRAMS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/os/socket.h"

namespace mailquench::os {

// A UDP socket that is connected to `address`, and has room for `receive_bytes` of what arrives, as
// far as the system grants them. The network's refusals are told by ReceiveBatch. Not valid() where
// it fails; then LastSocketError() says why.
Socket OpenDatagramSocket(const sockaddr* address, socklen_t size, int receive_bytes);

// Room for a batch of received messages. One serves all sockets of a thread.
class ReceiveBatch {
 public:
  static constexpr int kSize = 64;
  ReceiveBatch();

  // Messages that wait on the socket, at most kSize; 0 where there is none, -1 where the socket has
  // an error, which is then cleared.
  int Receive(SocketHandle socket);
  // From the error queue: what we sent and the network could not deliver, as much of it as was
  // quoted; index 0 then. False: none is left. Windows has no such queue.
  bool ReceiveError(SocketHandle socket);
  // Where nothing is quoted (Windows): how many refusals Receive() has met since the last call.
  int TakeRefusals() {
    const int refusals = refusals_;
    refusals_ = 0;
    return refusals;
  }

  const std::uint8_t* data(int i) const { return buffers_[static_cast<std::size_t>(i)].data(); }
  std::size_t size(int i) const { return sizes_[static_cast<std::size_t>(i)]; }
  // It was longer than the room for it: the rest is gone.
  bool cut(int i) const { return cut_[static_cast<std::size_t>(i)]; }

 private:
  std::vector<std::array<std::uint8_t, 4096>> buffers_;
#ifndef _WIN32
  std::vector<iovec> parts_;
  std::vector<mmsghdr> headers_;
#endif
  std::array<std::size_t, kSize> sizes_{};
  std::array<bool, kSize> cut_{};
  int refusals_ = 0;
};

// Messages that go out of one socket together. Their bytes must live until they are sent.
class SendBatch {
 public:
  static constexpr std::size_t kSize = 64;
  enum class Result { kSent, kFull, kFailed };

  void Clear() { count_ = done_ = 0; }
  void Add(void* bytes, std::size_t size);  // At most kSize of them.
  std::size_t count() const { return count_; }
  bool Done() const { return done_ == count_; }
  // Some or all that are left. kFull: the system takes no more now. kFailed: not the next one.
  Result Send(SocketHandle socket);
  std::size_t Skip() { return done_++; }  // Its index.

 private:
#ifndef _WIN32
  std::array<mmsghdr, kSize> headers_;
  std::array<iovec, kSize> parts_;
#else
  struct Part {
    const char* bytes;
    int size;
  };
  std::array<Part, kSize> parts_;
#endif
  std::size_t count_ = 0, done_ = 0;
};

}  // namespace mailquench::os

#endif  // MAILQUENCH_COMMON_OS_DATAGRAMS_H_
