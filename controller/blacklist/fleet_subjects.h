// What of the fleet is looked up on blacklists: the addresses that its mail leaves from, and its
// mail domains.
#ifndef MAILQUENCH_CONTROLLER_BLACKLIST_FLEET_SUBJECTS_H_
#define MAILQUENCH_CONTROLLER_BLACKLIST_FLEET_SUBJECTS_H_

#include <string>
#include <vector>

#include "common/blacklist/subject.h"
#include "mailquench/v1/fleet.pb.h"

namespace mailquench::controller {

struct FleetSubject {
  blacklist::Subject subject;
  std::vector<std::string> host_ids;
  std::vector<std::string> host_names;
  std::string helo;        // Of an address: what the first of its hosts says in HELO.
  bool reported = false;   // By an agent alone; no operator has set it.
  bool confirmed = false;  // A probe from outside found one of its hosts there.
  std::string skipped;     // Why it is not asked; empty: it is.
};

// Each subject once, in order, with all its hosts that are active. What an operator has set for a
// host stands instead of what its agent reports (a host behind NAT does not know its address).
// Addresses that nobody outside can see are skipped unless `with_private`.
std::vector<FleetSubject> SubjectsOf(const std::vector<v1::Host>& hosts, bool with_private);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_BLACKLIST_FLEET_SUBJECTS_H_
