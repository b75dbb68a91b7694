// Changes records in a zone by one atomic dynamic update (RFC 2136) that holds only while the
// records are what the caller believes: nobody's change is lost, and sending it twice is harmless.
#ifndef MAILQUENCH_CONTROLLER_DNS_UPDATE_H_
#define MAILQUENCH_CONTROLLER_DNS_UPDATE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/dns/look.h"

namespace mailquench::controller::dns {

// All records of one name and one type. Values are in presentation format ("192.0.2.1",
// "10 mx2.example.", "\"v=spf1 -all\""), their names absolute; order does not count.
struct Change {
  std::string name;
  std::string type;
  std::vector<std::string> expected;  // Exactly what is there now, whatever its TTL; empty: none.
  std::vector<std::string> wanted;    // What shall be there; empty: none.
  std::uint32_t ttl = 0;              // Seconds, of what is wanted.
};

enum class Done {
  kApplied,  // The server says so, and the signature proves it.
  kAlready,  // The zone had all that is wanted when it was looked at: the update had been sent
             // before and its reply was lost, or somebody else had made the same change.
};

// Sends all changes in one message, signed with the time `now`. Blocks, for the patience twice at
// most; thread-safe.
//
// The conditions: RFC 2136 section 2.4.2 (exactly these values) or 2.4.3 (none), and where records
// are created that no alias is in their place, since a server then passes over them in silence
// (section 3.4.2.2).
//
// Errors, after each of which nothing is changed unless it says otherwise:
//   ABORTED / DNS_CHANGED_ELSEWHERE        it is neither what was expected nor what is wanted; the
//                                          sentence and the metadata ("found") show what is there
//   PERMISSION_DENIED / DNS_REFUSED        the key may not make this change
//   FAILED_PRECONDITION / DNS_NOTAUTH      the server is not the zone's primary
//   UNAUTHENTICATED / DNS_BADKEY, DNS_BADSIG, DNS_BADTRUNC   the server knows no such key; another
//                                          secret. Nothing proves these (RFC 8945 section 5.3.2)
//   FAILED_PRECONDITION / DNS_BADTIME      clocks differ; the sentence has both times and by how
//   much INVALID_ARGUMENT / DNS_NOTZONE, BAD_UPDATE, BAD_NAME, BAD_TYPE, BAD_VALUE, BAD_SERVER,
//                                          UPDATE_TOO_LARGE
//   INTERNAL / DNS_FAILED                  the server's other errors (SERVFAIL, NOTIMP, FORMERR)
//   UNAVAILABLE / DNS_NO_ANSWER            no reply, and the zone is as it was; a copy of the
//   message
//                                          may be under way until five minutes after `now`
//   UNKNOWN / DNS_OUTCOME_UNKNOWN          no proven reply, and the zone could not be looked at
absl::StatusOr<Done> Update(const Primary& primary,
                            const std::vector<Change>& changes,
                            absl::Time now);

}  // namespace mailquench::controller::dns

#endif  // MAILQUENCH_CONTROLLER_DNS_UPDATE_H_
