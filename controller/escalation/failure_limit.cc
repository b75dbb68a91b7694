#include "controller/escalation/failure_limit.h"

#include "controller/http/peers.h"

namespace mailquench::controller {

FailureLimit::Peer& FailureLimit::Find(const std::string& group) {
  const auto found = by_group_.find(group);
  if (found != by_group_.end()) {
    peers_.splice(peers_.begin(), peers_, found->second);
    return peers_.front();
  }
  if (peers_.size() >= kPeers) {
    by_group_.erase(peers_.back().group);
    peers_.pop_back();
  }
  peers_.push_front({group, absl::InfinitePast(), 0, absl::InfinitePast()});
  by_group_[group] = peers_.begin();
  return peers_.front();
}

absl::Duration FailureLimit::Fail(const std::string& address, absl::Time now) {
  const std::lock_guard<std::mutex> lock(mu_);
  Peer& peer = Find(PeerGroup(address));
  if (now < peer.limited_until) return peer.limited_until - now;
  // Also where the clock was set back, or the limit has just ended.
  if (peer.limited_until != absl::InfinitePast() || now < peer.begin ||
      now - peer.begin >= kWindow) {
    peer.begin = now;
    peer.failures = 0;
    peer.limited_until = absl::InfinitePast();
  }
  if (++peer.failures <= kFailures) return absl::ZeroDuration();
  peer.limited_until = now + kWindow;
  return kWindow;
}

std::size_t FailureLimit::Peers() {
  const std::lock_guard<std::mutex> lock(mu_);
  return peers_.size();
}

}  // namespace mailquench::controller
