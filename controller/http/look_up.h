// Addresses of a name, with a deadline that the system's own look-up lacks.
#ifndef MAILQUENCH_CONTROLLER_HTTP_LOOK_UP_H_
#define MAILQUENCH_CONTROLLER_HTTP_LOOK_UP_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/web/url.h"

namespace mailquench::controller {

// Numeric addresses in the system's order, at least one. `wanted` is asked ten times a second.
// Errors: kUnavailable/NO_ANSWER (no such host, too many look-ups hang, no thread),
// kDeadlineExceeded/ NO_ANSWER, kCancelled/STOPPED. `limit` is of time that passes, whatever the
// clock is set to. Thread-safe.
absl::StatusOr<std::vector<std::string>> LookUp(const web::HostPort& host,
                                                absl::Duration limit,
                                                const std::function<bool()>& wanted);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_HTTP_LOOK_UP_H_
