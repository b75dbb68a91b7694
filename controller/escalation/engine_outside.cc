// What may take long: agents that are asked for a dry run, and Alertmanager. On a thread of its
// own, so that neither holds up what an alert calls for.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "controller/escalation/engine.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

constexpr absl::Duration kFirst = absl::Seconds(2);  // Between tries of a silence; then longer.
constexpr absl::Duration kMost = absl::Minutes(1);
constexpr absl::Duration kRest = absl::Seconds(30);  // Where nothing is waited for.
// Polls in a row: an Alertmanager that was started again has no alert until Prometheus sends it
// once more, which is after a minute (rules.alert.resend-delay).
constexpr int kAbsent = 9;
constexpr std::int64_t kStuck = 5;  // Tries, before a person is told.

// By which a silence is found again that was set and not written down.
std::string CommentOf(const v1::Escalation& escalation) {
  return absl::StrCat("mailquench escalation ", escalation.escalation_id());
}

std::vector<SilenceMatcher> MatchersOf(const v1::Escalation& escalation) {
  SilenceMatcher matcher;
  for (const v1::EscalationHost& host : escalation.hosts()) {
    if (host.label_name().empty()) continue;
    if (matcher.name.empty()) matcher.name = host.label_name();
    // A silence holds where all of its matchers do: hosts of another label would make it match
    // none.
    if (host.label_name() == matcher.name) matcher.values.push_back(host.label_value());
  }
  return {matcher};
}

