// Makes alerts durable: what comes while one commit is on its way is the next one.
#ifndef MAILQUENCH_CONTROLLER_ESCALATION_COMMITTER_H_
#define MAILQUENCH_CONTROLLER_ESCALATION_COMMITTER_H_

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "absl/time/time.h"
#include "controller/escalation/config.h"
#include "controller/escalation/inbox.h"
#include "controller/store/store.h"

namespace mailquench::controller {

struct IntakeRules {
  absl::Time since;
  std::shared_ptr<const EscalationConfig> config;
};

// Thread-safe. Its one thread waits for the disk, whoever asks does not.
class AlertCommitter {
 public:
  struct Hooks {
    // The rules of now and since when they are so. An alert that none of them wants is kept as
    // done: a flood of such costs little more than its commit.
    std::function<IntakeRules()> rules;
    std::function<void()> news;  // The store has what is to be decided.
    std::function<void(const std::string&)> log;
  };
  AlertCommitter(Store* store, Hooks hooks);
  ~AlertCommitter();  // Once all that was given is answered.
  AlertCommitter(const AlertCommitter&) = delete;
  AlertCommitter& operator=(const AlertCommitter&) = delete;

  // `done` is called once, where all are known duplicates before this returns, else by the thread
  // of the commits. It must not wait for another Commit().
  void Commit(std::vector<AlertEvent> events, AlertInbox::Done done);
  // Of a repeat the store is asked again: there are other rules.
  void Forget();

 private:
  struct Share {
    std::vector<AlertEvent> events;
    AlertInbox::Taken taken;
    AlertInbox::Done done;
  };

  void Work();
  std::vector<Share> NextBatch(std::unique_lock<std::mutex>* lock);
  void CommitBatch(std::vector<Share> batch);

  Store* const store_;
  const Hooks hooks_;
  std::mutex mu_;
  std::condition_variable changed_;
  bool closing_ = false;
  std::vector<Share> waiting_;
  std::unordered_set<std::string> durable_;  // Event keys that the store has; bounded.
  std::thread thread_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_ESCALATION_COMMITTER_H_
