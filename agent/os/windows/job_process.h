// A process with three streams of ours, in a job, for process.cc and child.cc.
#ifndef MAILQUENCH_AGENT_OS_WINDOWS_JOB_PROCESS_H_
#define MAILQUENCH_AGENT_OS_WINDOWS_JOB_PROCESS_H_

#include <windows.h>

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "agent/os/windows/handle.h"

namespace mailquench::agent {

// A child with these three streams and no other handle of ours, without a window, in a job that
// dies with this object.
class JobProcess {
 public:
  // `environment`: a block as CreateProcessW() takes it. The streams are inheritable.
  absl::Status Start(const std::wstring& program,
                     std::wstring line,
                     std::wstring environment,
                     HANDLE in,
                     HANDLE out,
                     HANDLE err);
  bool AwaitEnd(absl::Time deadline) const;
  // It and all that it started: so that every writer of the pipes is gone.
  void Kill();
  // It has ended; what it has left running stays.
  void LetGo();
  int ExitCode() const;
  std::int64_t pid() const { return pid_; }
  HANDLE handle() const { return process_.get(); }

 private:
  Handle job_;
  Handle process_;
  std::int64_t pid_ = -1;
};

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OS_WINDOWS_JOB_PROCESS_H_
