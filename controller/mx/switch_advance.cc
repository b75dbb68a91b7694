// What follows from what DNS shows: the old TTLs are over, seen, done, reverted.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "controller/mx/record_way.h"
#include "controller/mx/switch_text.h"
#include "controller/mx/switches.h"
#include "controller/store/times.h"

namespace mailquench::controller::mx {
namespace {

bool AllSeen(const v1::MxSwitch& value, bool ttl_only, absl::Time* last) {
  *last = absl::InfinitePast();
  for (const v1::SwitchRecord& one : value.records()) {
    if ((ttl_only && one.purpose() != "ttl") || one.state() == v1::RECORD_STATE_UNCHANGED) continue;
    if (one.state() != v1::RECORD_STATE_SEEN) return false;
    *last = std::max(*last, TimeOf(one.expire_time()));
  }
  return true;
}

bool NothingToSend(const v1::MxSwitch& value) {
  return std::none_of(value.records().begin(), value.records().end(), [](const auto& one) {
    return one.state() == v1::RECORD_STATE_PLANNED || one.state() == v1::RECORD_STATE_SENDING;
  });
}

}  // namespace

absl::Status Switches::Advance(const LivePtr& live, absl::Duration* wait) {
  v1::MxSwitch value;
  absl::Time looked;
  bool all_hold = false;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    value = live->value;
    looked = live->full_look;
    all_hold = live->all_hold;
  }
  const absl::Time now = clock_->Now();
  absl::Time last;
  switch (value.state()) {
    case v1::SWITCH_STATE_LOWERING: {
      if (!AllSeen(value, true, &last)) return absl::OkStatus();
      if (last > now) {
        *wait = std::min(*wait, last - now);
        return absl::OkStatus();
      }
      return Edit(live, [&](v1::MxSwitch* changed) {
        if (changed->state() != value.state()) return absl::OkStatus();
        changed->set_state(v1::SWITCH_STATE_SWITCHING);
        Say(changed, "controller", "the old TTLs are over; records are changed now");
        return absl::OkStatus();
      });
    }
    case v1::SWITCH_STATE_SWITCHING:
      if (!NothingToSend(value)) return absl::OkStatus();
      return Edit(live, [&](v1::MxSwitch* changed) {
        if (changed->state() != value.state()) return absl::OkStatus();
        changed->set_state(v1::SWITCH_STATE_WATCHING);
        Say(changed, "controller", "all that can be changed is changed; DNS is watched now");
        return absl::OkStatus();
      });
    case v1::SWITCH_STATE_WATCHING: {
      if (!AllSeen(value, false, &last)) return absl::OkStatus();
      if (!value.has_done_time() || TimeOf(value.done_time()) != last) {
        MQ_RETURN_IF_ERROR(
            OweOldAddress(value, absl::StrCat("after ", TimeText(last), ", when the switch ",
                                              value.switch_id(), " is done")));
        return Edit(live, [&](v1::MxSwitch* changed) {
          if (changed->state() != value.state()) return absl::OkStatus();
          StampTime(last, changed->mutable_done_time());
          Say(changed, "controller",
              absl::StrCat("every name server has it; done at ", TimeText(last)));
          return absl::OkStatus();
        });
      }
      // Once more, so that the last word is of after the end; and every server has to have it then.
      if (last > now || looked < last || !all_hold) {
        const std::lock_guard<std::mutex> lock(mu_);
        if (last <= now && looked < last) live->look_time = absl::InfinitePast();
        *wait = std::min(*wait, last > now      ? last - now
                                : looked < last ? absl::ZeroDuration()
                                                : options_.look_every);
        return absl::OkStatus();
      }
      return Edit(live, [&](v1::MxSwitch* changed) {
        if (changed->state() != value.state()) return absl::OkStatus();
        changed->set_state(v1::SWITCH_STATE_DONE);
        StampTime(now, changed->mutable_end_time());
        Say(changed, "controller", SwitchSentence(*changed, now));
        return absl::OkStatus();
      });
    }
    case v1::SWITCH_STATE_REVERTING:
      return ConcludeBack(live, value);
    default:
      return absl::OkStatus();
  }
}

// Reverted once all are back but those that a person leaves as they are; stuck where all others
// are.
absl::Status Switches::ConcludeBack(const LivePtr& live, const v1::MxSwitch& value) {
  for (const v1::SwitchRecord& one : value.records()) {
    if (!IsBack(one) && !IsTrouble(one) && !FollowsTrouble(value, one) && !IsLeft(value, one))
      return absl::OkStatus();
  }
  const absl::Time now = clock_->Now();
  if (!HoldsUp(value) && hands_.forgive && !value.incident_id().empty() &&
      !value.request().from_address().empty())
    MQ_RETURN_IF_ERROR(
        hands_.forgive(value.incident_id(), absl::StrCat("mx/", value.switch_id(), "/give-back"),
                       absl::StrCat("the switch ", value.switch_id(), " was reverted")));
  return Edit(live, [&](v1::MxSwitch* changed) {
    if (changed->state() != value.state()) return absl::OkStatus();
    if (HoldsUp(*changed)) {
      JudgeRecords(now, changed);
      changed->set_state(v1::SWITCH_STATE_STUCK);
      StampTime(now, changed->mutable_stuck_time());
    } else {
      changed->set_state(v1::SWITCH_STATE_REVERTED);
      StampTime(now, changed->mutable_end_time());
    }
    Say(changed, "controller", SwitchSentence(*changed, now));
    return absl::OkStatus();
  });
}

}  // namespace mailquench::controller::mx
