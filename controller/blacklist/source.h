// What a list's own name servers say: no cache between us and the list can be old.
#ifndef MAILQUENCH_CONTROLLER_BLACKLIST_SOURCE_H_
#define MAILQUENCH_CONTROLLER_BLACKLIST_SOURCE_H_

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "common/blacklist/catalogue.h"
#include "common/blacklist/pacer.h"
#include "common/blacklist/probe.h"
#include "common/blacklist/resolver.h"
#include "common/blacklist/subject.h"

namespace mailquench::controller {

struct SourceOptions {
  int port = 53;
  absl::Duration patience = absl::Seconds(2);
  blacklist::Keys keys;
};

// Asks the zone's name servers (found through `resolver`, at most 4 addresses) directly for the
// subject and for the list's listed test point. true: those that answer say CLEAN, or show other
// components than this one, and the test point is there; false: one shows it; nothing: none of them
// said either. `pacer` counts the questions.
std::optional<bool> CleanAtSource(blacklist::Resolver* resolver,
                                  const blacklist::List& list,
                                  const blacklist::Subject& subject,
                                  const std::string& component,
                                  blacklist::Pacer* pacer,
                                  const SourceOptions& options);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_BLACKLIST_SOURCE_H_