bool Waits(const v1::Escalation& escalation) {
  return escalation.firing_count() > 0 && (escalation.state() == v1::ESCALATION_STATE_RUNNING ||
                                           escalation.state() == v1::ESCALATION_STATE_VERIFYING ||
                                           escalation.state() == v1::ESCALATION_STATE_STARTING);
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

absl::Time Escalator::SeeToSilence(const v1::Escalation& escalation,
                                   const EscalationConfig& config) {
  const absl::Time now = clock_->Now();
  const std::string& id = escalation.escalation_id();
  const auto wait = silence_next_.find(id);
  if (wait != silence_next_.end() && now < wait->second) return wait->second;
  const v1::Silence& silence = escalation.silence();
  const absl::Time end = TimeOf(silence.end_time());
  const bool lifting = silence.state() == v1::Silence::STATE_LIFTING;
  // One that is set is extended long before its end.
  const absl::Time extend = end - options_.silence / 2;
  if (silence.state() == v1::Silence::STATE_SET && now < extend) return extend;
  const auto found = std::find_if(
      config.alertmanagers.begin(), config.alertmanagers.end(),
      [&](const AlertmanagerConfig& one) { return one.name == silence.alertmanager(); });
  absl::Status status;
  std::string silence_id = silence.silence_id();
  const absl::Time new_end = now + options_.silence;
  if (found == config.alertmanagers.end()) {
    status = Error(absl::StatusCode::kNotFound, "ALERTMANAGER_NOT_FOUND",
                   absl::StrCat("the rules name no Alertmanager ", silence.alertmanager(),
                                " any more; its silence ends by itself"));
  } else {
    Alertmanager alertmanager(*found);
    if (silence_id.empty()) {
      const absl::StatusOr<std::string> before = alertmanager.FindSilence(CommentOf(escalation));
      status = before.status();
      if (before.ok()) silence_id = *before;
    }
    if (status.ok() && lifting) {
      if (!silence_id.empty()) status = alertmanager.LiftSilence(silence_id);
    } else if (status.ok()) {
      SilenceWish wish;
      wish.silence_id = silence_id;
      wish.matchers = MatchersOf(escalation);
      wish.start = now;
      wish.end = new_end;
      wish.comment = absl::StrCat(CommentOf(escalation), ": its hosts are being worked on by run ",
                                  escalation.run_ids(escalation.run_ids_size() - 1));
      const absl::StatusOr<std::string> set = alertmanager.SetSilence(wish);
      status = set.status();
      if (set.ok()) silence_id = *set;
    }
  }
  std::int64_t tries = 0;
  const bool over = lifting && !silence.silence_id().empty() && now >= end;
  bool ended_meanwhile = false;
  const auto kept = Edit(id, [&](v1::Escalation* one) {
    v1::Silence* its = one->mutable_silence();
    ended_meanwhile = !lifting && its->state() == v1::Silence::STATE_LIFTING;
    its->set_silence_id(silence_id);
    its->set_tries(its->tries() + 1);
    tries = its->tries();
    its->clear_error();
    if (!status.ok()) its->set_error(std::string(status.message()));
    if (lifting && (status.ok() || over)) {
      its->set_state(status.ok() ? v1::Silence::STATE_LIFTED : v1::Silence::STATE_GIVEN_UP);
      Say(one, status.ok() ? "the silence in Alertmanager is lifted"
                           : "the silence in Alertmanager has ended by itself: it could not be "
                             "lifted before");
    } else if (!lifting && status.ok()) {
      if (its->state() == v1::Silence::STATE_WANTED) {
        its->set_state(v1::Silence::STATE_SET);
        Say(one, absl::StrCat("silence ", silence_id, " is set in Alertmanager"));
      }
      StampTime(new_end, its->mutable_end_time());
      its->set_tries(0);
    }
    return absl::OkStatus();
  });
  if (!kept.ok()) {
    options_.log("escalation: " + std::string(kept.status().message()));
    return now + kFirst;
  }
  if (status.ok()) {
    silence_next_.erase(id);
    if (ended_meanwhile) return now;
    return kept->silence().state() == v1::Silence::STATE_SET ? new_end - options_.silence / 2
                                                             : absl::InfiniteFuture();
  }
  if (tries == kStuck && lifting) {
    Tell(*kept, "silence-stuck", "warning",
         absl::StrCat("a silence in Alertmanager could not be lifted: ",
                      std::string(status.message())),
         absl::StrCat("amtool silence expire ", silence_id,
                      silence.has_end_time()
                          ? absl::StrCat("; it ends by itself at ", absl::FormatTime(end))
                          : ""));
  }
  const absl::Time next =
      now + std::min(kMost, kFirst * static_cast<double>(1 << std::min<std::int64_t>(tries, 5)));
  silence_next_[id] = next;
  return next;
}

// While a silence stands, and after it too, Alertmanager sends no `resolved` (seen with 0.25): what
// has ended is what its API does not have any more.
void Escalator::LookForEnds(const std::vector<v1::Escalation>& open,
                            const EscalationConfig& config) {
  for (const AlertmanagerConfig& one : config.alertmanagers) {
    std::vector<const v1::Escalation*> mine;
    for (const v1::Escalation& escalation : open) {
      const auto its = AlertmanagerOf(escalation.source(), config);
      if (Waits(escalation) && its && its->name == one.name) mine.push_back(&escalation);
    }
    if (mine.empty()) continue;
    const absl::StatusOr<std::vector<KnownAlert>> known = Alertmanager(one).Alerts();
    if (!known.ok()) {
      for (const v1::Escalation* escalation : mine) {
        for (const v1::Alert& alert : escalation->alerts()) absent_.erase(alert.alert_key());
      }
      if (away_.insert(one.name).second)
        options_.log(absl::StrCat("escalation: ", one.name,
                                  " cannot be asked: ", std::string(known.status().message())));
      continue;
    }
    if (away_.erase(one.name) > 0) options_.log("escalation: " + one.name + " answers again");
    std::set<std::string> there;
    for (const KnownAlert& alert : *known) there.insert(alert.fingerprint);
    std::vector<v1::Alert> ended;
    for (const v1::Escalation* escalation : mine) {
      v1::ListAlertsRequest all;
      all.set_escalation_id(escalation->escalation_id());
      all.set_limit(100000);
      const auto records = store_->Alerts(all);
      if (!records.ok()) continue;
      for (const v1::AlertRecord& record : *records) {
        const v1::Alert& alert = record.alert();
        if (alert.status() != v1::ALERT_STATUS_FIRING || record.ended()) continue;
        if (there.count(alert.fingerprint()) > 0) {
          absent_.erase(alert.alert_key());
          continue;
        }
        if (++absent_[alert.alert_key()] < kAbsent) continue;
        absent_.erase(alert.alert_key());
        v1::Alert end = alert;
        end.set_status(v1::ALERT_STATUS_RESOLVED);
        StampTime(clock_->Now(), end.mutable_end_time());
        StampTime(clock_->Now(), end.mutable_receive_time());
        ended.push_back(std::move(end));
      }
    }
    if (!ended.empty()) {
      const auto taken = Take(ended);
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
    if (escalation.state() == v1::ESCALATION_STATE_PROPOSED) {
      bool ask = false;
      {
        const std::lock_guard<std::mutex> lock(wake_mu_);
        ask = dry_.insert(escalation.escalation_id()).second;
      }
      if (ask) DryRun(escalation);
    }
    open.push_back(escalation);
  }
  if (waits && now >= next_poll_) {
    LookForEnds(open, *config);
    next_poll_ = now + options_.poll;
  }
  if (waits) next = std::min(next, next_poll_);
  if (now >= next_prune_) {
    next_prune_ = now + absl::Hours(1);
    store_->PruneAlerts(now - options_.keep_alerts).IgnoreError();
    store_->PruneNotices(now - options_.keep_alerts).IgnoreError();
  }
  return next;
}

}  // namespace mailquench::controller
