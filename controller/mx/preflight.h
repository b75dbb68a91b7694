// Whether mail may leave from an address, and arrive there: each reason why receivers would refuse
// it is a check of its own.
#ifndef MAILQUENCH_CONTROLLER_MX_PREFLIGHT_H_
#define MAILQUENCH_CONTROLLER_MX_PREFLIGHT_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/incidents/incident_gates.h"
#include "controller/mx/lookups.h"
#include "controller/mx/options.h"
#include "mailquench/v1/blacklist.pb.h"
#include "mailquench/v1/mx.pb.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench::controller::mx {

// What the controller knows beside DNS. One that is null: its checks are unknown.
struct PreflightHands {
  using OnEvent = std::function<void(const v1::BlacklistCheckEvent&)>;
  std::function<absl::Status(const v1::BlacklistCheckRequest&, const OnEvent&)> lists;
  std::function<absl::StatusOr<AttackGate>(const std::string& incident_id,
                                           const std::vector<std::string>& domains)>
      attack;
  // Asks "address:port" from that host for `actor`, as relay.probe does.
  std::function<absl::StatusOr<v1::ListenerProbe>(
      const std::string& host, const std::string& target, const std::string& actor)>
      probe;
};

struct PreflightWish {
  std::string address;
  std::vector<std::string> domains;  // Plain.
  std::string helo_name;             // Empty: the name of its PTR.
  bool outbound = true;              // Mail is sent from it.
  bool inbound = false;
  std::string incident_id;
  std::string vantage;            // Set: this host asks port 25; else the controller does.
  std::string actor;              // Who wants to know.
  std::uint32_t short_ttl = 300;  // Seconds: a TTL that needs no lowering.
  bool lowers = false;            // The switch itself lowers TTLs and waits.
  // Of MX and addresses that are to be changed, as the primary has them; empty: those of `domains`
  // are asked for.
  std::vector<v1::RecordSet> changing;
};

// Blocks for look-ups, lists and port 25. `lookups` may know of records that are still to come.
// Thread-safe.
std::vector<v1::Check> RunPreflight(const Options& options,
                                    Lookups* lookups,
                                    const PreflightHands& hands,
                                    const PreflightWish& wish,
                                    absl::Time now);

bool Passed(const std::vector<v1::Check>& checks);  // All passed, were waived, or do not apply.
// "spf:a.example (no SPF record), listed:192.0.2.1 (...)", of those that hold it up.
std::string FailedText(const std::vector<v1::Check>& checks);

// The checks' makers, for the files of this room.
v1::Check MakeCheck(const std::string& id,
                    const std::string& subject,
                    v1::CheckState state,
                    const std::string& found,
                    const std::string& remedy = "");
std::vector<v1::Check> ListChecks(const PreflightHands& hands, const PreflightWish& wish);
std::vector<v1::Check> TtlChecks(const Options& options,
                                 Lookups* lookups,
                                 const PreflightWish& wish);

}  // namespace mailquench::controller::mx

#endif  // MAILQUENCH_CONTROLLER_MX_PREFLIGHT_H_
