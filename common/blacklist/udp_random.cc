#include "common/blacklist/udp_random.h"

#include <cstdlib>

#include "common/os/random.h"

namespace mailquench::blacklist {

bool Random::Works() {
  std::uint8_t byte = 0;
  return os::FillRandom(&byte, 1);
}

std::uint8_t Random::Byte() {
  if (used_ == pool_.size()) {
    if (!os::FillRandom(pool_.data(), pool_.size())) std::abort();
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
