// The controller's own signals as alerts: the same inbox, the same rules.
#ifndef MAILQUENCH_CONTROLLER_ESCALATION_OWN_WATCH_H_
#define MAILQUENCH_CONTROLLER_ESCALATION_OWN_WATCH_H_

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "common/clock/clock.h"
#include "controller/escalation/hands.h"
#include "controller/escalation/inbox.h"
#include "controller/escalation/rules.h"
#include "controller/store/store.h"

namespace mailquench::controller {

struct OwnWatchOptions {
  std::function<OwnWatchRules()> rules;
  std::function<double(const std::string& host_id)> growth;  // Messages a minute.
  // What began, for people: a kind of notice. Under the id that it gives, once.
  std::function<void(const std::string& kind, const v1::Alert&)> tell;
  absl::Duration every = absl::Seconds(5);
  std::function<void(const std::string&)> log = [](const std::string&) {};
};

// Alerts MailquenchQueueGrowing, MailquenchAgentLost, MailquenchRelayOpen, MailquenchSettingDrift,
// MailquenchListed, MailquenchObligationOverdue; docs/escalation.md has their labels. What fires is
// in the store, so a restart neither fires it again nor forgets its end. Thread-safe.
class OwnWatch {
 public:
  OwnWatch(Store* store,
           EscalationHands* hands,
           AlertInbox* inbox,
           Clock* clock,
           OwnWatchOptions options);
  ~OwnWatch();  // Stop()

  void Begin();
  void Stop();
  // One look; Begin() has a thread for it.
  void Look();
  // What a probe of a host's relay has found.
  void Probed(const std::string& host_id, bool open);

 private:
  using Firing = std::map<std::string, v1::Alert>;  // By fingerprint.
  absl::Status LookOnce();
  absl::Status ReadBack();
  absl::Status KeepFiring(const Firing& firing);
  void AddHosts(const OwnWatchRules& rules, std::vector<v1::Alert>* present);
  absl::Status AddOthers(const OwnWatchRules& rules, std::vector<v1::Alert>* present);

  Store* const store_;
  EscalationHands* const hands_;
  AlertInbox* const inbox_;
  Clock* const clock_;
  const OwnWatchOptions options_;

  std::mutex look_mu_;  // One look at a time; guards the three below.
  bool read_ = false;
  Firing firing_;
  std::map<std::string, absl::Time> growing_since_;  // By host id.

  std::mutex mu_;
  std::condition_variable cv_;
  bool stopping_ = false;
  std::map<std::string, bool> probed_;  // Host id: found open; not looked at yet.
  std::thread thread_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_ESCALATION_OWN_WATCH_H_
