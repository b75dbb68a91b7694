#include <windows.h>
// After windows.h.
#include <bcrypt.h>

#include "common/os/random.h"

namespace mailquench::os {

bool FillRandom(void* bytes, std::size_t size) {
  return ::BCryptGenRandom(nullptr, static_cast<PUCHAR>(bytes), static_cast<ULONG>(size),
                           BCRYPT_USE_SYSTEM_PREFERRED_RNG) >= 0;
}

}  // namespace mailquench::os
