// Where one changed record has arrived: at each name server of its zone, and in the caches of
// chosen resolvers.
#ifndef MAILQUENCH_CONTROLLER_MX_WATCH_RECORD_H_
#define MAILQUENCH_CONTROLLER_MX_WATCH_RECORD_H_

#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "controller/mx/lookups.h"
#include "controller/mx/options.h"
#include "mailquench/v1/mx.pb.h"

namespace mailquench::controller::mx {

struct Watched {
  std::vector<v1::ServerHas> servers;
  std::vector<v1::ResolverHas> resolvers;
  std::uint32_t serial = 0;  // Of the primary, or of who stands for it.
  bool arrived = false;      // One server that is up to date has it: the change was made.
  bool former = false;       // One that is up to date has what it was.
  bool complete = false;     // All have it but those that are not waited for.
  std::string error;         // Why the servers are not known.
};

// Asks now. `wanted`: what it shall be; `former`: what it was. `not_waited_for`: names of servers.
// `expire`: when the former record's TTL is over. Blocks; thread-safe. `lookups` may be shared by
// many.
Watched WatchRecord(const Options& options,
                    Lookups* lookups,
                    const v1::SwitchRecord& record,
                    const v1::RecordSet& wanted,
                    const v1::RecordSet& former,
                    const std::vector<std::string>& resolvers,
                    const std::set<std::string>& not_waited_for,
                    absl::Time expire,
                    absl::Time now);

}  // namespace mailquench::controller::mx

#endif  // MAILQUENCH_CONTROLLER_MX_WATCH_RECORD_H_
