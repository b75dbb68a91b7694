// The seam to time.
#ifndef MAILQUENCH_COMMON_CLOCK_CLOCK_H_
#define MAILQUENCH_COMMON_CLOCK_CLOCK_H_

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace mailquench {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() = 0;
  virtual void Sleep(absl::Duration duration) = 0;
};

class SystemClock final : public Clock {
 public:
  absl::Time Now() override { return absl::Now(); }
  void Sleep(absl::Duration duration) override { absl::SleepFor(duration); }
};

}  // namespace mailquench

#endif  // MAILQUENCH_COMMON_CLOCK_CLOCK_H_
