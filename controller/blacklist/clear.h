// blacklist.clear: the proof at the end of a run that a host is on no list any more.
#ifndef MAILQUENCH_CONTROLLER_BLACKLIST_CLEAR_H_
#define MAILQUENCH_CONTROLLER_BLACKLIST_CLEAR_H_

#include <optional>

#include "absl/time/time.h"
#include "controller/blacklist/listings.h"
#include "controller/blacklist/watch.h"
#include "mailquench/v1/agent_link.pb.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench::controller {

// One look: asks the lists about all that mail leaves from on the command's host, and looks at the
// listings of these addresses and domains that are not cleared yet. Lists that do not alarm by
// themselves are left out. Nothing: it is worth another look; not where it is the `last`. Outcomes:
// succeeded; failed with FAILED_PRECONDITION/STILL_LISTED or UNAVAILABLE/NOT_KNOWN. Blocks.
std::optional<v1::OperationReport> ClearOfLists(BlacklistWatch* watch,
                                                Listings* listings,
                                                const v1::Command& command,
                                                bool last);

// How long such a command looks, at most.
absl::Duration ClearWait(const v1::Command& command);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_BLACKLIST_CLEAR_H_
