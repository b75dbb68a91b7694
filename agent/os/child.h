// A child process that lives on between questions: lines in, lines out. RunProcess() of process.h
// is for those that are waited for.
#ifndef MAILQUENCH_AGENT_OS_CHILD_H_
#define MAILQUENCH_AGENT_OS_CHILD_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace mailquench::agent {

struct ChildOptions {
  std::vector<std::string> environment;  // "NAME=value". On Windows beside all that we have
                                         // ourselves, on POSIX beside a minimal PATH.
};

// Belongs to one thread at a time. The child and all that it started end with this object, and with
// our process: by a job object on Windows; on POSIX the child by PR_SET_PDEATHSIG, its group only
// while we live. It inherits no handle but its three streams. Not copied.
class Child {
 public:
  // argv[0] as in RunProcess(). Errors: kNotFound (no such program), those of the system.
  static absl::StatusOr<std::unique_ptr<Child>> Start(const std::vector<std::string>& argv,
                                                      const ChildOptions& options = {});
  virtual ~Child() = default;

  // Whole, or an error: kDeadlineExceeded (it does not read; a part may have been written),
  // kUnavailable (it has closed its input, or ended).
  virtual absl::Status Write(absl::string_view bytes, absl::Time deadline) = 0;

  // Without its line break ("\n" or "\r\n"). Errors: kDeadlineExceeded, kUnavailable (its output
  // has ended; Remainder() is what came after the last line break), kResourceExhausted (longer than
  // `max_length`; no line can be read any more).
  virtual absl::StatusOr<std::string> ReadLine(std::size_t max_length, absl::Time deadline) = 0;

  // Once its output has ended: what it wrote after its last line break. Given once.
  virtual std::string Remainder() = 0;

  // The end of what it wrote on standard error, 4 KiB at most. It is read along while we write,
  // read or wait; in between a child that writes much there stands still.
  virtual std::string ErrorTail() = 0;

  virtual void CloseInput() = 0;

  // Reads on, and throws away, until it has ended by itself. False at the deadline.
  virtual bool AwaitEnd(absl::Time deadline) = 0;

  // It and all that it started; returns when it is reaped. Again: nothing.
  virtual void Kill() = 0;

  virtual std::int64_t pid() const = 0;  // Of the child as it was started.
  // As in ProcessResult; nothing while it has not been seen to end.
  virtual std::optional<int> exit_code() const = 0;

  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

 protected:
  Child() = default;
};

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OS_CHILD_H_
