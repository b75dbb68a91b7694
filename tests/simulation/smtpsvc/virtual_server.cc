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
  acceptor_.Join();
  (void)metabase_.Write(number_, Property::kServerState, MakeNumber(kStopped));
}

void VirtualServer::Listen() {
  std::vector<os::SocketHandle> handles;
  for (const os::Socket& one : listeners_) handles.push_back(one.get());
  while (!ended_) acceptor_.Look(handles);
}

}  // namespace mailquench::simulation
