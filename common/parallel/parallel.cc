#include "common/parallel/parallel.h"

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>

namespace mailquench {

void RunTogether(const std::vector<std::function<void()>>& tasks, int width) {
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < tasks.size(); i = next++) tasks[i]();
  };
  std::vector<std::thread> threads;
  const std::size_t helpers = std::min(tasks.size(), static_cast<std::size_t>(std::max(width, 1))) -
                              (tasks.empty() ? 0 : 1);
  try {
    while (threads.size() < helpers) threads.emplace_back(work);
  } catch (const std::system_error&) {  // No more threads; the ones there are do it all.
  }
  work();
  for (std::thread& thread : threads) thread.join();
}

}  // namespace mailquench
