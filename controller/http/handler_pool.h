// The threads that make answers, so that one that waits for the disk holds up no connection.
#ifndef MAILQUENCH_CONTROLLER_HTTP_HANDLER_POOL_H_
#define MAILQUENCH_CONTROLLER_HTTP_HANDLER_POOL_H_

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace mailquench::controller {

// Thread-safe.
class HandlerPool {
 public:
  // `run` false: the pool stops, and the job is to be refused. What a job throws is logged and ends
  // that job alone.
  using Job = std::function<void(bool run)>;

  explicit HandlerPool(int threads);  // Throws std::system_error where there are no threads.
  ~HandlerPool() { Stop(); }
  HandlerPool(const HandlerPool&) = delete;
  HandlerPool& operator=(const HandlerPool&) = delete;

  // Jobs are as many as there are connections at most. After Stop() the job is refused at once.
  void Add(Job job);
  // Returns when no job runs any more. Jobs that no thread has taken are refused.
  void Stop();

 private:
  void Work();

  std::mutex mu_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::deque<Job> jobs_;
  std::vector<std::thread> threads_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_HTTP_HANDLER_POOL_H_
