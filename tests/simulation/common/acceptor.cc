#include "tests/simulation/common/acceptor.h"

#include <chrono>
#include <utility>

namespace mailquench::simulation {

void Acceptor::Look(const std::vector<os::SocketHandle>& listeners) {
  std::vector<pollfd> entries(listeners.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    entries[i].fd = listeners[i];
    entries[i].events = POLLIN;
  }
  if (entries.empty()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    return;
  }
  const bool ready = os::PollSockets(entries.data(), entries.size(), 100) > 0;
  const std::lock_guard<std::mutex> lock(mu_);
  for (auto it = sessions_.begin(); it != sessions_.end();) {
    if (it->over) it->thread.join();
    it = it->over ? sessions_.erase(it) : std::next(it);
  }
  for (const pollfd& one : entries) {
    if (!ready || ended_ || (one.revents & POLLIN) == 0) continue;
    os::Socket peer = os::AcceptFrom(one.fd);
    if (!peer.valid()) continue;
    Session& session = sessions_.emplace_back();
    session.thread = std::thread(
        [this, &session](os::Socket socket) {
          serve_(std::move(socket));
          session.over = true;
        },
        std::move(peer));
  }
}

void Acceptor::Join() {
  std::list<Session> sessions;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    sessions.swap(sessions_);
  }
  for (Session& one : sessions) one.thread.join();
}

}  // namespace mailquench::simulation
