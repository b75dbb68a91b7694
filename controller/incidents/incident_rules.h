// The questions about runs on which an incident's state turns. Pure; any thread.
#ifndef MAILQUENCH_CONTROLLER_INCIDENTS_INCIDENT_RULES_H_
#define MAILQUENCH_CONTROLLER_INCIDENTS_INCIDENT_RULES_H_

#include "absl/time/time.h"
#include "mailquench/v1/incidents.pb.h"
#include "mailquench/v1/runs.pb.h"

namespace mailquench::controller {

bool IsContaining(const v1::Operation& operation);
// Every containing step of every host has gone well.
bool AllContained(const v1::Run& run);
// Every host of the run has this block, so that what it names is shut.
bool BlockedEverywhere(const v1::Run& run, const v1::Operation& block);
// Sets the state; time and duration only the first time.
void MarkContained(absl::Time now, v1::Incident* incident);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_INCIDENTS_INCIDENT_RULES_H_
