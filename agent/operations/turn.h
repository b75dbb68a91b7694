// Whose turn it is to change this host: one change at a time over all processes, and what can be
// continued later makes way for what puts out a fire.
#ifndef MAILQUENCH_AGENT_OPERATIONS_TURN_H_
#define MAILQUENCH_AGENT_OPERATIONS_TURN_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/os/lock.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench::agent {

// What ends the flow of spam: others must not keep it waiting.
bool IsUrgent(const v1::Operation& operation);

// What may end in its middle: what moves messages one by one and is continued by a repeat, and what
// only waits for a list on the internet.
bool MakesWay(const v1::Operation& operation);

class Turn {
 public:
  // `state_dir` holds the files changes.lock and changes.waiting.
  explicit Turn(const std::string& state_dir);

  // Blocks for at most `wait`; while an urgent one waits, Wanted() is true in every process.
  // `still_wanted` is asked meanwhile; its error ends the wait.
  // Errors: that of still_wanted, kDeadlineExceeded/HOST_BUSY, kInternal.
  absl::StatusOr<std::unique_ptr<FileLock>> Take(
      bool urgent, absl::Duration wait, const std::function<absl::Status()>& still_wanted) const;

  // Whether an urgent change waits for the turn. Its process says so four times a second; one that
  // was killed is forgotten after 3 s.
  bool Wanted() const;

 private:
  const std::string lock_;
  const std::string waiting_;
};

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OPERATIONS_TURN_H_
