#include "controller/http/handler_pool.h"

#include <spdlog/spdlog.h>

#include <exception>
#include <utility>

namespace mailquench::controller {
namespace {

void Do(const HandlerPool::Job& job, bool run) {
  try {
    job(run);
  } catch (const std::exception& failure) {
    spdlog::error("HTTPS lost an answer: {}", failure.what());
  } catch (...) {
    spdlog::error("HTTPS lost an answer");
  }
}

}  // namespace

HandlerPool::HandlerPool(int threads) {
  try {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this]() { Work(); });
  } catch (...) {
    Stop();
    throw;
  }
}

void HandlerPool::Add(Job job) {
  {
    const std::lock_guard<std::mutex> lock(mu_);
    if (!stopping_) {
      jobs_.push_back(std::move(job));
      changed_.notify_one();
      return;
    }
  }
  Do(job, false);
}

void HandlerPool::Stop() {
  std::deque<Job> refused;
  std::vector<std::thread> threads;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    stopping_ = true;
    refused.swap(jobs_);
    threads.swap(threads_);
    changed_.notify_all();
  }
  for (const Job& job : refused) Do(job, false);
  for (std::thread& thread : threads) thread.join();
}

void HandlerPool::Work() {
  std::unique_lock<std::mutex> lock(mu_);
  while (true) {
    changed_.wait(lock, [this]() { return stopping_ || !jobs_.empty(); });
    if (stopping_) return;
    const Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    Do(job, true);
    lock.lock();
  }
}

}  // namespace mailquench::controller
