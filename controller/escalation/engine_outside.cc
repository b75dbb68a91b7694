// What may take long: agents that are asked for a dry run, and Alertmanager. On a thread of its
// own, so that neither holds up what an alert calls for.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "controller/escalation/alerts.h"
#include "controller/escalation/engine.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

constexpr absl::Duration kRest = absl::Seconds(30);  // Where nothing is waited for.
constexpr int kPolls = 3;  // At least so many say that an alert is missing, before it has ended.

// Also where nothing is run: the silence of another escalation mutes its end as well.
bool Waits(const v1::Escalation& escalation) {
  return escalation.firing_count() > 0 && !escalation.has_end_time();
}

bool HasSilence(const v1::Escalation& escalation) {
  switch (escalation.silence().state()) {
    case v1::Silence::STATE_WANTED:
    case v1::Silence::STATE_SET:
    case v1::Silence::STATE_LIFTING:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::optional<AlertmanagerConfig> Escalator::AlertmanagerOf(const std::string& source,
                                                            const EscalationConfig& config) {
  bool of_kind = false;
  for (const v1::AlertSource& one : sources_->All())
    of_kind |= one.name() == source && one.kind() == v1::SOURCE_KIND_ALERTMANAGER;
  for (const AlertmanagerConfig& one : config.alertmanagers) {
    const bool named =
        std::find(one.sources.begin(), one.sources.end(), source) != one.sources.end();
    if (named || (one.sources.empty() && of_kind)) return one;
  }
  return std::nullopt;
}

void Escalator::DryRun(const v1::Escalation& escalation) {
  const absl::StatusOr<v1::Plan> plan =
      hands_->PlanFor(escalation.request(), escalation.requested_by());
  const auto kept = Edit(escalation.escalation_id(), [&](v1::Escalation* one) {
    if (one->state() != v1::ESCALATION_STATE_PROPOSED) return absl::OkStatus();
    if (plan.ok()) {
      *one->mutable_plan() = *plan;
    } else {
      Say(one, absl::StrCat("no dry run: ", std::string(plan.status().message())));
    }
    return absl::OkStatus();
  });
  if (!kept.ok()) options_.log("escalation: " + std::string(kept.status().message()));
}

// While a silence stands, and after it too, Alertmanager sends no `resolved` (seen with 0.25): what
// has ended is what its API does not have any more.
void Escalator::LookForEnds(const std::vector<v1::Escalation>& open,
                            const EscalationConfig& config) {
  const absl::Time now = clock_->Now();
  // Only what is missing again stays: what was missing before its Alertmanager fell silent, or
  // ended otherwise since, says nothing.
  std::map<std::string, Absence> before;
  before.swap(absent_);
  for (const AlertmanagerConfig& one : config.alertmanagers) {
    std::vector<const v1::Escalation*> mine;
    for (const v1::Escalation& escalation : open) {
      const auto its = AlertmanagerOf(escalation.source(), config);
      if (Waits(escalation) && its && its->name == one.name) mine.push_back(&escalation);
    }
    if (mine.empty()) continue;
    const absl::StatusOr<std::vector<KnownAlert>> known = Alertmanager(one).Alerts();
    if (!known.ok()) {
      if (away_.insert(one.name).second)
        options_.log(absl::StrCat("escalation: ", one.name,
                                  " cannot be asked: ", std::string(known.status().message())));
      continue;
    }
    if (away_.erase(one.name) > 0) options_.log("escalation: " + one.name + " answers again");
    std::set<std::string> there;
    for (const KnownAlert& alert : *known) there.insert(alert.fingerprint);
    std::vector<AlertEvent> ended;
    for (const v1::Escalation* escalation : mine) {
      const auto records = store_->FiringOfEscalation(escalation->escalation_id());
      if (!records.ok()) continue;
      for (const v1::AlertRecord& record : *records) {
        const v1::Alert& alert = record.alert();
        if (alert.source() != escalation->source()) continue;
        if (there.count(alert.fingerprint()) > 0) continue;
        const auto missed = before.find(alert.alert_key());
        Absence absence = missed == before.end() ? Absence{now, 0} : missed->second;
        if (++absence.polls < kPolls || now - absence.since < one.resolved_after) {
          absent_[alert.alert_key()] = absence;
          continue;
        }
        AlertEvent& event = ended.emplace_back();
        event.alert = alert;
        event.alert.set_status(v1::ALERT_STATUS_RESOLVED);
        StampTime(now, event.alert.mutable_end_time());
        StampTime(now, event.alert.mutable_receive_time());
        // Should it have been wrong, the same alert that is sent again is news.
        event.renews = EventKey(alert);
        event.event_key = absl::StrCat(alert.alert_key(), "/missing@", absl::ToUnixMillis(now));
      }
    }
    if (!ended.empty()) {
      const auto taken = TakeEvents(std::move(ended));
      if (!taken.ok()) options_.log("escalation: " + std::string(taken.status().message()));
    }
  }
}

absl::Time Escalator::Outside() {
  const std::shared_ptr<const EscalationConfig> config = Config();
  const absl::Time now = clock_->Now();
  // A silence outlives its escalation: it may still be waiting to be lifted.
  const auto all = store_->OpenEscalations(now - absl::Hours(24));
  if (!all.ok()) {
    options_.log("escalation: " + std::string(all.status().message()));
    return now + kRest;
  }
  absl::Time next = now + kRest;
  bool waits = false;
  std::vector<v1::Escalation> open;
  for (const v1::Escalation& escalation : *all) {
    if (HasSilence(escalation)) next = std::min(next, SeeToSilence(escalation, *config));
    if (escalation.has_end_time()) continue;
    waits |= Waits(escalation);
    open.push_back(escalation);
  }
  if (waits && now >= next_poll_) {
    LookForEnds(open, *config);
    next_poll_ = now + options_.poll;
  }
  if (!waits) absent_.clear();
  if (waits) next = std::min(next, next_poll_);
  // A dry run takes seconds: one at a time, so that no silence waits for many.
  for (const v1::Escalation& escalation : open) {
    if (escalation.state() != v1::ESCALATION_STATE_PROPOSED) continue;
    {
      const std::lock_guard<std::mutex> lock(wake_mu_);
      if (!dry_.insert(escalation.escalation_id()).second) continue;
    }
    DryRun(escalation);
    next = now;
    break;
  }
  if (now >= next_prune_) {
    next_prune_ = now + absl::Hours(1);
    store_->PruneAlerts(now - options_.keep_alerts).IgnoreError();
    store_->PruneNotices(now - options_.keep_alerts).IgnoreError();
    store_->PruneEscalations(now - options_.keep_alerts).IgnoreError();
    std::set<std::string> proposed;
    for (const v1::Escalation& escalation : open) proposed.insert(escalation.escalation_id());
    const std::lock_guard<std::mutex> lock(wake_mu_);
    for (auto one = dry_.begin(); one != dry_.end();)
      one = proposed.count(*one) > 0 ? std::next(one) : dry_.erase(one);
  }
  return next;
}

}  // namespace mailquench::controller
