// Whether a list is to be believed: what its health questions have said, and what follows.
#ifndef MAILQUENCH_COMMON_BLACKLIST_HEALTH_H_
#define MAILQUENCH_COMMON_BLACKLIST_HEALTH_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/blacklist/subject.h"
#include "common/blacklist/verdict.h"

namespace mailquench::blacklist {

// Kinds of subjects.
struct Families {
  bool ip4 = false, ip6 = false, domain = false;
  bool& Of(Subject::Kind kind) {
    return kind == Subject::Kind::kIp4 ? ip4 : kind == Subject::Kind::kIp6 ? ip6 : domain;
  }
  bool Of(Subject::Kind kind) const {
    return kind == Subject::Kind::kIp4 ? ip4 : kind == Subject::Kind::kIp6 ? ip6 : domain;
  }
  bool Any() const { return ip4 || ip6 || domain; }
};

// What one round of health questions has come to.
struct Probe {
  enum class Sign {
    kGood,
    kWildcard,   // Its clean test point, or a name that nobody can have listed, is listed.
    kRewritten,  // An answer outside 127/8.
    kEmptied,    // Its listed test point is not listed.
    kGone,       // The zone has no SOA or no NS any more.
    kBlocked,    // It refuses to answer us; `why` says more.
    kSilent,     // No answer at all.
  };
  absl::Time time;
  Sign sign = Sign::kSilent;
  Why why = Why::kRefused;
  std::string reason;        // Of all but kGood: one clause.
  Families proven;           // Of these a listed test point is there: it is not empty.
  Families answered;         // Of these one was asked and answered, whatever it said.
  std::uint32_t serial = 0;  // Of the SOA; 0: not learnt.
  std::vector<std::string> name_servers;
};

enum class HealthState {
  kUnknown,  // Not asked yet.
  kWell,
  kSuspect,      // One soft sign: CLEAN is not believed.
  kQuarantined,  // Nothing is believed.
  kSilent,       // Does not answer.
  kBlocked,      // Refuses to answer us.
};

const char* HealthStateName(HealthState state);  // "well"

struct ListHealth {
  HealthState state = HealthState::kUnknown;
  std::string reason;
  Why why = Why::kRefused;  // Of kBlocked.
  absl::Time since = absl::InfinitePast();
  absl::Time probed = absl::InfinitePast();
  Families proven;  // As of the last good probe.
  int soft = 0;     // Soft signs in a row.
  int good = 0;     // Good probes in a row since the quarantine.
  std::uint32_t serial = 0;
  absl::Time serial_since = absl::InfinitePast();
  std::vector<std::string> name_servers;  // As last seen.
};

// The state after a probe. A family that was proven before and is not any more was emptied.
// Quarantined at once on a wildcard or a rewrite, after two soft signs
// (emptied, gone) in a row; well again after three good probes in a row.
ListHealth After(const ListHealth& before, const Probe& probe);

// What a finding is worth: LISTED only counts from a list that is not quarantined, CLEAN only from
// one that is well and has shown that it is not empty of such subjects.
Finding Weigh(Finding finding, const ListHealth& health, Subject::Kind kind);

}  // namespace mailquench::blacklist

#endif  // MAILQUENCH_COMMON_BLACKLIST_HEALTH_H_
