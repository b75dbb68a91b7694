#include "controller/fleet/fleet_copy.h"

#include <algorithm>
#include <utility>

namespace mailquench::controller {
namespace {

// What is left out is laid aside for the copy, and put back.
void CopyBrief(v1::Host* from, const FleetCopies::Online& online, v1::Host* to) {
  google::protobuf::RepeatedPtrField<v1::Capability> aside;
  const bool lays = from->has_hello();
  if (lays) from->mutable_hello()->mutable_capabilities()->Swap(&aside);
  *to = *from;
  if (lays) from->mutable_hello()->mutable_capabilities()->Swap(&aside);
  to->set_online(online(*to));
}

}  // namespace

void FleetCopies::Rebuild(const Find& find, const Online& online) {
  auto built = std::make_shared<Kept>();
  for (const auto& [id, place] : places_) stale_.insert(id);
  built->hosts.reserve(stale_.size());
  for (const std::string& id : stale_) CopyBrief(find(id), online, &built->hosts.emplace_back());
  std::sort(built->hosts.begin(), built->hosts.end(), [](const v1::Host& a, const v1::Host& b) {
    return a.name() != b.name() ? a.name() < b.name() : a.host_id() < b.host_id();
  });
  places_.clear();
  for (std::size_t i = 0; i < built->hosts.size(); ++i) places_[built->hosts[i].host_id()] = i;
  kept_ = std::move(built);
}

void FleetCopies::Renew(const Find& find, const Online& online) {
  // With `acquire`: whoever had it has read it to the end.
  bool in_place = kept_ != nullptr && !kept_->out.load(std::memory_order_acquire);
  for (auto id = stale_.begin(); in_place && id != stale_.end(); ++id) {
    const auto place = places_.find(*id);
    in_place = place != places_.end() && kept_->hosts[place->second].name() == find(*id)->name();
  }
  if (!in_place) {
    Rebuild(find, online);
  } else {
    for (const std::string& id : stale_) CopyBrief(find(id), online, &kept_->hosts[places_[id]]);
  }
  stale_.clear();
}

FleetCopy FleetCopies::Now(const Find& find, const Online& online) {
  if (kept_ != nullptr) {
    for (const v1::Host& host : kept_->hosts) {
      if (host.online() != online(host)) stale_.insert(host.host_id());
    }
    if (FleetCopy given = kept_->given.lock(); stale_.empty() && given != nullptr) return given;
  }
  Renew(find, online);
  kept_->out.store(true, std::memory_order_relaxed);
  // What is kept knows this copy, and the copy what is kept: it lets go of it with its last user.
  FleetCopy given(&kept_->hosts, [kept = kept_](const std::vector<v1::Host>*) mutable {
    kept->out.store(false, std::memory_order_release);
    kept.reset();
  });
  kept_->given = given;
  return given;
}

}  // namespace mailquench::controller
