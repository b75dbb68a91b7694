#include "tests/simulation/exchange/listeners.h"

#include <algorithm>
#include <vector>

#include "tests/simulation/common/line_socket.h"
#include "tests/simulation/exchange/access.h"

namespace mailquench::simulation::exchange {

void Listeners::Follow() {
  const auto wanted = BindingsOf(*service_.SettingsNow(), service_.role());
  for (auto it = sockets_.begin(); it != sockets_.end();) {
    const bool stays = std::find(wanted.begin(), wanted.end(), it->first) != wanted.end();
    it = stays ? std::next(it) : sockets_.erase(it);
  }
  for (const auto& binding : wanted) {
    if (sockets_.count(binding) != 0) continue;
    os::Socket socket = ListenOn(binding.first, binding.second);
    if (socket.valid()) sockets_[binding] = std::move(socket);  // Else at the next look.
  }
}

void Listeners::Start() {
  ended_ = false;
  Follow();
  thread_ = std::thread([this] {
    while (!ended_) {
      std::vector<os::SocketHandle> handles;
      for (const auto& entry : sockets_) handles.push_back(entry.second.get());
      acceptor_.Look(handles);
      Follow();
    }
  });
}

void Listeners::Stop() {
  if (ended_.exchange(true)) return;
  thread_.join();
  acceptor_.Join();
  sockets_.clear();
}

}  // namespace mailquench::simulation::exchange
