// Random numbers of the system, that nobody guesses.
#ifndef MAILQUENCH_COMMON_OS_RANDOM_H_
#define MAILQUENCH_COMMON_OS_RANDOM_H_

#include <cstddef>

namespace mailquench::os {

// Fills `size` bytes. False: the system has none, and the bytes mean nothing. Thread-safe.
[[nodiscard]] bool FillRandom(void* bytes, std::size_t size);

}  // namespace mailquench::os

#endif  // MAILQUENCH_COMMON_OS_RANDOM_H_
