// What an incident knows of the hosts of one listing, for those who are to take it off.
#ifndef MAILQUENCH_CONTROLLER_BLACKLIST_FACTS_H_
#define MAILQUENCH_CONTROLLER_BLACKLIST_FACTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/store/store.h"

namespace mailquench::controller {

// Instants are InfinitePast where it has not happened.
struct Facts {
  bool incident = false;
  absl::Time contained = absl::InfinitePast();  // The last of the hosts.
  absl::Time locked = absl::InfinitePast();
  absl::Time proved = absl::InfinitePast();  // Every listener was closed, asked from outside.
  std::int64_t set_aside = 0;                // Messages, when they were set aside.
  bool uncounted = false;                    // There were more.
  std::vector<v1::Cause> causes;             // Of these hosts, or of all.
};

// Errors: the store's. A listing without an incident has no facts.
absl::StatusOr<Facts> FactsOf(Store* store, const v1::Listing& listing);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_BLACKLIST_FACTS_H_
