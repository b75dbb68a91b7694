// A program of an antivirus, run without a shell: for a limited time, with bounded output, and only
// as long as somebody wants it.
#ifndef MAILQUENCH_AGENT_ANTIVIRUS_RUN_COMMAND_H_
#define MAILQUENCH_AGENT_ANTIVIRUS_RUN_COMMAND_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/antivirus/work_context.h"

namespace mailquench::agent {

struct CommandResult {
  int exit_code = -1;              // 128 + signal where a signal ended it.
  std::vector<std::string> lines;  // Of standard output: the first 10,000, of at most 4 KiB each.
  std::string last_line;           // The same length.
  bool unread = false;             // A line was too long; neither it nor what followed was read.
  std::string error_tail;          // Of standard error.
};
// Given each line of standard output as it comes, whole, whatever becomes of the command.
using LineVisitor = std::function<void(const std::string& line)>;

// argv[0] is a path, or found in the system's folders. It, and what it started, is killed where its
// time is over or nobody wants it. Errors: kNotFound (no such program),
// kDeadlineExceeded/COMMAND_TIMED_OUT, those of the context.
absl::StatusOr<CommandResult> RunScannerCommand(const std::vector<std::string>& argv,
                                                absl::Duration limit,
                                                const WorkContext& context,
                                                const LineVisitor& each = nullptr);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_ANTIVIRUS_RUN_COMMAND_H_
