// A DNS label that nobody has: 18 letters and digits, new each time. Thread-safe.
#ifndef MAILQUENCH_COMMON_BLACKLIST_RANDOM_LABEL_H_
#define MAILQUENCH_COMMON_BLACKLIST_RANDOM_LABEL_H_

#include <random>
#include <string>

namespace mailquench::blacklist {

inline std::string RandomLabel() {
  static constexpr char kLetters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
  std::random_device device;
  std::string label = "mq";
  for (int i = 0; i < 16; ++i) label += kLetters[device() % 36];
  return label;
}

}  // namespace mailquench::blacklist

#endif  // MAILQUENCH_COMMON_BLACKLIST_RANDOM_LABEL_H_
