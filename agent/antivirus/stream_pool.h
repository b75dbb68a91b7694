// Several scanners at once over one flow of messages or files, and what becomes of the flow when
// the product behind them dies.
#ifndef MAILQUENCH_AGENT_ANTIVIRUS_STREAM_POOL_H_
#define MAILQUENCH_AGENT_ANTIVIRUS_STREAM_POOL_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/antivirus/antivirus.h"
#include "agent/antivirus/work_context.h"

namespace mailquench::agent {

// Add() and Finish() are called by one thread. A scanner that ends is opened again, for `patience`
// at most, and what it was reading is read once more, alone; what makes it end a second time was
// not scanned. The same of one that lacks memory or disk (kResourceExhausted): what makes it say so
// twice was not scanned, unless a few bytes are too much for it as well. Where none can be opened
// any more, or it judges nothing any more, the pool has failed, and nothing else is judged.
class StreamPool {
 public:
  struct Job {
    std::unique_ptr<ByteStream> stream;
    std::int64_t bytes = -1;
    // Called on a thread of the pool, one at a time. Not called where the pool fails or is stopped
    // before a verdict.
    std::function<void(const Verdict&)> done;
  };

  // `product` and `context` must outlive it.
  StreamPool(Antivirus& product, const WorkContext& context, absl::Duration patience);
  // Stops, and waits for its threads.
  ~StreamPool();
  StreamPool(const StreamPool&) = delete;
  StreamPool& operator=(const StreamPool&) = delete;

  // Waits for room. Errors: why the pool has failed, those of the context.
  absl::Status Add(Job job);
  // Waits until every job is done. The same errors.
  absl::Status Finish();

 private:
  void Work();
  absl::StatusOr<Verdict> Judge(Job& job, std::unique_ptr<StreamScanner>& scanner);
  absl::Status Open(std::unique_ptr<StreamScanner>& scanner);
  absl::Status Probe(std::unique_ptr<StreamScanner>& scanner);
  absl::Status Stop(const absl::Status& why);

  Antivirus& product_;
  const WorkContext& context_;
  const absl::Duration patience_;
  std::atomic<bool> stop_ = false;
  std::mutex alone_;  // Held while something is read a second time.
  std::mutex mu_;     // Guards what follows.
  std::condition_variable work_, room_;
  std::deque<Job> waiting_;
  int busy_ = 0;
  bool closed_ = false;
  absl::Status failed_;
  std::mutex done_mu_;  // One `done` at a time.
  std::vector<std::thread> threads_;
};

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_ANTIVIRUS_STREAM_POOL_H_
