#include "common/blacklist/lanes.h"

#include <algorithm>

#include "absl/time/clock.h"

namespace mailquench::blacklist {
namespace {

constexpr absl::Duration kLook = absl::Milliseconds(2);  // Whether an answer has made a question.

}  // namespace

void RunLanes(
    Resolver* resolver, Pacer* pacer, double share, std::vector<Lane> lanes, absl::Time until) {
  std::size_t next = 0;
  // One question, of the lane whose turn it is; so no list gets all of its questions at once.
  const Resolver::Source source = [&]() -> absl::Time {
    absl::Time soonest = absl::InfiniteFuture();
    const absl::Time now = absl::Now();
    for (std::size_t tried = 0; tried < lanes.size();) {
      next = next < lanes.size() ? next : 0;
      Lane& lane = lanes[next];
      const absl::Time allowed = pacer->Next(*lane.list, now, share);
      if (allowed > now && allowed != absl::InfiniteFuture()) {
        soonest = std::min(soonest, allowed);
        ++next;
        ++tried;
        continue;
      }
      if (allowed <= now) {
        const Lane::Next asked = lane.ask();
        if (asked == Lane::Next::kAsked) pacer->Took(*lane.list, now);
        if (asked == Lane::Next::kLater) soonest = std::min(soonest, now + kLook);
        if (asked != Lane::Next::kDone) ++next;
        if (asked == Lane::Next::kAsked) return absl::InfinitePast();
        if (asked == Lane::Next::kLater) {
          ++tried;
          continue;
        }
      }
      if (allowed > now) lane.no_quota();
      lanes.erase(lanes.begin() + static_cast<std::ptrdiff_t>(next));
      tried = 0;
    }
    return soonest;
  };
  resolver->Run(until, source);
}

}  // namespace mailquench::blacklist
