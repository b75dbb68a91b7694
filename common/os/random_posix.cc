#include <sys/random.h>

#include <cerrno>

#include "common/os/random.h"

namespace mailquench::os {

bool FillRandom(void* bytes, std::size_t size) {
  for (std::size_t have = 0; have < size;) {
    const ssize_t got = ::getrandom(static_cast<char*>(bytes) + have, size - have, 0);
    if (got < 0 && errno != EINTR) return false;
    if (got > 0) have += static_cast<std::size_t>(got);
  }
  return true;
}

}  // namespace mailquench::os
