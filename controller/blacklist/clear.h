// blacklist.clear: the proof at the end of a run that a host is on no list any more.
#ifndef MAILQUENCH_CONTROLLER_BLACKLIST_CLEAR_H_
#define MAILQUENCH_CONTROLLER_BLACKLIST_CLEAR_H_

#include <functional>

#include "common/clock/clock.h"
#include "controller/blacklist/listings.h"
#include "controller/blacklist/watch.h"
#include "mailquench/v1/agent_link.pb.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench::controller {

// Asks the lists about all that mail leaves from on the command's host, and looks at its listings
// that are not cleared yet: again and again until there is neither, or the time that it may wait is
// over. Lists that do not alarm by themselves are left out. Outcomes: succeeded; failed with
// FAILED_PRECONDITION/STILL_LISTED or UNAVAILABLE/NOT_KNOWN; cancelled. Blocks.
v1::OperationReport ClearOfLists(BlacklistWatch* watch,
                                 Listings* listings,
                                 const v1::Command& command,
                                 const std::function<bool()>& go_on);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_BLACKLIST_CLEAR_H_
