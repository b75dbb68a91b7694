// Which records must change so that mail goes to and comes from a new address, and how each is
// changed.
#ifndef MAILQUENCH_CONTROLLER_MX_PLAN_H_
#define MAILQUENCH_CONTROLLER_MX_PLAN_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/mx/lookups.h"
#include "controller/mx/options.h"
#include "controller/mx/primaries.h"
#include "mailquench/v1/mx.pb.h"

namespace mailquench::controller::mx {

struct Plan {
  v1::PlanSwitchRequest request;          // With names and addresses in their plain form.
  std::vector<v1::SwitchRecord> records;  // In their order: TTLs, SPF, PTR, addresses, MX.
};

// Asks the primaries, many at the same time; changes nothing. `lookups` knows the records
// that are to come when it returns. Errors: INVALID_ARGUMENT/BAD_DOMAIN, BAD_ADDRESS, BAD_SWITCH;
// NOT_FOUND/ZONE_NOT_CONFIGURED; FAILED_PRECONDITION/NOTHING_TO_SWITCH; those of
// Primaries::Current().
absl::StatusOr<Plan> MakePlan(const Options& options,
                              Lookups* lookups,
                              Primaries* primaries,
                              const v1::PlanSwitchRequest& request,
                              absl::Time now);

// Binds what a person has seen: all that the records and the request say.
std::string PlanHash(const v1::PlanSwitchRequest& request,
                     const std::vector<v1::SwitchRecord>& records);

enum class Drift {
  kBefore,         // Each is as it was planned, with its TTL: nothing was sent yet.
  kBeforeOrAfter,  // Each has what it had, or what it shall have.
};
// Says in the sentence of PLAN_DRIFTED which record is another one now. OK: none. Records that are
// changed by request are not looked at. `made`, may be null: of each whether it has what it shall.
absl::Status CheckDrift(Primaries* primaries,
                        const std::vector<v1::SwitchRecord>& records,
                        Drift drift,
                        absl::Time now,
                        std::vector<bool>* made);

}  // namespace mailquench::controller::mx

#endif  // MAILQUENCH_CONTROLLER_MX_PLAN_H_
