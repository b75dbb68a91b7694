// Taking in: what is answered is on the disk, once, and many callers share one commit.
#include <algorithm>
#include <future>

#include "common/status/error.h"
#include "controller/escalation/alerts.h"
#include "controller/escalation/engine.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

constexpr absl::Duration kSameTrouble = absl::Hours(1);

}  // namespace

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

absl::StatusOr<std::vector<AlertEvent>> Escalator::EventsOf(const std::vector<v1::Alert>& alerts) {
  std::vector<AlertEvent> events;
  events.reserve(alerts.size());
  for (const v1::Alert& alert : alerts) {
    AlertEvent& event = events.emplace_back();
    event.alert = alert;
    MQ_RETURN_IF_ERROR(AdoptStart(&event.alert));
    event.event_key = EventKey(event.alert);
  }
  return events;
}

void Escalator::TakeLater(const std::vector<v1::Alert>& alerts, Done done) {
  absl::StatusOr<std::vector<AlertEvent>> events = EventsOf(alerts);
  if (!events.ok()) return done(events.status());
  committer_->Commit(*std::move(events), std::move(done));
}

absl::StatusOr<AlertInbox::Taken> Escalator::Take(const std::vector<v1::Alert>& alerts) {
  MQ_ASSIGN_OR_RETURN(std::vector<AlertEvent> events, EventsOf(alerts));
  return TakeEvents(std::move(events));
}

absl::StatusOr<AlertInbox::Taken> Escalator::TakeEvents(std::vector<AlertEvent> events) {
  std::promise<absl::StatusOr<Taken>> taken;
  committer_->Commit(std::move(events),
                     [&taken](const absl::StatusOr<Taken>& one) { taken.set_value(one); });
  return taken.get_future().get();
}

}  // namespace mailquench::controller
