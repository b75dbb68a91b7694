// Child processes. Implementations under posix/ and windows/.
#ifndef MAILQUENCH_AGENT_OS_PROCESS_H_
#define MAILQUENCH_AGENT_OS_PROCESS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace mailquench::agent {

struct ProcessResult {
  int exit_code = -1;  // 128 + signal where a signal ended it.
  std::string out;
  std::string err;
};

struct ProcessOptions {
  absl::Duration timeout = absl::Seconds(60);
  std::string input;                     // Given on standard input, then end of file.
  std::vector<std::string> environment;  // "NAME=value", beside a minimal PATH; nothing is
                                         // inherited but LD_PRELOAD-free basics.
  // Of each stream; more is read and thrown away.
  std::size_t max_output = std::size_t{16} * 1024 * 1024;
  bool capture =
      true;  // false: output to /dev/null. For commands whose daemons would keep a pipe open.
};

// Runs argv[0] (an absolute path, or found in the fixed PATH of system folders) without a shell and
// waits for its end. The child and what it starts are killed at the timeout. A non-zero exit is not
// an error of this call. Errors: kNotFound (no such program), kDeadlineExceeded (timeout),
// kInternal.
absl::StatusOr<ProcessResult> RunProcess(const std::vector<std::string>& argv,
                                         const ProcessOptions& options = {});

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OS_PROCESS_H_
