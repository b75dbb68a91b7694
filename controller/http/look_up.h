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
// Errors: kUnavailable/NO_ANSWER (no such host, or too many look-ups hang), kDeadlineExceeded/
// NO_ANSWER, kCancelled/STOPPED. Thread-safe.
absl::StatusOr<std::vector<std::string>> LookUp(const web::HostPort& host,
                                                absl::Time deadline,
                                                const std::function<bool()>& wanted);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_HTTP_LOOK_UP_H_
