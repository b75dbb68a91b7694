// The link of an Exchange fleet within one process.
#include <utility>

#include "tests/e2e/exchange_fleet.h"

namespace mailquench::fleet {

bool FleetWire::IsOnline(const std::string& host) {
  const std::lock_guard<std::mutex> lock(mu_);
  return online_.count(host) != 0;
}

bool FleetWire::Send(const std::string& host, const v1::ControllerMessage& message) {
  const std::lock_guard<std::mutex> lock(mu_);
  if (online_.count(host) == 0) return false;
  if (message.has_command() && held_ && held_(message.command())) return false;
  agents_.at(host)->Receive(message);
  return true;
}

void FleetWire::Disconnect(const std::string& host, const std::string& /*reason*/) {
  const std::lock_guard<std::mutex> lock(mu_);
  online_.erase(host);
}

bool FleetWire::Tell(const std::string& host,
                     const std::function<void(controller::AgentEvents&)>& say) {
  const std::shared_lock<std::shared_mutex> there(controller_mu_);
  std::mutex* one = nullptr;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    if (events_ == nullptr || online_.count(host) == 0) return false;
    one = one_.at(host).get();
  }
  const std::lock_guard<std::mutex> lock(*one);
  say(*events_);
  return true;
}

void FleetWire::Add(const std::string& host, ExchangeAgent* agent) {
  const std::lock_guard<std::mutex> lock(mu_);
  agents_[host] = agent;
  one_[host] = std::make_unique<std::mutex>();
}

void FleetWire::SetOnline(const std::string& host, bool online) {
  if (!online) {
    bool was = false;
    {
      const std::lock_guard<std::mutex> lock(mu_);
      was = online_.erase(host) != 0;
    }
    const std::shared_lock<std::shared_mutex> there(controller_mu_);
    if (was && events_ != nullptr) events_->OnDisconnected(host);
    return;
  }
  const std::lock_guard<std::mutex> lock(mu_);
  online_.insert(host);
}

void FleetWire::SetController(controller::AgentEvents* events) {
  const std::unique_lock<std::shared_mutex> nobody(controller_mu_);
  events_ = events;
}

void FleetWire::Hold(std::function<bool(const v1::Command&)> held) {
  const std::lock_guard<std::mutex> lock(mu_);
  held_ = std::move(held);
}

}  // namespace mailquench::fleet
