// A list that lists much of a fleet at once, alone: more likely it is ill than the fleet.
// (spamcop.net expired in January 2021 and listed everything for hours.)
#ifndef MAILQUENCH_COMMON_BLACKLIST_ANOMALY_H_
#define MAILQUENCH_COMMON_BLACKLIST_ANOMALY_H_

#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/blacklist/catalogue.h"
#include "common/blacklist/subject.h"

namespace mailquench::blacklist {

// Takes the believed answers of one sweep, then names the zones to suspect. One thread.
class AnomalyWatch {
 public:
  // `known`: this zone had listed this subject before the sweep.
  void Add(const List& list, const Subject& subject, bool listed, bool known);

  struct Suspect {
    std::string zone;
    std::string why;  // One clause, with the numbers.
  };
  // At least 4 networks that have nothing to do with each other (IPv4 /24, IPv6 /48, domain) became
  // listed, they are at least half of those asked, and of the other operators' lists that were
  // asked about them too, few agree.
  std::vector<Suspect> Suspects() const;

 private:
  struct Zone {
    std::string operator_name;
    std::set<std::string> asked;   // Networks.
    std::set<std::string> listed;  // Those that became listed.
  };
  std::map<std::string, Zone> zones_;
  // Operators that list this network, from before or now.
  std::map<std::string, std::set<std::string>> listed_by_;
};

// The network of a subject: "192.0.2.0/24", "2001:db8::/48", the domain.
std::string NetworkOf(const Subject& subject);

}  // namespace mailquench::blacklist

#endif  // MAILQUENCH_COMMON_BLACKLIST_ANOMALY_H_
