// Operations that the controller does itself, in the place of the host's agent.
#ifndef MAILQUENCH_CONTROLLER_APP_OWN_OPERATIONS_H_
#define MAILQUENCH_CONTROLLER_APP_OWN_OPERATIONS_H_

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "controller/fleet/link.h"

namespace mailquench::controller {

// The fleet's link, but for commands of blacklist.clear: those are done here, by a few threads, and
// reported as an agent would. Such a step needs its host to be online like any other; what was
// under way when the controller ended is unreachable after its restart, for a person to ask again.
// Thread-safe.
class OwnOperations final : public FleetLink {
 public:
  // Does the operation for the host; `go_on` is false once it was cancelled. Any thread.
  using Work = std::function<v1::OperationReport(const v1::Command& command,
                                                 const std::function<bool()>& go_on)>;
  OwnOperations(FleetLink* link, Work work) : link_(link), work_(std::move(work)) {}
  ~OwnOperations() override { Stop(); }

  void SetEvents(AgentEvents* events) { events_ = events; }
  // Nothing is reported after this. Waits for what is under way.
  void Stop();

  bool IsOnline(const std::string& host_id) override { return link_->IsOnline(host_id); }
  bool Send(const std::string& host_id, const v1::ControllerMessage& message) override;
  void Disconnect(const std::string& host_id, const std::string& reason) override {
    link_->Disconnect(host_id, reason);
  }

 private:
  void Loop();

  FleetLink* const link_;
  const Work work_;
  AgentEvents* events_ = nullptr;
  std::mutex mu_;
  std::condition_variable wake_;
  std::deque<v1::Command> queue_;
  std::set<std::string> under_way_, cancelled_;  // Command ids.
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_APP_OWN_OPERATIONS_H_
