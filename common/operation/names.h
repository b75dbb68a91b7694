// Names and classes of operations: "queue.quarantine" for the field queue_quarantine of
// v1::Operation. The one place where a name, a field and a class meet.
#ifndef MAILQUENCH_COMMON_OPERATION_NAMES_H_
#define MAILQUENCH_COMMON_OPERATION_NAMES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench {

// "" where no operation is set (or one that this build does not know).
std::string OperationName(const v1::Operation& operation);
v1::OperationClass ClassOf(const v1::Operation& operation);
// All names, in the contract's order.
std::vector<std::string> AllOperationNames();

// Makes an operation from its name and the JSON of its message ("" or "{}": all defaults).
// Errors: kInvalidArgument/UNKNOWN_OPERATION (names the nearest), kInvalidArgument/BAD_ARGUMENTS
// (names the field).
absl::StatusOr<v1::Operation> MakeOperation(const std::string& name, const std::string& json);

// "succeeded", "timed_out", ...
std::string OutcomeName(v1::Outcome outcome);

}  // namespace mailquench

#endif  // MAILQUENCH_COMMON_OPERATION_NAMES_H_
