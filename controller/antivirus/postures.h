// Antivirus over the fleet: what each host said, against an inventory of what there should be.
#ifndef MAILQUENCH_CONTROLLER_ANTIVIRUS_POSTURES_H_
#define MAILQUENCH_CONTROLLER_ANTIVIRUS_POSTURES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/clock/clock.h"
#include "controller/antivirus/posture_rules.h"
#include "controller/fleet/hosts.h"
#include "controller/store/store.h"
#include "mailquench/v1/antivirus.pb.h"

namespace mailquench::controller {

// Thread-safe. What it knows is in the store before it counts.
class AntivirusPostures {
 public:
  AntivirusPostures(Store* store, Hosts* hosts, Clock* clock, const AntivirusPolicy& policy)
      : store_(store), hosts_(hosts), clock_(clock), policy_(policy) {}

  // What a report of antivirus.status, .update or .scan says of this host; of others nothing.
  // May come twice. `operation`: what was asked for, null where that is not known. Called inside of
  // the change of the store that takes the report.
  absl::Status Reported(const std::string& host_id,
                        const v1::Operation* operation,
                        const v1::OperationReport& report);

  // Errors: kInvalidArgument (the selector), those of the store.
  absl::StatusOr<v1::Posture> Get(const v1::GetPostureRequest& request);
  // kInvalidArgument/BAD_INVENTORY names the machine; the inventory from before stays.
  absl::StatusOr<v1::ImportInventoryResponse> Import(const v1::ImportInventoryRequest& request,
                                                     const std::string& actor);
  // kNotFound/HOST_NOT_FOUND, kInvalidArgument (NO_REASON, BAD_DURATION).
  absl::StatusOr<v1::PostureRow> Waive(const v1::WaiveHostRequest& request,
                                       const std::string& actor);
  // Why settings are not to be put back on this host; "": nothing stands in the way.
  absl::StatusOr<std::string> Blocker(const std::string& host_id);
  // antivirus.clear, which the controller does itself.
  v1::OperationReport Clear(const v1::Command& command);

 private:
  v1::PostureRow RowOf(const v1::Host& host, const v1::HostAntivirus& known, absl::Time now) const;

  Store* const store_;
  Hosts* const hosts_;
  Clock* const clock_;
  const AntivirusPolicy policy_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_ANTIVIRUS_POSTURES_H_
