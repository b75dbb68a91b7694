// One connected UDP socket, that is one source port, and the ids that were asked from it.
#ifndef MAILQUENCH_COMMON_BLACKLIST_UDP_SOCKET_H_
#define MAILQUENCH_COMMON_BLACKLIST_UDP_SOCKET_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "common/blacklist/resolver_address.h"
#include "common/blacklist/resolver_codec.h"
#include "common/blacklist/udp_random.h"
#include "common/os/socket.h"

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

class UdpSocket {
 public:
  static constexpr int kMostQuestions = 2000;  // Then another port takes over.

  // `answers`: how many may wait in the kernel. Error: that of a system call.
  static absl::StatusOr<std::unique_ptr<UdpSocket>> Open(const ServerAddress& server, int answers);
  UdpSocket(const UdpSocket&) = delete;
  UdpSocket& operator=(const UdpSocket&) = delete;

  os::SocketHandle handle() const { return socket_.get(); }
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
  UdpSocket(os::Socket socket, std::int64_t now);
  std::size_t Slot(std::uint16_t id) const;

  const os::Socket socket_;
  const std::int64_t opened_;
  int asked_ = 0;
  int in_flight_ = 0;
  std::vector<AskedId> ids_;  // A hash table with open addressing, at most half full.
};

// A hash of the name, type and class of `message`, which end at `end`.
std::uint32_t QuestionHash(const std::uint8_t* message, std::size_t end);

}  // namespace mailquench::blacklist

#endif  // MAILQUENCH_COMMON_BLACKLIST_UDP_SOCKET_H_
