#include "controller/escalation/committer.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "controller/escalation/decide.h"

namespace mailquench::controller {
namespace {

constexpr std::size_t kRemembered = 100000;  // Event keys.
constexpr std::size_t kOneCommit = 5000;     // Events of one commit, and one request more.

// Why nothing is to be done about it; "": that is to be decided.
std::string NoteOf(const Rules& rules, const v1::Alert& alert) {
  if (alert.status() != v1::ALERT_STATUS_FIRING || RuleFor(rules, alert) != nullptr) return "";
  return rules.rules.empty() ? "there are no rules; nothing was done"
                             : "no rule matches it; nothing was done";
}

}  // namespace

AlertCommitter::AlertCommitter(Store* store, Hooks hooks)
    : store_(store), hooks_(std::move(hooks)), thread_([this] { Work(); }) {}

AlertCommitter::~AlertCommitter() {
  {
    const std::lock_guard<std::mutex> lock(mu_);
    closing_ = true;
    changed_.notify_one();
  }
  thread_.join();
}

void AlertCommitter::Forget() {
  const std::lock_guard<std::mutex> lock(mu_);
  durable_.clear();
}

void AlertCommitter::Commit(std::vector<AlertEvent> all, AlertInbox::Done done) {
  Share share;
  std::set<std::string> mine;
  std::unique_lock<std::mutex> lock(mu_);
  for (AlertEvent& event : all) {
    if (durable_.count(event.event_key) > 0 || !mine.insert(event.event_key).second) {
      ++share.taken.duplicates;
    } else {
      share.events.push_back(std::move(event));
    }
  }
  if (share.events.empty()) {
    lock.unlock();
    return done(share.taken);
  }
  share.done = std::move(done);
  waiting_.push_back(std::move(share));
  if (waiting_.size() == 1) changed_.notify_one();
}

std::vector<AlertCommitter::Share> AlertCommitter::NextBatch(std::unique_lock<std::mutex>* lock) {
  changed_.wait(*lock, [this] { return closing_ || !waiting_.empty(); });
  std::size_t count = 0;
  auto end = waiting_.begin();
  while (end != waiting_.end() && count < kOneCommit) count += (end++)->events.size();
  std::vector<Share> batch(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
  waiting_.erase(waiting_.begin(), end);
  return batch;
}

void AlertCommitter::Work() {
  std::unique_lock<std::mutex> lock(mu_);
  while (true) {
    std::vector<Share> batch = NextBatch(&lock);
    if (batch.empty()) return;
    lock.unlock();
    CommitBatch(std::move(batch));
    lock.lock();
  }
}

void AlertCommitter::CommitBatch(std::vector<Share> batch) {
  std::vector<AlertEvent> events;
  for (Share& share : batch)
    std::move(share.events.begin(), share.events.end(), std::back_inserter(events));
  const IntakeRules rules = hooks_.rules();
  for (AlertEvent& event : events) event.note = NoteOf(rules.config->rules, event.alert);
  const absl::StatusOr<std::vector<bool>> fresh = store_->InsertAlerts(events, rules.since);
  if (!fresh.ok()) {
    for (const Share& share : batch) share.done(fresh.status());
    return;
  }
  const bool same_rules = hooks_.rules().since == rules.since;
  // A crash before this: the repeat of one that came before its rules is decided anew.
  if (!same_rules) {
    const absl::Status reopened = store_->ReopenAlerts(events);
    if (!reopened.ok()) hooks_.log("escalation: " + std::string(reopened.message()));
  }
  bool news = !same_rules;
  for (std::size_t i = 0; i < events.size(); ++i) news |= (*fresh)[i] && events[i].note.empty();
  {
    const std::lock_guard<std::mutex> lock(mu_);
    if (durable_.size() + events.size() > kRemembered) durable_.clear();
    for (AlertEvent& event : events) {
      if (!event.renews.empty()) durable_.erase(event.renews);
      if (same_rules) durable_.insert(std::move(event.event_key));
    }
  }
  if (news) hooks_.news();
  std::size_t next = 0;
  for (Share& share : batch) {
    for (std::size_t i = 0; i < share.events.size(); ++i)
      ++((*fresh)[next++] ? share.taken.taken : share.taken.duplicates);
    share.done(share.taken);
  }
}

}  // namespace mailquench::controller
