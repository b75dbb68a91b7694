// Lengths of time as people write them: the same on the command line and in playbooks.
#ifndef MAILQUENCH_COMMON_OPERATION_DURATION_H_
#define MAILQUENCH_COMMON_OPERATION_DURATION_H_

#include <google/protobuf/duration.pb.h>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace mailquench {

// "90s", "1.5h", "1h30m", "250ms", "2d": numbers with a unit (ns, us, ms, s, m, min, h, d), added
// up; "0" needs none. Never negative, at most 10,000 years, as on the wire.
// Errors: INVALID_ARGUMENT/BAD_DURATION.
absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text);

google::protobuf::Duration ToProtoDuration(absl::Duration duration);

}  // namespace mailquench

#endif  // MAILQUENCH_COMMON_OPERATION_DURATION_H_
