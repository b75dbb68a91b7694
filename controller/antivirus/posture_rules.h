// What a host's antivirus is worth, from what its agent said last.
#ifndef MAILQUENCH_CONTROLLER_ANTIVIRUS_POSTURE_RULES_H_
#define MAILQUENCH_CONTROLLER_ANTIVIRUS_POSTURE_RULES_H_

#include <string>

#include "absl/time/time.h"
#include "mailquench/v1/antivirus.pb.h"
#include "mailquench/v1/fleet.pb.h"

namespace mailquench::controller {

struct AntivirusPolicy {
  absl::Duration max_signature_age = absl::Hours(48);
};

struct HostPosture {
  v1::PostureState state = v1::POSTURE_STATE_UNKNOWN;
  std::string why;                                          // One clause.
  v1::PostureState before = v1::POSTURE_STATE_UNSPECIFIED;  // Of one that is unreachable.
};

// Findings come first: an infected host stays one while its agent is away. Of several resident
// products the best counts; a second opinion protects nobody and is left out. Thread-safe.
HostPosture PostureOf(const v1::Host& host,
                      const v1::HostAntivirus& known,
                      const AntivirusPolicy& policy,
                      absl::Time now);

// Whether a person's waiver holds at `now`.
bool IsWaived(const v1::HostAntivirus& known, absl::Time now);

// What stands in the way of putting settings back on this host: findings, stale signatures, a
// protection that is off. What is not known, or not there, does not: "" then.
std::string RestoreBlocker(const v1::Host& host,
                           const v1::HostAntivirus& known,
                           const AntivirusPolicy& policy,
                           absl::Time now);

// "up-to-date", "stale", "not-enrolled"
std::string PostureName(v1::PostureState state);
// Lower is worse; for the order of a table.
int PostureRank(v1::PostureState state);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_ANTIVIRUS_POSTURE_RULES_H_
