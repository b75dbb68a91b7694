// Reverse DNS and HELO of the addresses that mail leaves from: what receivers ask beside any list.
#ifndef MAILQUENCH_COMMON_BLACKLIST_REVERSE_H_
#define MAILQUENCH_COMMON_BLACKLIST_REVERSE_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/blacklist/resolver.h"
#include "common/blacklist/subject.h"

namespace mailquench::blacklist {

struct ReverseWish {
  Subject address;
  std::string helo;  // What the host says in HELO; empty: not known, not looked at.
};

struct ReverseFinding {
  std::string address;
  std::vector<std::string> names;  // Of PTR.
  bool known = true;               // False: DNS gave no answer; nothing below says anything.
  bool confirmed = false;          // One of the names leads back (FCrDNS).
  bool generic = false;            // Its name looks like one of a pool.
  std::string helo;
  bool forward_known = true;  // False: some name could not be looked up.
  bool helo_known = true;
  bool helo_matches = false;        // HELO's name leads to the address (RFC 5321 section 4.1.4).
  std::vector<std::string> faults;  // One sentence each, with what to do.
};

// A name made from the address, or with a word that providers give to dial-up pools.
bool LooksGeneric(const Subject& address, const std::string& name);

// In the order of the wishes. Runs the resolver.
std::vector<ReverseFinding> LookUpReverse(Resolver* resolver,
                                          const std::vector<ReverseWish>& wishes,
                                          absl::Time until);

}  // namespace mailquench::blacklist

#endif  // MAILQUENCH_COMMON_BLACKLIST_REVERSE_H_
