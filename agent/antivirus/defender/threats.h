// What Defender has found: its classes MSFT_MpThreat (what it is) and MSFT_MpThreatDetection
// (where, when, and what became of it).
// learn.microsoft.com/en-us/previous-versions/windows/desktop/defender/windows-defender-wmiv2-apis-portal
#ifndef MAILQUENCH_AGENT_ANTIVIRUS_DEFENDER_THREATS_H_
#define MAILQUENCH_AGENT_ANTIVIRUS_DEFENDER_THREATS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/os/wmi.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench::agent::defender {

constexpr char kDefenderNamespace[] = "ROOT\\Microsoft\\Windows\\Defender";

// Of which threats a scan tells.
struct ThreatScope {
  absl::Time begin;                // Of the scan.
  std::vector<std::string> paths;  // Of a scan of paths; none: the whole host.
};

struct Threats {
  std::vector<v1::AntivirusFinding> findings;  // At most kMaxFindings.
  std::int64_t count = 0;                      // All.
  bool unsettled = false;  // Of some it is not known yet what Defender makes of them.
};

// Those that were detected, or changed, since the scan began; and those that were detected before,
// that were not removed, are active still, and lie in the scope: a scan that finds nothing new has
// not cleared them. One finding a path and a name. Errors: as of Wmi.
absl::StatusOr<Threats> ReadThreats(Wmi& wmi, const ThreatScope& scope);

}  // namespace mailquench::agent::defender

#endif  // MAILQUENCH_AGENT_ANTIVIRUS_DEFENDER_THREATS_H_
