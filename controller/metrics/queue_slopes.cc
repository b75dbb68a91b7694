#include "controller/metrics/queue_slopes.h"

namespace mailquench::controller {
namespace {
constexpr absl::Duration kWindow = absl::Minutes(3);
constexpr absl::Duration kLeastSpan = absl::Seconds(5);
constexpr std::size_t kMostBeats = 256;
constexpr double kEmptied = 2;  // To less than the half from one beat to the next.
}  // namespace

void QueueSlopes::Add(const std::string& host_id,
                      absl::Time time,
                      std::int64_t queued,
                      absl::Time now) {
  const std::lock_guard<std::mutex> lock(mu_);
  Host& host = hosts_[host_id];
  host.offset = time - now;
  if (queued < 0) return;
  std::deque<Beat>& beats = host.beats;
  const auto count = static_cast<double>(queued);
  if (!beats.empty() && (time <= beats.back().time || count * kEmptied < beats.back().queued))
    beats.clear();
  beats.push_back({time, count});
  while (beats.size() > kMostBeats || time - beats.front().time > kWindow) beats.pop_front();
  host.counted = now;
}

std::optional<double> QueueSlopes::Slope(const std::string& host_id, absl::Time now) const {
  const std::lock_guard<std::mutex> lock(mu_);
  const auto found = hosts_.find(host_id);
  if (found == hosts_.end() || now - found->second.counted > kWindow) return std::nullopt;
  const std::deque<Beat>& beats = found->second.beats;
  if (beats.size() < 2 || beats.back().time - beats.front().time < kLeastSpan) return std::nullopt;
  double mean_time = 0;
  double mean_queued = 0;
  const auto seconds = [&](const Beat& beat) {
    return absl::ToDoubleSeconds(beat.time - beats.front().time);
  };
  for (const Beat& beat : beats) {
    mean_time += seconds(beat) / static_cast<double>(beats.size());
    mean_queued += beat.queued / static_cast<double>(beats.size());
  }
  double products = 0;
  double squares = 0;
  for (const Beat& beat : beats) {
    const double from_mean = seconds(beat) - mean_time;
    products += from_mean * (beat.queued - mean_queued);
    squares += from_mean * from_mean;
  }
  return products / squares;  // Not 0: the beats span some time.
}

std::optional<absl::Duration> QueueSlopes::ClockOffset(const std::string& host_id) const {
  const std::lock_guard<std::mutex> lock(mu_);
  const auto found = hosts_.find(host_id);
  if (found == hosts_.end()) return std::nullopt;
  return found->second.offset;
}

void QueueSlopes::Keep(const std::function<bool(const std::string& host_id)>& wanted) {
  const std::lock_guard<std::mutex> lock(mu_);
  std::erase_if(hosts_, [&](const auto& one) { return !wanted(one.first); });
}

}  // namespace mailquench::controller
