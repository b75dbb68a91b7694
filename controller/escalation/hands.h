// What the escalator may have done, and what it may know. The core implements it.
#ifndef MAILQUENCH_CONTROLLER_ESCALATION_HANDS_H_
#define MAILQUENCH_CONTROLLER_ESCALATION_HANDS_H_

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/fleet/fleet_copy.h"
#include "mailquench/v1/blacklist.pb.h"
#include "mailquench/v1/escalation.pb.h"
#include "mailquench/v1/fleet.pb.h"
#include "mailquench/v1/incidents.pb.h"
#include "mailquench/v1/runs.pb.h"

namespace mailquench::controller {

// Thread-safe. `actor` is who it is done for: "rule:NAME" or the person who approved.
class EscalationHands {
 public:
  virtual ~EscalationHands() = default;
  virtual FleetCopy FleetOfNow() = 0;  // Without what each can do.
  virtual absl::StatusOr<std::vector<v1::Operation>> OperationsFor(
      const v1::PlanRunRequest& request) = 0;
  // Host id: the run that goes on there.
  virtual absl::StatusOr<std::map<std::string, std::string>> BusyHosts() = 0;
  // Host id: the newest open incident that covers it.
  virtual absl::StatusOr<std::map<std::string, std::string>> IncidentsOfHosts() = 0;
  virtual absl::StatusOr<std::vector<v1::Incident>> OpenIncidentsNow() = 0;
  virtual absl::StatusOr<std::vector<v1::Listing>> ListingsNow() = 0;  // Not cleared, and alarming.

  // Asks the agents unless request.skip_agents; then it blocks for some seconds.
  virtual absl::StatusOr<v1::Plan> PlanFor(const v1::PlanRunRequest& request,
                                           const std::string& actor) = 0;
  virtual absl::StatusOr<v1::Run> StartFor(const v1::StartRunRequest& request,
                                           const std::string& actor) = 0;
  virtual absl::StatusOr<v1::Run> RunNow(const std::string& run_id) = 0;
  // The same request id is the same incident.
  virtual absl::StatusOr<v1::Incident> OpenFor(const std::string& title,
                                               const std::string& request_id,
                                               const std::string& actor) = 0;
  virtual absl::Status NoteFor(const std::string& incident_id,
                               const std::string& text,
                               const std::string& actor) = 0;
  virtual absl::Status AuditFor(const std::string& actor,
                                const std::string& action,
                                const std::string& detail_json) = 0;
  // `work` as one change of the store, incidents locked first.
  virtual absl::Status AsOne(const std::function<absl::Status()>& work) = 0;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_ESCALATION_HANDS_H_
