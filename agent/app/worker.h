// Work on a few threads.
#ifndef MAILQUENCH_AGENT_APP_WORKER_H_
#define MAILQUENCH_AGENT_APP_WORKER_H_

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace mailquench::agent {

// A few threads, a bounded queue. Thread-safe. The destructor ends after the work that has begun;
// what waits is dropped: the journal does not know it, so that the controller learns "never seen".
class Worker {
 public:
  explicit Worker(int threads);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // False where the queue is full. `urgent`: before all that is not.
  bool TryPost(std::function<void()> work, bool urgent = false);

 private:
  void Loop();

  const std::size_t most_;
  std::mutex mu_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;   // Guarded by mu_.
  std::deque<std::function<void()>> urgent_;  // Guarded by mu_.
  bool stopping_ = false;                     // Guarded by mu_.
  std::size_t idle_ = 0;                      // Guarded by mu_. Threads that wait for work.
  std::vector<std::thread> threads_;          // Guarded by mu_. Made when there is work for them.
};

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_APP_WORKER_H_
