// One connected UDP socket, that is one source port, and the ids that were asked from it.
#ifndef MAILQUENCH_COMMON_BLACKLIST_UDP_SOCKET_H_
#define MAILQUENCH_COMMON_BLACKLIST_UDP_SOCKET_H_

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "common/blacklist/resolver_address.h"
#include "common/blacklist/resolver_codec.h"
#include "common/blacklist/udp_random.h"

namespace mailquench::blacklist {

// What is known of an id. It stays after its end: a late answer is no forged one.
struct AskedId {
  enum class State : std::uint8_t { kNone, kInFlight, kAnswered, kGivenUp };
  std::uint32_t flight = 0;    // Of kInFlight: its number.
  std::uint32_t question = 0;  // Hash of name, type and class.
  std::uint32_t took = 0;      // Microseconds from the first packet to the end.
  std::uint32_t ended = 0;     // In milliseconds of MonotonicNanos(), which may wrap.
  std::uint16_t id = 0;
  std::uint16_t question_end = 0;
  bool sent_again = false;
  State state = State::kNone;
};

// Room for a batch of received messages. One serves all sockets of a resolver.
class ReceiveBatch {
 public:
  static constexpr int kSize = 64;
  ReceiveBatch();

  // Messages that wait on `fd`, at most kSize; 0 where there is none, -1 where the socket has an
  // error (errno), which is then cleared.
  int Receive(int fd);
  // From the error queue: what we sent and the network could not deliver, as much of it as was
  // quoted; index 0 then. False: none is left.
  bool ReceiveError(int fd);

  const std::uint8_t* data(int i) const { return buffers_[static_cast<std::size_t>(i)].data(); }
  std::size_t size(int i) const { return sizes_[static_cast<std::size_t>(i)]; }
  // It was longer than any UDP answer that we ask for: the rest is gone.
  bool cut(int i) const { return cut_[static_cast<std::size_t>(i)]; }

 private:
  std::vector<std::array<std::uint8_t, 4096>> buffers_;
  std::vector<iovec> parts_;
  std::vector<mmsghdr> headers_;
  std::array<std::size_t, kSize> sizes_{};
  std::array<bool, kSize> cut_{};
};

// Messages that go out of one socket together. The packets must live until they are sent.
class SendBatch {
 public:
  static constexpr std::size_t kSize = 64;
  enum class Result { kSent, kFull, kFailed };

  void Clear() { count_ = done_ = 0; }
  void Add(Packet& packet);  // At most kSize.
  std::size_t count() const { return count_; }
  bool Done() const { return done_ == count_; }
  // Some or all that are left. kFull: the kernel takes no more now. kFailed: not the next one.
  Result Send(int fd);
  std::size_t Skip() { return done_++; }  // Its index.

 private:
  std::array<mmsghdr, kSize> headers_;
  std::array<iovec, kSize> parts_;
  std::size_t count_ = 0, done_ = 0;
};

class UdpSocket {
 public:
  static constexpr int kMostQuestions = 2000;  // Then another port takes over.

  // `answers`: how many may wait in the kernel. Error: that of a system call.
  static absl::StatusOr<std::unique_ptr<UdpSocket>> Open(const ServerAddress& server, int answers);
  ~UdpSocket();
  UdpSocket(const UdpSocket&) = delete;
  UdpSocket& operator=(const UdpSocket&) = delete;

  int fd() const { return fd_; }
  bool Full() const { return asked_ >= kMostQuestions; }
  int in_flight() const { return in_flight_; }
  std::int64_t opened() const { return opened_; }

  // Gives `packet` a random id that this socket has never had. Not where it is Full().
  std::uint16_t Add(Packet& packet, std::uint32_t flight, Random& random);
  // nullptr: never asked. Valid until the next Add().
  AskedId* Find(std::uint16_t id);
  // Times in nanoseconds.
  void End(std::uint16_t id,
           AskedId::State state,
           bool sent_again,
           std::int64_t first_sent,
           std::int64_t now);

 private:
  UdpSocket(int fd, std::int64_t now);
  std::size_t Slot(std::uint16_t id) const;

  const int fd_;
  const std::int64_t opened_;
  int asked_ = 0;
  int in_flight_ = 0;
  std::vector<AskedId> ids_;  // A hash table with open addressing, at most half full.
};

// A hash of the name, type and class of `message`, which end at `end`.
std::uint32_t QuestionHash(const std::uint8_t* message, std::size_t end);

}  // namespace mailquench::blacklist

#endif  // MAILQUENCH_COMMON_BLACKLIST_UDP_SOCKET_H_
