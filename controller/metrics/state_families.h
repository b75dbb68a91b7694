// Figures of what is going on in the fleet: incidents, lists, escalations.
#ifndef MAILQUENCH_CONTROLLER_METRICS_STATE_FAMILIES_H_
#define MAILQUENCH_CONTROLLER_METRICS_STATE_FAMILIES_H_

#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "controller/metrics/family.h"
#include "mailquench/v1/blacklist.pb.h"
#include "mailquench/v1/escalation.pb.h"
#include "mailquench/v1/incidents.pb.h"

namespace mailquench::controller {

// Each state has its figure, also where that is 0. An obligation is as old as its incident's
// containment, or the incident where there was none.
void AddIncidentFamilies(const std::vector<v1::Incident>& incidents, absl::Time now, Families* out);
void AddListingFamilies(const std::vector<v1::Listing>& listings, Families* out);
// A list whose health is not known has no figure.
void AddHealthFamilies(const std::map<std::string, v1::BlacklistHealth>& health, Families* out);
void AddEscalationFamilies(const std::vector<v1::Escalation>& escalations, Families* out);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_METRICS_STATE_FAMILIES_H_
