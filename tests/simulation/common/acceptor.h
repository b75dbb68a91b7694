// Accepts connections on listeners and serves each on a thread of its own.
#ifndef MAILQUENCH_TESTS_SIMULATION_COMMON_ACCEPTOR_H_
#define MAILQUENCH_TESTS_SIMULATION_COMMON_ACCEPTOR_H_

#include <atomic>
#include <functional>
#include <list>
#include <mutex>
#include <thread>
#include <vector>

#include "common/os/socket.h"

namespace mailquench::simulation {

class Acceptor {
 public:
  using Serve = std::function<void(os::Socket)>;
  // `ended` ends it, and must end each session.
  Acceptor(const std::atomic<bool>& ended, Serve serve) : ended_(ended), serve_(std::move(serve)) {}
  ~Acceptor() { Join(); }

  // One look of 100 ms at the listeners. Joins the sessions that are over.
  void Look(const std::vector<os::SocketHandle>& listeners);
  // Waits for all sessions.
  void Join();

 private:
  struct Session {
    std::thread thread;
    std::atomic<bool> over = false;
  };
  const std::atomic<bool>& ended_;
  const Serve serve_;
  std::mutex mu_;
  std::list<Session> sessions_;  // Guarded by mu_.
};

}  // namespace mailquench::simulation

#endif  // MAILQUENCH_TESTS_SIMULATION_COMMON_ACCEPTOR_H_
