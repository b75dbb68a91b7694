#include "controller/fleet/stream_strand.h"

#include <utility>

namespace mailquench::controller {

StreamStrand::StreamStrand(int threads) {
  for (int i = 0; i < threads; ++i) {
    lanes_.push_back(std::make_unique<Lane>());
    Lane* lane = lanes_.back().get();
    lane->thread = std::thread([lane] { Run(lane); });
  }
}

StreamStrand::~StreamStrand() {
  Stop();
}

void StreamStrand::Stop() {
  for (auto& lane : lanes_) {
    std::lock_guard<std::mutex> lock(lane->mu);
    lane->stopping = true;
    lane->changed.notify_all();
  }
  for (auto& lane : lanes_) {
    if (lane->thread.joinable()) lane->thread.join();
  }
}

void StreamStrand::Post(const std::string& key, std::function<void()> work) {
  Lane* lane = lanes_[std::hash<std::string>{}(key) % lanes_.size()].get();
  std::lock_guard<std::mutex> lock(lane->mu);
  if (lane->stopping) return;
  lane->queue.push_back(std::move(work));
  lane->changed.notify_one();
}

void StreamStrand::Run(Lane* lane) {
  std::unique_lock<std::mutex> lock(lane->mu);
  while (true) {
    lane->changed.wait(lock, [&] { return lane->stopping || !lane->queue.empty(); });
    if (lane->queue.empty()) return;
    std::function<void()> work = std::move(lane->queue.front());
    lane->queue.pop_front();
    lock.unlock();
    work();
    work = nullptr;  // Drops what it captured before the lock is taken again.
    lock.lock();
  }
}

}  // namespace mailquench::controller
