// What a call of an antivirus may use while it works.
#ifndef MAILQUENCH_AGENT_ANTIVIRUS_WORK_CONTEXT_H_
#define MAILQUENCH_AGENT_ANTIVIRUS_WORK_CONTEXT_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace mailquench::agent {

// The functions are called by the calling thread alone.
struct WorkContext {
  absl::Time deadline = absl::InfiniteFuture();
  std::function<void(const std::string&)> progress = [](const std::string&) {};
  // Asked a few times a second: an error ends the work.
  std::function<absl::Status()> still_wanted = [] { return absl::OkStatus(); };
};

// kDeadlineExceeded/DEADLINE once the deadline has passed, else the word of still_wanted.
absl::Status CheckWork(const WorkContext& context);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_ANTIVIRUS_WORK_CONTEXT_H_
