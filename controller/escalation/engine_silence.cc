// The silence of an escalation's hosts in Alertmanager, for as long as its run goes on.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "controller/escalation/engine.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

constexpr absl::Duration kFirst = absl::Seconds(2);  // Between tries; then longer.
constexpr absl::Duration kMost = absl::Minutes(1);
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

}  // namespace

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
  const bool over = lifting && now >= end;  // Each try has said how long it may stand.
  bool changed_meanwhile = false;
  const auto kept = Edit(id, [&](v1::Escalation* one) {
    v1::Silence* its = one->mutable_silence();
    const bool wanted =
        its->state() == v1::Silence::STATE_WANTED || its->state() == v1::Silence::STATE_SET;
    if (lifting == wanted) {
      // While it was lifted, a second try has begun and wants it; or the run has ended while it was
      // set, and it may stand whatever the answer was.
      changed_meanwhile = true;
      if (lifting && status.ok()) its->clear_silence_id();
      if (!lifting) {
        its->set_alertmanager(silence.alertmanager());
        its->set_silence_id(silence_id);
        its->set_state(v1::Silence::STATE_LIFTING);
        StampTime(new_end, its->mutable_end_time());
      }
      return absl::OkStatus();
    }
    its->set_silence_id(silence_id);
    its->set_tries(its->tries() + 1);
    tries = its->tries();
    its->clear_error();
    if (!status.ok()) its->set_error(std::string(status.message()));
    if (!lifting) StampTime(new_end, its->mutable_end_time());
    if (lifting && (status.ok() || over)) {
      its->set_state(status.ok() ? v1::Silence::STATE_LIFTED : v1::Silence::STATE_GIVEN_UP);
      Say(one, status.ok() && silence_id.empty() ? "no silence had been set in Alertmanager"
               : status.ok()                     ? "the silence in Alertmanager is lifted"
                             : "the silence in Alertmanager has ended by itself: it could not be "
                               "lifted before");
    } else if (!lifting && status.ok()) {
      if (its->state() == v1::Silence::STATE_WANTED) {
        its->set_state(v1::Silence::STATE_SET);
        Say(one, absl::StrCat("silence ", silence_id, " is set in Alertmanager"));
      }
      its->set_tries(0);
    }
    return absl::OkStatus();
  });
  if (!kept.ok()) {
    options_.log("escalation: " + std::string(kept.status().message()));
    return now + kFirst;
  }
  if (changed_meanwhile) {
    silence_next_.erase(id);
    return now;
  }
  if (status.ok() || over) {
    silence_next_.erase(id);
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

}  // namespace mailquench::controller
