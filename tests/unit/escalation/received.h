// When the tests of the forms receive their alerts.
#ifndef MAILQUENCH_TESTS_UNIT_ESCALATION_RECEIVED_H_
#define MAILQUENCH_TESTS_UNIT_ESCALATION_RECEIVED_H_

#include "absl/time/time.h"

namespace mailquench::controller {

inline const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_TESTS_UNIT_ESCALATION_RECEIVED_H_
