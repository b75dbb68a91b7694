#include "controller/escalation/failure_log.h"

#include <algorithm>

#include "controller/http/peers.h"

namespace mailquench::controller {

FailureLog::Peer& FailureLog::Find(const std::string& group) {
  const auto found = peers_.find(group);
  if (found != peers_.end()) return found->second;
  if (peers_.size() >= kPeers) {
    peers_.erase(std::min_element(peers_.begin(), peers_.end(), [](const auto& a, const auto& b) {
      return a.second.told < b.second.told;
    }));
  }
  return peers_[group];
}

// A clock that was set back begins a new minute.
bool FailureLog::MayTell(absl::Time now) {
  if (now < begin_ || now - begin_ >= kEach) {
    begin_ = now;
    lines_ = 0;
  }
  return lines_ < kLines;
}

std::int64_t FailureLog::Count(const std::string& address, absl::Time now) {
  const std::lock_guard<std::mutex> lock(mu_);
  Peer& peer = Find(PeerGroup(address));
  ++peer.untold;
  const bool told_lately = now >= peer.told && now - peer.told < kEach;
  if (told_lately || !MayTell(now)) return 0;
  ++lines_;
  peer.told = now;
  const std::int64_t count = peer.untold;
  peer.untold = 0;
  return count;
}

}  // namespace mailquench::controller
