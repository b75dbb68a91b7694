// Operations that the controller does itself, in the place of the host's agent.
#ifndef MAILQUENCH_CONTROLLER_APP_OWN_OPERATIONS_H_
#define MAILQUENCH_CONTROLLER_APP_OWN_OPERATIONS_H_

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "controller/fleet/link.h"

namespace mailquench::controller {

// Whether the controller does it, and not the host's agent: blacklist.clear, antivirus.clear.
bool IsOwn(const v1::Operation& operation);
// Of one that it does, what a dry run says.
std::string OwnStep(const v1::Operation& operation);

// The fleet's link, but for commands of such operations: those are done here, by a few threads, and
// reported as an agent would; also after the agent's stream was cut and is back. Such a step needs
// its host to be online when it begins, like any other. What was under way when the controller
// ended is unreachable after its restart, for a person to ask again. Thread-safe.
class OwnOperations final : public FleetLink {
 public:
  // One look: a report ends the command, nothing means that it is to be looked at again. `last`:
  // there is no time for another one. Any thread.
  using Look =
      std::function<std::optional<v1::OperationReport>(const v1::Command& command, bool last)>;
  // How long a command may take, and the time between two looks of it.
  using Length = std::function<absl::Duration(const v1::Command& command)>;
  OwnOperations(FleetLink* link, Look look, Length length, absl::Duration between)
      : link_(link), look_(std::move(look)), length_(std::move(length)), between_(between) {}
  ~OwnOperations() override { Stop(); }

  void SetEvents(AgentEvents* events) { events_ = events; }
  // Nothing is reported after this. Waits for the look that is under way.
  void Stop();

  bool IsOnline(const std::string& host_id) override { return link_->IsOnline(host_id); }
  bool Send(const std::string& host_id, const v1::ControllerMessage& message) override;
  void Disconnect(const std::string& host_id, const std::string& reason) override {
    link_->Disconnect(host_id, reason);
  }

 private:
  struct Item {
    v1::Command command;
    absl::Time due, end;
    bool busy = false;
    bool cancelled = false;
  };
  bool Take(const std::string& host_id, const v1::Command& command);
  bool Reconcile(const std::string& host_id, const v1::Reconcile& wanted);
  void Loop();

  FleetLink* const link_;
  const Look look_;
  const Length length_;
  const absl::Duration between_;
  AgentEvents* events_ = nullptr;
  std::mutex mu_;
  std::condition_variable wake_;
  std::map<std::string, Item> items_;  // By command id.
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_APP_OWN_OPERATIONS_H_
