// From what a person says to a report that runs and incidents take like an agent's.
#ifndef MAILQUENCH_CONTROLLER_MANUAL_CONFIRMATION_H_
#define MAILQUENCH_CONTROLLER_MANUAL_CONFIRMATION_H_

#include <string>

#include "absl/status/statusor.h"
#include "controller/manual/instructions.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench::controller {

// `said` with its texts made harmless for terminals, or why it is not taken:
// kInvalidArgument/BAD_CONFIRMATION (no outcome that a person can say, nothing seen, a question
// that is not answered, a verdict that is missing or none).
absl::StatusOr<v1::ManualConfirmation> Checked(const Guide& guide,
                                               const HandOrder& order,
                                               const v1::ManualConfirmation& said);

// Whether both say the same, whoever said it and when.
bool SameConfirmation(const v1::ManualConfirmation& a, const v1::ManualConfirmation& b);

// The report of a checked confirmation. What was noted of settings becomes a snapshot that is owed,
// also where the outcome is `failed`: some of it may have been changed. `closing`: the run closes
// relays, so that one which is still open fails it.
v1::OperationReport ReportByHand(const Guide& guide,
                                 const HandOrder& order,
                                 const v1::ManualConfirmation& checked,
                                 const std::string& command_id,
                                 bool closing);

// One clause for a timeline: "succeeded, seen: ...; before: key = value".
std::string InWords(const v1::ManualConfirmation& confirmation);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_MANUAL_CONFIRMATION_H_
