// The controller's own signals as alerts: the same inbox, the same rules.
#ifndef MAILQUENCH_CONTROLLER_ESCALATION_OWN_WATCH_H_
#define MAILQUENCH_CONTROLLER_ESCALATION_OWN_WATCH_H_

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "common/clock/clock.h"
#include "controller/escalation/hands.h"
#include "controller/escalation/inbox.h"
#include "controller/escalation/own_signals.h"
#include "controller/escalation/rules.h"
#include "controller/store/store.h"

namespace mailquench::controller {

struct OwnWatchOptions {
  std::function<OwnWatchRules()> rules;
  QueueGrowth growth;
  // Tells people what began. After an error it is asked again, with the same id for the same
  // alerts.
  std::function<absl::Status(const v1::Notice&)> tell;
  absl::Duration every = absl::Seconds(5);
  std::function<void(const std::string&)> log = [](const std::string&) {};
};

// Alerts MailquenchQueueGrowing, MailquenchAgentLost, MailquenchRelayOpen, MailquenchSettingDrift,
// MailquenchListed, MailquenchObligationOverdue; docs/escalation.md has their labels. What fires,
// and of what people have been told, is in the store, so a restart neither fires it again nor
// forgets its end. What is not known now is no end: what fired fires on. Thread-safe.
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
  // What fires now: `next`, and what of it is new.
  void See(const std::map<std::string, bool>& probed, Firing* next, std::vector<v1::Alert>* news);
  absl::Status TellNew();
  absl::Status End(const Firing& next);
  absl::Status Keep(const Firing& firing);
  // Into the log, unless the look before had it as well.
  void Say(const std::string& problem);

  Store* const store_;
  AlertInbox* const inbox_;
  Clock* const clock_;
  const OwnWatchOptions options_;

  std::mutex look_mu_;  // One look at a time; guards those below up to mu_.
  OwnSignals signals_;
  bool read_ = false;
  bool written_ = true;  // The store has what the next two have.
  Firing firing_;
  std::set<std::string> told_;  // Fingerprints of those of which people know.
  std::set<std::string> problems_, problems_before_;

  std::mutex mu_;
  std::condition_variable cv_;
  bool stopping_ = false;
  std::map<std::string, bool> probed_;  // Host id: found open; no look has done with it yet.
  std::thread thread_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_ESCALATION_OWN_WATCH_H_
