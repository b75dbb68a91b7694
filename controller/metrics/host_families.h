// Figures of each host, named after it.
#ifndef MAILQUENCH_CONTROLLER_METRICS_HOST_FAMILIES_H_
#define MAILQUENCH_CONTROLLER_METRICS_HOST_FAMILIES_H_

#include <vector>

#include "absl/time/time.h"
#include "controller/metrics/family.h"
#include "controller/metrics/queue_slopes.h"
#include "mailquench/v1/blacklist.pb.h"
#include "mailquench/v1/fleet.pb.h"
#include "mailquench/v1/incidents.pb.h"

namespace mailquench::controller {

// Of hosts that are evicted or banned nothing is said. What a heartbeat counts is there while its
// host is online; an alarm, drift and leases stay as they were last said. What is made of
// incidents or listings is left out where they are null: they could not be read.
void AddHostFamilies(const std::vector<v1::Host>& hosts,
                     const std::vector<v1::Incident>* incidents,
                     const std::vector<v1::Listing>* listings,
                     const QueueSlopes& slopes,
                     absl::Time now,
                     Families* out);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_METRICS_HOST_FAMILIES_H_
