#include "common/blacklist/udp_pace.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>

namespace mailquench::blacklist {
namespace {

constexpr std::int64_t kFloor = 50'000'000;
constexpr double kBackOff = 1.5;
constexpr double kStart = 32;
// Linux gives a socket 208 KiB unless told otherwise: of 112 questions at once rbldnsd lost none,
// of 128 some.
constexpr double kEveryServer = 96;
constexpr double kMemory = 512;  // First tries over which the loss is smoothed.
constexpr double kSomeLoss = 0.005;

}  // namespace

std::int64_t MonotonicNanos() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void RetryTime::Sample(std::int64_t trip) {
  if (smooth_ == 0) {
    smooth_ = std::max<std::int64_t>(trip, 1);
    variation_ = trip / 2;
    return;
  }
  variation_ += (std::abs(smooth_ - trip) - variation_) / 4;
  smooth_ += (trip - smooth_) / 8;
  floor_ -= floor_ / 1024;
}

void RetryTime::WasTooShort(std::int64_t trip) {
  floor_ = std::max(floor_, trip + trip / 2);
}

std::int64_t RetryTime::Get() const {
  if (smooth_ == 0) return most_;
  return std::min(most_, std::max({kFloor, floor_, smooth_ + 4 * variation_}));
}

std::int64_t RetryTime::OfTry(int level) const {
  const double wait = static_cast<double>(Get()) * std::pow(kBackOff, level);
  return wait < static_cast<double>(most_) ? static_cast<std::int64_t>(wait) : most_;
}

Window::Window(int most)
    : most_(std::max(most, kLeast)), size_(std::min(kStart, most_)), limit_(most_) {}

bool Window::Congested() const {
  return loss_ > 3 * path_loss_ + kSomeLoss;
}

void Window::Count(double lost) {
  loss_ += (lost - loss_) / kMemory;
  if (size_ > kLeast) {
    at_least_ = 0;
    // Slowly: by chance it is small now and then.
    if (loss_ < path_loss_)
      path_loss_ += (loss_ - path_loss_) / (32 * kMemory);
    else if (path_loss_ > kSomeLoss && !Congested())
      path_loss_ += (loss_ - path_loss_) / (256 * kMemory);
  } else if (++at_least_ > kMemory / 2) {
    // What came from a larger window has mostly faded: this loss is the path's, and so was what
    // seemed to be congestion.
    path_loss_ = loss_;
    limit_ = most_;
    doubling_ = true;
  }
}

void Window::Answered(bool full, std::int64_t now, std::int64_t retry_time) {
  Count(0);
  if (!full || Congested()) return;
  if (doubling_ && size_ < kEveryServer) {
    size_ += 1;
  } else if (now >= grow_) {
    size_ += size_ < 0.8 * limit_ ? size_ / 16 : 1;
    grow_ = now + retry_time;
  }
  size_ = std::min(size_, most_);
}

void Window::Lost(std::int64_t now, std::int64_t retry_time) {
  Count(1);
  if (!Congested() || now < shrink_) return;
  doubling_ = false;
  limit_ = size_;
  size_ = std::max<double>(kLeast, size_ / 2);
  shrink_ = grow_ = now + 2 * retry_time;  // What the smaller window does is seen after that.
}

}  // namespace mailquench::blacklist
