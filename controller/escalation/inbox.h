// What the HTTPS endpoint and the watch put alerts into. The engine (engine.h) implements it.
#ifndef MAILQUENCH_CONTROLLER_ESCALATION_INBOX_H_
#define MAILQUENCH_CONTROLLER_ESCALATION_INBOX_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "mailquench/v1/escalation.pb.h"

namespace mailquench::controller {

class AlertInbox {
 public:
  virtual ~AlertInbox() = default;
  struct Taken {
    std::int64_t taken = 0;
    std::int64_t duplicates = 0;
  };
  // Completed alerts (alerts.h). Durable when it returns; what follows comes later, on another
  // thread. Error: nothing of them was kept. Thread-safe.
  virtual absl::StatusOr<Taken> Take(const std::vector<v1::Alert>& alerts) = 0;
  // The same without waiting: `done` is called once, by this thread or another.
  using Done = std::function<void(const absl::StatusOr<Taken>&)>;
  virtual void TakeLater(const std::vector<v1::Alert>& alerts, Done done) { done(Take(alerts)); }
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_ESCALATION_INBOX_H_
