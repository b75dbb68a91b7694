// Random bits that nobody guesses, from the kernel, fetched many at a time.
#ifndef MAILQUENCH_COMMON_BLACKLIST_UDP_RANDOM_H_
#define MAILQUENCH_COMMON_BLACKLIST_UDP_RANDOM_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace mailquench::blacklist {

// Belongs to one thread. A kernel without random numbers ends the process: an id that can be
// guessed is worse than no question.
class Random {
 public:
  // Whether the kernel has any; asked once, before the first use.
  static bool Works();

  std::uint8_t Byte();
  std::uint16_t Id() { return static_cast<std::uint16_t>(Byte() << 8 | Byte()); }
  bool Bit();

 private:
  std::array<std::uint8_t, 4096> pool_{};
  std::size_t used_ = sizeof pool_;
  std::uint8_t bits_ = 0;
  int bits_left_ = 0;
};

}  // namespace mailquench::blacklist

#endif  // MAILQUENCH_COMMON_BLACKLIST_UDP_RANDOM_H_
