// Where one changed record has arrived: at each name server of its zone, and in the caches of
// chosen resolvers.
#ifndef MAILQUENCH_CONTROLLER_MX_WATCH_RECORD_H_
#define MAILQUENCH_CONTROLLER_MX_WATCH_RECORD_H_

#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "controller/dns/serials.h"
#include "controller/mx/lookups.h"
#include "controller/mx/options.h"
#include "mailquench/v1/mx.pb.h"

namespace mailquench::controller::mx {

struct Watched {
  std::vector<v1::ServerHas> servers;
  std::vector<v1::ResolverHas> resolvers;
  std::uint32_t serial = 0;     // Of the primary, or of who stands for it.
  bool arrived = false;         // One server that is up to date has it: the change was made.
  bool former = false;          // One that is up to date has what it was.
  bool complete = false;        // All have it but those that are not waited for.
  bool holds = false;           // As `complete`, whatever their serials.
  bool contrary = false;        // One that is waited for has something else.
  std::uint32_t old_ttl = 0;    // The largest TTL with which a server gives out what it was.
  std::uint32_t cache_ttl = 0;  // The largest that a resolver has left of that.
  std::string error;            // Why the servers are not known, or what is wrong beside the data.
};

// "ns2.example.org/192.0.2.54:53": how a server's check and waiver name one address of it.
std::string ServerKey(const v1::ServerHas& server);
// False: an address of a family that this machine does not speak, of a server that is asked at
// another.
bool IsAsked(const google::protobuf::RepeatedPtrField<v1::ServerHas>& servers,
             const v1::ServerHas& server);

// Asks now. `wanted`: what it shall be; `former`: what it was. `not_waited_for`: see ServerKey().
// `expire`: when the former record's TTL is over. Blocks; thread-safe. `lookups` and
// `memory` are those of one look at many records.
Watched WatchRecord(const Options& options,
                    Lookups* lookups,
                    dns::SerialMemory* memory,
                    const v1::SwitchRecord& record,
                    const v1::RecordSet& wanted,
                    const v1::RecordSet& former,
                    const std::vector<std::string>& resolvers,
                    const std::set<std::string>& not_waited_for,
                    absl::Time expire,
                    absl::Time now);

}  // namespace mailquench::controller::mx

#endif  // MAILQUENCH_CONTROLLER_MX_WATCH_RECORD_H_
