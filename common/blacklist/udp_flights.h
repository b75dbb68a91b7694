// What is in flight at one server: a slab of questions, in lists by the try that they wait for.
#ifndef MAILQUENCH_COMMON_BLACKLIST_UDP_FLIGHTS_H_
#define MAILQUENCH_COMMON_BLACKLIST_UDP_FLIGHTS_H_

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "common/blacklist/resolver_codec.h"
#include "common/blacklist/resolver_question.h"
#include "common/blacklist/udp_socket.h"

namespace mailquench::blacklist {

struct Flight {
  static constexpr std::uint32_t kNone = 0xffffffff;
  Question question;
  Packet packet;
  UdpSocket* socket = nullptr;
  std::int64_t first_sent = 0, sent = 0;  // MonotonicNanos().
  std::uint32_t serial = 0;               // Of this use of the place.
  std::uint16_t id = 0;
  int level = 0;        // The list that it is in.
  int copies = 1;       // Packets.
  int refused = 0;      // Of them, by ICMP.
  bool Paused() const;  // After a refusal.
  std::uint32_t before = kNone, after = kNone;
};

// Flights keep their number and their place while they live.
class Flights {
 public:
  // A try that was sent waits in its level; all of one level wait equally long, so that each list
  // is in the order in which they end. Level 0 is the first try. Refused tries have their own, and
  // so have first tries that are probably lost: they wait on, but fill the window no more.
  static constexpr int kTries = 32;
  static constexpr int kRefusals = 8;
  static constexpr int kPassed = kTries + kRefusals;
  static constexpr int kLevels = kPassed + 1;

  // At the end of level 0.
  std::uint32_t Add();
  void Remove(std::uint32_t flight);
  void Move(std::uint32_t flight, int level);  // To the end of that list.

  Flight& operator[](std::uint32_t flight) { return slab_[flight]; }
  std::uint32_t First(int level) const { return lists_[static_cast<std::size_t>(level)].first; }
  int count() const { return count_; }
  int first_tries() const { return first_tries_; }

 private:
  struct List {
    std::uint32_t first = Flight::kNone, last = Flight::kNone;
  };
  void Link(std::uint32_t flight, int level);
  void Unlink(std::uint32_t flight);

  std::deque<Flight> slab_;
  std::vector<std::uint32_t> free_;
  std::array<List, kLevels> lists_;
  int count_ = 0;
  int first_tries_ = 0;
  std::uint32_t serial_ = 0;
};

inline bool Flight::Paused() const {
  return level >= Flights::kTries && level < Flights::kPassed;
}

}  // namespace mailquench::blacklist

#endif  // MAILQUENCH_COMMON_BLACKLIST_UDP_FLIGHTS_H_
