// What the controller's own process uses, under the names that client libraries give it
// (prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics).
#ifndef MAILQUENCH_CONTROLLER_METRICS_PROCESS_FAMILIES_H_
#define MAILQUENCH_CONTROLLER_METRICS_PROCESS_FAMILIES_H_

#include "controller/metrics/family.h"

namespace mailquench::controller {

// Read from /proc; what cannot be read is left out.
void AddProcessFamilies(Families* out);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_METRICS_PROCESS_FAMILIES_H_
