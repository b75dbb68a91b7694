// When a list is asked about a subject again: the more is at stake, the sooner.
#ifndef MAILQUENCH_CONTROLLER_BLACKLIST_SCHEDULE_H_
#define MAILQUENCH_CONTROLLER_BLACKLIST_SCHEDULE_H_

#include <string>

#include "absl/time/time.h"

namespace mailquench::controller {

enum class Pace {
  kQuiet,
  kAttacked,  // Its host is in a fire, or it is listed elsewhere.
  kListed,    // There.
};

const char* PaceName(Pace pace);  // "quiet"

struct Paces {
  absl::Duration quiet = absl::Hours(4);
  absl::Duration attacked = absl::Minutes(15);
  absl::Duration listed = absl::Minutes(30);
  absl::Duration health = absl::Minutes(30);  // Of each list.
  absl::Duration sick = absl::Minutes(10);    // The same, of one that is not well.
  absl::Duration Of(Pace pace) const;
};

// How much of a day's quota may be used at this pace: what is urgent keeps the rest.
double ShareOf(Pace pace);

// `last` + the pace, a tenth earlier or later: which, follows from `key`, so that a fleet's
// questions do not come all at once. InfinitePast where it was never asked.
// A time that has not come yet was of another clock: it counts as never.
absl::Time DueAt(absl::Time last, absl::Duration pace, const std::string& key, absl::Time now);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_BLACKLIST_SCHEDULE_H_
