// What the escalator may have done, by the core.
#ifndef MAILQUENCH_CONTROLLER_APP_CORE_HANDS_H_
#define MAILQUENCH_CONTROLLER_APP_CORE_HANDS_H_

#include <map>
#include <string>
#include <vector>

#include "controller/app/core.h"
#include "controller/escalation/hands.h"
#include "controller/fleet/hosts.h"
#include "controller/incidents/incidents.h"
#include "controller/store/store.h"

namespace mailquench::controller {

// What is given outlives it. Thread-safe.
class CoreHands final : public EscalationHands {
 public:
  CoreHands(Core* core, Store* store, Hosts* hosts, Incidents* incidents)
      : core_(core), store_(store), hosts_(hosts), incidents_(incidents) {}

  FleetCopy FleetOfNow() override { return hosts_->Fleet(); }
  absl::StatusOr<std::vector<v1::Operation>> OperationsFor(
      const v1::PlanRunRequest& request) override {
    return core_->OperationsOf(request);
  }
  absl::StatusOr<std::map<std::string, std::string>> BusyHosts() override;
  absl::StatusOr<std::map<std::string, std::string>> IncidentsOfHosts() override;
  absl::StatusOr<std::vector<v1::Incident>> OpenIncidentsNow() override {
    return store_->AllIncidents(false);
  }
  absl::StatusOr<std::vector<v1::Listing>> ListingsNow() override;
  absl::StatusOr<v1::Plan> PlanFor(const v1::PlanRunRequest& request,
                                   const std::string& actor) override {
    return core_->PlanRun(request, actor);
  }
  absl::StatusOr<v1::Run> StartFor(const v1::StartRunRequest& request,
                                   const std::string& actor) override {
    return core_->StartRun(request, actor);
  }
  absl::StatusOr<v1::Run> RunNow(const std::string& run_id) override;
  absl::StatusOr<v1::Incident> OpenFor(const std::string& title,
                                       const std::string& request_id,
                                       const std::string& actor) override;
  absl::Status NoteFor(const std::string& incident_id,
                       const std::string& text,
                       const std::string& actor) override;
  absl::Status AuditFor(const std::string& actor,
                        const std::string& action,
                        const std::string& detail_json) override {
    return core_->Audit(actor, action, detail_json);
  }
  absl::Status AsOne(const std::function<absl::Status()>& work) override {
    return incidents_->Together(work);
  }

 private:
  Core* const core_;
  Store* const store_;
  Hosts* const hosts_;
  Incidents* const incidents_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_APP_CORE_HANDS_H_
