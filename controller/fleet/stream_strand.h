// Work off the reaction threads, in order per key: gRPC's callback pool is small and must never
// wait for a disk.
#ifndef MAILQUENCH_CONTROLLER_FLEET_STREAM_STRAND_H_
#define MAILQUENCH_CONTROLLER_FLEET_STREAM_STRAND_H_

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace mailquench::controller {

// A fixed set of threads. All work of one key runs on the same thread, in the order in which it was
// posted; a key that is slow delays only those that share its thread. Not bounded by itself: each
// stream posts its next message only when the one before was handled, so that a queue holds at most
// a few entries per live stream. Thread-safe.
class StreamStrand {
 public:
  explicit StreamStrand(int threads);
  ~StreamStrand();  // Stop()
  StreamStrand(const StreamStrand&) = delete;
  StreamStrand& operator=(const StreamStrand&) = delete;

  void Post(const std::string& key, std::function<void()> work);
  // Runs what is queued, then joins; what is posted later is dropped. Not from within posted work.
  void Stop();

 private:
  struct Lane {
    std::mutex mu;
    std::condition_variable changed;
    std::deque<std::function<void()>> queue;  // Guarded by mu.
    bool stopping = false;                    // Guarded by mu.
    std::thread thread;
  };
  static void Run(Lane* lane);
  std::vector<std::unique_ptr<Lane>> lanes_;  // Written only by the constructor.
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_FLEET_STREAM_STRAND_H_
