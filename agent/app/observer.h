// What heartbeat and hello say of the mail system, read beside the link: a mail system that hangs
// must not keep commands, cancels and renewals of leases waiting.
#ifndef MAILQUENCH_AGENT_APP_OBSERVER_H_
#define MAILQUENCH_AGENT_APP_OBSERVER_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mailquench/v1/agent_link.pb.h"

namespace mailquench::agent {

struct ServiceLook {
  v1::MailServiceState state = v1::MAIL_SERVICE_STATE_UNSPECIFIED;
  std::optional<std::int64_t> queue_free_bytes;  // Of the fullest of the queues' file systems.
};

// What it asks. Called from the observer's own thread alone, each as long as it takes.
struct ObserverCalls {
  std::function<v1::Hello()> inspect;
  std::function<ServiceLook()> service;
  std::function<absl::StatusOr<std::int64_t>()> count;
  std::function<absl::StatusOr<std::vector<std::string>>()> drift;
  std::function<bool()> is_changing;  // No look at drift then, and no new hello. Quick.
  // The hello is another than the one that was given away last.
  std::function<void()> hello_changed;
};

struct ObserverOptions {
  absl::Duration heartbeat = absl::Seconds(30);
  absl::Duration first_hello = absl::Seconds(20);  // The longest that Hello() waits.
  int inspect_every = 20;                          // Heartbeats.
  int count_lives = 3;  // Heartbeats; a count or a look at the service that is older is none.
};

// Thread-safe, but for Start(), Stop().
class Observer {
 public:
  Observer(ObserverOptions options, ObserverCalls calls);
  ~Observer();  // Stop()
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;

  void Start();
  // A question that is under way is waited for where it is not Interruptible. What waits in Hello()
  // returns at once.
  void Stop();

  // What is known; only before the first look has ended it waits for that. Without an inventory
  // where there is none yet: hello_changed follows.
  v1::Hello Hello();
  // -1: not known, or too old.
  std::int64_t Queued();
  // Nothing known where the last look is too old.
  ServiceLook Service();
  // Nothing before the first look.
  std::optional<std::vector<std::string>> Drifted();

 private:
  void Run();
  void Inspect();
  void LookAtService();
  void Count();
  void LookForDrift();
  bool IsOld(absl::Time look) const;

  const ObserverOptions options_;
  const ObserverCalls calls_;
  std::thread thread_;
  std::atomic<bool> over_ = false;  // Nobody waits for the answer to a question.
  std::mutex mu_;
  std::condition_variable changed_;
  bool stopping_ = false;  // Guarded by mu_, as all below.
  bool looked_ = false;
  bool inspect_ = false;  // A link was made: look anew.
  v1::Hello hello_;
  std::string given_;  // The hello that went away last.
  bool gave_ = false;
  std::int64_t queued_ = -1;
  absl::Time counted_ = absl::InfinitePast();
  ServiceLook service_;
  absl::Time seen_ = absl::InfinitePast();  // The service.
  std::optional<std::vector<std::string>> drifted_;
};

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_APP_OBSERVER_H_
