// Taking in: what is answered is on the disk, once, and many callers share one commit.
#include <algorithm>
#include <set>

#include "common/status/error.h"
#include "controller/escalation/alerts.h"
#include "controller/escalation/engine.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

constexpr std::size_t kRemembered = 100000;  // Event keys.
constexpr absl::Duration kSameTrouble = absl::Hours(1);

}  // namespace

struct Escalator::Batch {
  std::vector<AlertEvent> events;
  std::condition_variable ended;  // Of this batch alone: many wait, and a wake-up of all costs.
  bool done = false;
  absl::Status status;
  std::vector<bool> fresh;
};

// What repeats itself without a start is one trouble, not a new one each time; after an hour it is
// looked at anew, since such a sender may not tell an end either.
absl::Status Escalator::AdoptStart(v1::Alert* alert) {
  if (!alert->start_assumed() || alert->status() != v1::ALERT_STATUS_FIRING)
    return absl::OkStatus();
  MQ_ASSIGN_OR_RETURN(const auto firing, store_->FiringOfFingerprint(alert->fingerprint()));
  for (const v1::AlertRecord& one : firing) {
    const v1::Alert& before = one.alert();
    if (before.source() != alert->source() || before.receiver() != alert->receiver() ||
        before.group_key() != alert->group_key() ||
        TimeOf(alert->receive_time()) - TimeOf(before.receive_time()) >= kSameTrouble)
      continue;
    MQ_ASSIGN_OR_RETURN(const auto ends, store_->EndsAfter(one));
    if (std::any_of(ends.begin(), ends.end(),
                    [&](const v1::AlertRecord& end) { return Ends(end.alert(), before); }))
      continue;
    if (!one.escalation_id().empty()) {
      MQ_ASSIGN_OR_RETURN(const v1::Escalation its, store_->FindEscalation(one.escalation_id()));
      if (its.has_end_time()) continue;
    }
    *alert->mutable_start_time() = before.start_time();
    alert->set_alert_key(before.alert_key());
    break;
  }
  return absl::OkStatus();
}

absl::StatusOr<AlertInbox::Taken> Escalator::Take(const std::vector<v1::Alert>& alerts) {
  std::vector<AlertEvent> events;
  events.reserve(alerts.size());
  for (const v1::Alert& alert : alerts) {
    AlertEvent& event = events.emplace_back();
    event.alert = alert;
    MQ_RETURN_IF_ERROR(AdoptStart(&event.alert));
    event.event_key = EventKey(event.alert);
  }
  return TakeEvents(std::move(events));
}

absl::StatusOr<AlertInbox::Taken> Escalator::TakeEvents(std::vector<AlertEvent> all) {
  Taken taken;
  std::vector<AlertEvent> events;
  std::set<std::string> mine;
  std::unique_lock<std::mutex> lock(take_mu_);
  for (AlertEvent& event : all) {
    if (durable_.count(event.event_key) > 0 || !mine.insert(event.event_key).second) {
      ++taken.duplicates;
    } else {
      events.push_back(std::move(event));
    }
  }
  if (events.empty()) return taken;
  const bool leads = gathering_ == nullptr;
  if (leads) gathering_ = std::make_shared<Batch>();
  const std::shared_ptr<Batch> batch = gathering_;
  const std::size_t first = batch->events.size();
  const std::size_t count = events.size();
  std::move(events.begin(), events.end(), std::back_inserter(batch->events));
  if (!leads) {
    batch->ended.wait(lock, [&] { return batch->done; });
  } else {
    taken_.wait(lock, [&] { return !committing_; });
    committing_ = true;
    gathering_ = nullptr;  // Those that come meanwhile are the next batch.
    lock.unlock();
    const absl::Time since = RulesSince();
    absl::StatusOr<std::vector<bool>> fresh = store_->InsertAlerts(batch->events, since);
    const bool same_rules = RulesSince() == since;
    lock.lock();
    batch->status = fresh.status();
    if (fresh.ok()) {
      batch->fresh = *std::move(fresh);
      if (durable_.size() + batch->events.size() > kRemembered) durable_.clear();
      for (const AlertEvent& event : batch->events) {
        if (same_rules) durable_.insert(event.event_key);
        if (!event.renews.empty()) durable_.erase(event.renews);
      }
    }
    batch->done = true;
    committing_ = false;
    batch->ended.notify_all();
    taken_.notify_one();  // The one that leads the next batch.
  }
  if (!batch->status.ok()) return batch->status;
  bool any = false;
  for (std::size_t i = first; i < first + count; ++i) {
    const bool is_new = batch->fresh[i];
    ++(is_new ? taken.taken : taken.duplicates);
    any |= is_new;
  }
  lock.unlock();
  if (any) Wake();
  return taken;
}

}  // namespace mailquench::controller
