// One way to say what went wrong: a status with a stable reason for programs and one sentence for a
// person.
#ifndef MAILQUENCH_COMMON_STATUS_ERROR_H_
#define MAILQUENCH_COMMON_STATUS_ERROR_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/rpc/status.pb.h"

namespace mailquench {

// Makes a status whose payload is google.rpc.ErrorInfo (domain "mailquench").
// `reason`: UPPER_SNAKE_CASE, stable. `sentence`: what, where, what was left as it was, what to do
// next.
absl::Status Error(absl::StatusCode code,
                   absl::string_view reason,
                   absl::string_view sentence,
                   const std::map<std::string, std::string>& metadata = {});

// The reason given to Error(), or "" where there is none.
std::string ReasonOf(const absl::Status& status);

// The same error with `context` and ": " before its sentence. OK stays OK.
absl::Status Prepend(const absl::Status& status, absl::string_view context);

// Lossless in both directions for statuses made by Error().
google::rpc::Status ToProto(const absl::Status& status);
absl::Status FromProto(const google::rpc::Status& status);

// The status of a failed system call: `what` names the call and its object; `error` is an errno.
absl::Status SystemError(int error, absl::string_view what);

}  // namespace mailquench

// Each use has a variable of its own name, so that one may stand in a lambda inside another.
#define MQ_CONCAT_INNER(a, b) a##b
#define MQ_CONCAT(a, b) MQ_CONCAT_INNER(a, b)
#define MQ_RETURN_IF_ERROR_IMPL(tmp, expr) \
  do {                                     \
    absl::Status tmp = (expr);             \
    if (!tmp.ok()) return tmp;             \
  } while (false)
#define MQ_RETURN_IF_ERROR(expr) MQ_RETURN_IF_ERROR_IMPL(MQ_CONCAT(mq_status_, __COUNTER__), expr)
#define MQ_ASSIGN_OR_RETURN_IMPL(tmp, lhs, expr) \
  auto tmp = (expr);                             \
  if (!tmp.ok()) return tmp.status();            \
  lhs = *std::move(tmp)
#define MQ_ASSIGN_OR_RETURN(lhs, expr) \
  MQ_ASSIGN_OR_RETURN_IMPL(MQ_CONCAT(mq_statusor_, __COUNTER__), lhs, expr)

#endif  // MAILQUENCH_COMMON_STATUS_ERROR_H_
