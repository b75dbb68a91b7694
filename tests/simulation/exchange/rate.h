// Events a second, averaged over the last minute.
#ifndef MAILQUENCH_TESTS_SIMULATION_EXCHANGE_RATE_H_
#define MAILQUENCH_TESTS_SIMULATION_EXCHANGE_RATE_H_

#include <cstdint>
#include <deque>
#include <utility>

#include "absl/time/time.h"

namespace mailquench::simulation::exchange {

class Rate {
 public:
  void Count(absl::Time now) {
    const std::int64_t second = absl::ToUnixSeconds(now);
    if (seconds_.empty() || seconds_.back().first != second) seconds_.emplace_back(second, 0);
    ++seconds_.back().second;
    Forget(second);
  }
  double PerSecond(absl::Time now) {
    Forget(absl::ToUnixSeconds(now));
    std::int64_t all = 0;
    for (const auto& one : seconds_) all += one.second;
    return static_cast<double>(all) / kWindow;
  }

 private:
  static constexpr std::int64_t kWindow = 60;
  void Forget(std::int64_t now) {
    while (!seconds_.empty() && seconds_.front().first <= now - kWindow) seconds_.pop_front();
  }
  std::deque<std::pair<std::int64_t, std::int64_t>> seconds_;
};

}  // namespace mailquench::simulation::exchange

#endif  // MAILQUENCH_TESTS_SIMULATION_EXCHANGE_RATE_H_
