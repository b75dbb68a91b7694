// Questions of many lists put to one resolver, each list's as fast as its operator allows.
// Internal to common/blacklist.
#ifndef MAILQUENCH_COMMON_BLACKLIST_LANES_H_
#define MAILQUENCH_COMMON_BLACKLIST_LANES_H_

#include <functional>
#include <vector>

#include "absl/time/time.h"
#include "common/blacklist/catalogue.h"
#include "common/blacklist/pacer.h"
#include "common/blacklist/resolver.h"

namespace mailquench::blacklist {

struct Lane {
  const List* list = nullptr;
  enum class Next {
    kAsked,
    kLater,  // An answer that is on its way may make another one.
    kDone,
  };
  // Gives the resolver the next question.
  std::function<Next()> ask;
  // The day's quota ended before the questions did.
  std::function<void()> no_quota;
};

// Until all is asked and answered, or `until`.
void RunLanes(
    Resolver* resolver, Pacer* pacer, double share, std::vector<Lane> lanes, absl::Time until);

}  // namespace mailquench::blacklist

#endif  // MAILQUENCH_COMMON_BLACKLIST_LANES_H_
