#include "agent/app/worker.h"

#include <system_error>
#include <utility>

namespace mailquench::agent {
namespace {
constexpr std::size_t kMostWaiting = 256;
}  // namespace

Worker::Worker(int threads) : most_(static_cast<std::size_t>(threads)) {}

Worker::~Worker() {
  std::vector<std::thread> threads;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    stopping_ = true;
    threads.swap(threads_);
  }
  changed_.notify_all();
  for (std::thread& thread : threads) thread.join();
}

bool Worker::TryPost(std::function<void()> work, bool urgent) {
  const std::lock_guard<std::mutex> lock(mu_);
  std::deque<std::function<void()>>& queue = urgent ? urgent_ : queue_;
  if (stopping_ || queue.size() >= kMostWaiting) return false;
  if (idle_ <= queue_.size() + urgent_.size() && threads_.size() < most_) {
    try {
      threads_.emplace_back([this] { Loop(); });
    } catch (const std::system_error&) {
      if (threads_.empty()) return false;  // Else those that there are will come to it.
    }
  }
  queue.push_back(std::move(work));
  changed_.notify_one();
  return true;
}

void Worker::Loop() {
  std::unique_lock<std::mutex> lock(mu_);
  while (true) {
    ++idle_;
    changed_.wait(lock, [this] { return stopping_ || !queue_.empty() || !urgent_.empty(); });
    --idle_;
    if (stopping_) return;
    std::deque<std::function<void()>>& queue = urgent_.empty() ? queue_ : urgent_;
    const std::function<void()> work = std::move(queue.front());
    queue.pop_front();
    lock.unlock();
    work();
    lock.lock();
  }
}

}  // namespace mailquench::agent
