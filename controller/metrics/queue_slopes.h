// How fast each host's queue grows, from its heartbeats.
#ifndef MAILQUENCH_CONTROLLER_METRICS_QUEUE_SLOPES_H_
#define MAILQUENCH_CONTROLLER_METRICS_QUEUE_SLOPES_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "absl/time/time.h"

namespace mailquench::controller {

// Thread-safe. Its memory is bounded: three minutes, and 256 beats, a host.
class QueueSlopes {
 public:
  // `time` is by the host's clock, `now` by ours; `queued` is -1 where it was not counted. A clock
  // that was set back, and a queue that was emptied, begin anew: what was before says nothing of
  // what is.
  void Add(const std::string& host_id, absl::Time time, std::int64_t queued, absl::Time now);

  // Messages a second, the slope of least squares over the last three minutes of beats. Not known
  // where they span less than five seconds, or the last of them is older than three minutes.
  std::optional<double> Slope(const std::string& host_id, absl::Time now) const;
  // The host's clock less ours at the last beat; it includes the beat's way here.
  std::optional<absl::Duration> ClockOffset(const std::string& host_id) const;

  // Forgets the hosts that are not wanted.
  void Keep(const std::function<bool(const std::string& host_id)>& wanted);

 private:
  struct Beat {
    absl::Time time;
    double queued = 0;
  };
  struct Host {
    std::deque<Beat> beats;  // By rising time.
    absl::Time counted = absl::InfinitePast();
    absl::Duration offset;
  };
  mutable std::mutex mu_;
  std::map<std::string, Host> hosts_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_METRICS_QUEUE_SLOPES_H_
