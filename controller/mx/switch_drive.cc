// The thread that drives switches, and what it tells a person of.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "controller/mx/record_way.h"
#include "controller/mx/switch_text.h"
#include "controller/mx/switches.h"
#include "controller/store/times.h"

namespace mailquench::controller::mx {
namespace {

constexpr absl::Duration kPlanLives = absl::Hours(24);
constexpr absl::Duration kShortestWait = absl::Milliseconds(50);
constexpr absl::Duration kLongestWait = absl::Seconds(30);

}  // namespace

void Switches::Crashed(const absl::Status& why) const {
  options_.log(absl::StrCat("a switch of mail routes could not go on: ", std::string(why.message()),
                            "; it is tried again"));
}

void Switches::Drive() {
  std::unique_lock<std::mutex> lock(mu_);
  while (!stopping_) {
    LivePtr next;
    for (const auto& [id, live] : live_) {
      if (!live->busy && (next == nullptr || live->due < next->due)) next = live;
    }
    const Steady::time_point now = Steady::now();
    if (next == nullptr || next->due > now) {
      const Steady::time_point later = now + absl::ToChronoMilliseconds(kLongestWait);
      due_.wait_until(lock, next == nullptr ? later : std::min(next->due, later));
      continue;
    }
    next->busy = true;
    next->woken = false;
    lock.unlock();
    const absl::Duration wait = std::clamp(PassOf(next), kShortestWait, kLongestWait);
    lock.lock();
    next->busy = false;
    next->due =
        Steady::now() + absl::ToChronoMilliseconds(next->woken ? absl::ZeroDuration() : wait);
    due_.notify_one();
  }
}

absl::Duration Switches::Pass() {
  std::vector<LivePtr> open;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    for (const auto& [id, live] : live_) open.push_back(live);
  }
  absl::Duration wait = kLongestWait;
  for (const LivePtr& live : open) {
    {
      const std::lock_guard<std::mutex> lock(mu_);
      if (live->busy) continue;
      live->busy = true;
    }
    wait = std::min(wait, PassOf(live));
    const std::lock_guard<std::mutex> lock(mu_);
    live->busy = false;
  }
  return wait;
}

absl::Duration Switches::PassOf(const LivePtr& live) {
  absl::Duration wait = kLongestWait;
  for (const absl::Status& status : {Step(live, &wait), TellOfTrouble(live)}) {
    if (status.ok()) continue;
    Crashed(status);
    wait = std::min(wait, kTryAgain);
  }
  return wait;
}

// What waits for a person. Ids are made of what is stored, so that a controller that was killed
// before it told of it does so after its start, and one that has told of it does not tell twice.
absl::Status Switches::TellOfTrouble(const LivePtr& live) {
  if (!hands_.tell) return absl::OkStatus();
  std::vector<v1::Notice> notices;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    const v1::MxSwitch& value = live->value;
    const auto add = [&](absl::string_view what, const std::string& text) {
      v1::Notice notice;
      notice.set_notice_id(absl::StrCat("switch:", value.switch_id(), ":", what));
      if (live->told.count(notice.notice_id()) > 0) return;
      notice.set_kind("switch-stuck");
      notice.set_text(text);
      notice.set_next(absl::StrCat("mailquench mx watch ", value.switch_id()));
      notice.set_incident_id(value.incident_id());
      StampTime(clock_->Now(), notice.mutable_time());
      notices.push_back(std::move(notice));
    };
    if (value.state() == v1::SWITCH_STATE_STUCK)
      add(absl::StrCat(absl::ToUnixMillis(TimeOf(value.stuck_time()))),
          absl::StrCat(
              "a switch of mail routes is stuck",
              value.timeline().empty() ? "" : absl::StrCat(": ", *value.timeline().rbegin())));
    for (const v1::Check& check : value.checks()) {
      if (check.state() != v1::CHECK_STATE_FAILED) continue;
      if (absl::StartsWith(check.check_id(), kServerCheck))
        add(check.check_id(), absl::StrCat("a switch of mail routes waits: ", check.found()));
      if (absl::StartsWith(check.check_id(), kRecordCheck))
        add(check.check_id(),
            absl::StrCat("a switch of mail routes needs a decision: ", check.found()));
    }
    // A primary that does not answer, say: it is tried again for as long as it takes.
    for (const v1::SwitchRecord& one : value.records()) {
      if (one.state() != v1::RECORD_STATE_SENDING || one.error().empty() ||
          clock_->Now() - TimeOf(one.send_time()) < options_.lag_patience)
        continue;
      add(absl::StrCat("sending:", absl::ToUnixMillis(TimeOf(one.send_time()))),
          absl::StrCat("a switch of mail routes cannot go on at ", NameText(one), ": ",
                       one.error()));
      break;
    }
  }
  for (const v1::Notice& notice : notices) {
    MQ_RETURN_IF_ERROR(hands_.tell(notice));
    const std::lock_guard<std::mutex> lock(mu_);
    live->told.insert(notice.notice_id());
  }
  return absl::OkStatus();
}

absl::Status Switches::Step(const LivePtr& live, absl::Duration* wait) {
  v1::SwitchState state;
  absl::Time created;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    state = live->value.state();
    created = TimeOf(live->value.create_time());
    if (stopping_) return absl::OkStatus();
  }
  const absl::Time now = clock_->Now();
  if (state == v1::SWITCH_STATE_PLANNED && now - created > kPlanLives) {
    return Edit(live, [&](v1::MxSwitch* value) {
      if (value->state() != v1::SWITCH_STATE_PLANNED) return absl::OkStatus();
      value->set_state(v1::SWITCH_STATE_ABANDONED);
      StampTime(now, value->mutable_end_time());
      Say(value, "controller", "abandoned: it was not begun within a day");
      return absl::OkStatus();
    });
  }
  if (state == v1::SWITCH_STATE_PLANNED || state == v1::SWITCH_STATE_STUCK) return absl::OkStatus();
  bool stopped = false;
  MQ_RETURN_IF_ERROR(SendAll(live, state, &stopped));
  if (stopped) {
    *wait = std::min(*wait, kTryAgain);
    return absl::OkStatus();
  }
  bool look = false;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    // A clock that was set back must not put it off.
    look = live->look_time <= now || live->look_time > now + options_.look_every;
    if (look) live->look_time = now + options_.look_every;
    *wait = std::min(*wait, std::max(absl::ZeroDuration(), live->look_time - now));
  }
  if (look) MQ_RETURN_IF_ERROR(Look(live));
  return Advance(live, wait);
}

}  // namespace mailquench::controller::mx
