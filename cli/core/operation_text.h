// Operations between their typed form and what people write: "queue.quarantine", --set
// filter.senders=a@example.org.
#ifndef MAILQUENCH_CLI_CORE_OPERATION_TEXT_H_
#define MAILQUENCH_CLI_CORE_OPERATION_TEXT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench::cli {

// All names, in the order of the contract: "service.status", ...
std::vector<std::string> OperationNames();

// An empty operation of that name. Errors: INVALID_ARGUMENT/UNKNOWN_OPERATION, with the nearest
// name.
absl::StatusOr<v1::Operation> MakeOperation(const std::string& name);
std::string NameOf(const v1::Operation& operation);

// Sets one field. `assignment` is "path=value"; a path goes into messages with dots. A repeated
// field takes a list with commas, an enum the short word ("authenticated-only"), a duration "15m".
// Errors: INVALID_ARGUMENT/UNKNOWN_FIELD or BAD_VALUE.
absl::Status SetField(v1::Operation* operation, const std::string& assignment);

// The operation's `filter` field; null where it has none.
v1::MessageFilter* FilterOf(v1::Operation* operation);

// As common/operation has it; one that this program does not know counts as a change.
v1::OperationClass ClassOf(const v1::Operation& operation);

// One clause about how one operation ended on one host, without the host's name.
std::string Describe(const v1::OperationReport& report);

}  // namespace mailquench::cli

#endif  // MAILQUENCH_CLI_CORE_OPERATION_TEXT_H_
