// How long to wait for one server, and how much to ask of it at once.
#ifndef MAILQUENCH_COMMON_BLACKLIST_UDP_PACE_H_
#define MAILQUENCH_COMMON_BLACKLIST_UDP_PACE_H_

#include <cstdint>

namespace mailquench::blacklist {

// Nanoseconds of a clock that nobody sets.
std::int64_t MonotonicNanos();

// The time to wait for an answer, from measured round trips: RFC 6298, with a floor of 50 ms.
class RetryTime {
 public:
  // `most` is also the time while nothing has been measured. Nanoseconds.
  explicit RetryTime(std::int64_t most) : most_(most) {}

  // A round trip of a question that was sent once: with two copies nobody knows which of them was
  // answered (Karn).
  void Sample(std::int64_t trip);
  // A question that was sent again got an answer to each copy: the first was on its way, and came
  // `trip` after it was sent. A resolver that has some answers at once and fetches others teaches
  // us its slow ones in no other way.
  void WasTooShort(std::int64_t trip);

  std::int64_t Get() const;
  // Without the floor, twice: an answer that takes longer is probably lost.
  std::int64_t Probable() const { return 2 * (smooth_ + 4 * variation_); }
  // Of the try number `level`, counted from 0: 1.5 times as long each.
  std::int64_t OfTry(int level) const;

 private:
  const std::int64_t most_;
  std::int64_t smooth_ = 0;
  std::int64_t variation_ = 0;
  std::int64_t floor_ = 0;  // From WasTooShort(); fades with samples.
};

// The number of questions that may wait for their first answer. It shrinks where loss grows with
// it. Loss that the smallest window has too comes from the path, and asking less does not help.
// Loss is seen a retry time late, many round trips near a server: so growth is fast only up to a
// size that every server's socket holds, and then a step a retry time. Times in nanoseconds.
class Window {
 public:
  static constexpr int kLeast = 16;
  explicit Window(int most);

  int size() const { return static_cast<int>(size_); }
  // The first try was answered; `full`: the window was in use.
  void Answered(bool full, std::int64_t now, std::int64_t retry_time);
  // The first try was not answered in time.
  void Lost(std::int64_t now, std::int64_t retry_time);

 private:
  bool Congested() const;
  void Count(double lost);

  const double most_;
  double size_;
  double limit_;           // Where there was congestion last.
  bool doubling_ = true;   // Once around; until there was congestion.
  double loss_ = 0;        // Share of first tries, over the last few hundred.
  double path_loss_ = 0;   // What of it is not ours.
  int at_least_ = 0;       // First tries counted since the window is the smallest.
  std::int64_t grow_ = 0;  // When the next step may be.
  std::int64_t shrink_ = 0;
};

}  // namespace mailquench::blacklist

#endif  // MAILQUENCH_COMMON_BLACKLIST_UDP_PACE_H_
