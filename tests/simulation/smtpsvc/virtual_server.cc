#include "tests/simulation/smtpsvc/virtual_server.h"

#include "absl/strings/str_cat.h"

namespace mailquench::simulation {
using agent::smtpsvc::Property;
constexpr std::uint32_t kStarted = 2;
constexpr std::uint32_t kStopped = 4;

std::string VirtualServer::Start() {
  if (running_) return "";
  std::string why = ReadSettings();
  for (const auto& [address, port] : settings_.bindings) {
    if (!why.empty()) break;
    listeners_.push_back(ListenOn(address, port));
    if (!listeners_.back().valid())
      why = absl::StrCat("cannot listen on ", address, ":", port, ": ",
                         os::SocketErrorText(os::LastSocketError()));
  }
  if (!why.empty()) {
    listeners_.clear();
    (void)metabase_.Write(number_, Property::kServerState, MakeNumber(kStopped));
    return why;
  }
  ended_ = false;
  running_ = true;
  accepting_ = std::thread([this] { Listen(); });
  delivering_ = std::thread([this] { Deliver(); });
  (void)metabase_.Write(number_, Property::kServerState, MakeNumber(kStarted));
  return "";
}

void VirtualServer::Stop() {
  if (!running_.exchange(false)) return;
  ended_ = true;
  accepting_.join();
  delivering_.join();
  listeners_.clear();
  std::list<std::thread> sessions;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    sessions.swap(sessions_);
  }
  for (std::thread& one : sessions) one.join();
  (void)metabase_.Write(number_, Property::kServerState, MakeNumber(kStopped));
}

void VirtualServer::Listen() {
  while (!ended_) {
    std::vector<pollfd> entries(listeners_.size());
    for (std::size_t i = 0; i < entries.size(); ++i) {
      entries[i].fd = listeners_[i].get();
      entries[i].events = POLLIN;
    }
    if (os::PollSockets(entries.data(), entries.size(), 100) <= 0) continue;
    for (const pollfd& one : entries) {
      if ((one.revents & POLLIN) == 0) continue;
      os::Socket peer = os::AcceptFrom(one.fd);
      if (!peer.valid()) continue;
      const std::lock_guard<std::mutex> lock(mu_);
      sessions_.emplace_back([this](os::Socket socket) { Serve(std::move(socket)); },
                             std::move(peer));
    }
  }
}

}  // namespace mailquench::simulation
