#include "agent/mail/folders/check_time.h"

#include "absl/time/clock.h"
#include "common/status/error.h"

namespace mailquench::agent {

absl::Status CheckTime(const CallContext& context) {
  MQ_RETURN_IF_ERROR(context.still_wanted());
  if (absl::Now() < context.deadline) return absl::OkStatus();
  return Error(absl::StatusCode::kDeadlineExceeded, "DEADLINE",
               "the time for the operation ended; ask again for the rest");
}

}  // namespace mailquench::agent
