// How a command says on stderr that it failed.
#ifndef MAILQUENCH_CLI_OUTPUT_FAILURE_H_
#define MAILQUENCH_CLI_OUTPUT_FAILURE_H_

#include "absl/status/status.h"
#include "cli/core/session.h"

namespace mailquench::cli {

// "error: ..." on one line; with -o json and jsonl a google.rpc.Status on one line.
void PrintError(const Session& session, const absl::Status& status);

}  // namespace mailquench::cli

#endif  // MAILQUENCH_CLI_OUTPUT_FAILURE_H_
