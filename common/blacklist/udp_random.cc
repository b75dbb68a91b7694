#include "common/blacklist/udp_random.h"

#include <sys/random.h>

#include <cerrno>
#include <cstdlib>

namespace mailquench::blacklist {

bool Random::Works() {
  std::uint8_t byte = 0;
  return ::getrandom(&byte, 1, 0) == 1;
}

std::uint8_t Random::Byte() {
  if (used_ == pool_.size()) {
    for (std::size_t have = 0; have < pool_.size();) {
      const ssize_t got = ::getrandom(pool_.data() + have, pool_.size() - have, 0);
      if (got < 0 && errno != EINTR) std::abort();
      if (got > 0) have += static_cast<std::size_t>(got);
    }
    used_ = 0;
  }
  return pool_[used_++];
}

bool Random::Bit() {
  if (bits_left_ == 0) {
    bits_ = Byte();
    bits_left_ = 8;
  }
  --bits_left_;
  return ((bits_ >> bits_left_) & 1) != 0;
}

}  // namespace mailquench::blacklist
