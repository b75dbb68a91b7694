// What the service does about leases each second.
#ifndef MAILQUENCH_AGENT_APP_LEASE_KEEPER_H_
#define MAILQUENCH_AGENT_APP_LEASE_KEEPER_H_

#include <atomic>
#include <cstdint>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "agent/operations/executor.h"

namespace mailquench::agent {

// The lease of a stop is for the controller that is gone: while it is there, a person decides; a
// link that only flaps is given time to come back. That of a contain's part ends in any case.
class LeaseKeeper {
 public:
  // A start gets the grace too.
  explicit LeaseKeeper(Executor& executor, absl::Duration grace = absl::Seconds(10))
      : executor_(executor), grace_(grace) {}

  // From the thread that ticks. Never blocks.
  void Look(bool connected) {
    if (connected) connected_at_ = absl::ToUnixMillis(absl::Now());
    executor_.ExpectDueLeases(ControllerIsGone());
  }
  // From the one thread that makes changes.
  std::vector<v1::OperationReport> EndDue(const ProgressFn& progress) {
    return executor_.EndDueLeases(progress, ControllerIsGone());
  }

 private:
  bool ControllerIsGone() const {
    return absl::Now() - absl::FromUnixMillis(connected_at_) >= grace_;
  }
  Executor& executor_;
  const absl::Duration grace_;
  std::atomic<std::int64_t> connected_at_ = absl::ToUnixMillis(absl::Now());  // ms
};

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_APP_LEASE_KEEPER_H_
