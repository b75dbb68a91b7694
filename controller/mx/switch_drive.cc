// The thread that drives switches: what is sent, in which order, and what becomes of it.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"
#include "controller/dns/update.h"
#include "controller/mx/hook.h"
#include "controller/mx/primaries.h"
#include "controller/mx/switch_text.h"
#include "controller/mx/switches.h"
#include "controller/mx/zone_servers.h"
#include "controller/store/times.h"

namespace mailquench::controller::mx {
namespace {

MQ_DEFINE_FAULT_POINT(kMxSending, "mx.record.sending");  // Written, not sent.
MQ_DEFINE_FAULT_POINT(kMxSent, "mx.record.sent");        // Sent, its outcome not written.
MQ_DEFINE_FAULT_POINT(kMxNext, "mx.record.next");        // One is done, the next not begun.

constexpr absl::Duration kPlanLives = absl::Hours(24);
constexpr absl::Duration kTryAgain = absl::Seconds(10);

std::vector<std::string> ValuesIn(const v1::RecordSet& set) {
  return {set.values().begin(), set.values().end()};
}

// Whether this pass has to send the record.
bool IsToSend(const v1::SwitchRecord& one, v1::SwitchState state) {
  switch (state) {
    case v1::SWITCH_STATE_LOWERING:
      if (one.purpose() != "ttl") return false;
      break;
    case v1::SWITCH_STATE_SWITCHING:
      break;
    case v1::SWITCH_STATE_REVERTING: {
      const bool failed =
          one.state() == v1::RECORD_STATE_FAILED || one.state() == v1::RECORD_STATE_CONFLICT;
      return one.state() == v1::RECORD_STATE_APPLIED || one.state() == v1::RECORD_STATE_SEEN ||
             one.state() == v1::RECORD_STATE_SENDING || (failed && one.has_apply_time());
    }
    default:
      return false;
  }
  return one.state() == v1::RECORD_STATE_PLANNED || one.state() == v1::RECORD_STATE_SENDING;
}

// It is not known what became of the update: the same one is sent again.
bool IsOpenOutcome(const absl::Status& status) {
  return absl::IsUnknown(status);
}

}  // namespace

void Switches::Crashed(const absl::Status& why) const {
  options_.log(absl::StrCat("a switch of mail routes could not go on: ", std::string(why.message()),
                            "; it is tried again"));
}

void Switches::Loop() {
  while (true) {
    const absl::Duration wait = std::clamp(Pass(), absl::Milliseconds(50), absl::Seconds(30));
    std::unique_lock<std::mutex> lock(mu_);
    changed_.wait_for(lock, absl::ToChronoMilliseconds(wait),
                      [this] { return stopping_ || woken_; });
    woken_ = false;
    if (stopping_) return;
  }
}

absl::Duration Switches::Pass() {
  const std::lock_guard<std::mutex> one_pass(pass_mu_);
  std::vector<LivePtr> open;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    for (const auto& [id, live] : live_) open.push_back(live);
  }
  absl::Duration wait = absl::Seconds(30);
  for (const LivePtr& live : open) {
    for (const absl::Status& status : {Step(live, &wait), TellOfTrouble(live)}) {
      if (status.ok()) continue;
      Crashed(status);
      wait = std::min(wait, kTryAgain);
    }
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
      if (check.state() == v1::CHECK_STATE_FAILED && absl::StartsWith(check.check_id(), "server:"))
        add(check.check_id(), absl::StrCat("a switch of mail routes waits: ", check.found()));
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

// One after another; a person may turn it round between any two.
absl::Status Switches::SendAll(const LivePtr& live, v1::SwitchState state, bool* stopped) {
  const bool backwards = state == v1::SWITCH_STATE_REVERTING;
  int count = 0;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    count = live->value.records_size();
    const absl::Time now = clock_->Now();
    if (live->retry_time > now && live->retry_time <= now + kTryAgain) {
      *stopped = true;
      return absl::OkStatus();
    }
  }
  for (int step = 0; step < count; ++step) {
    const int i = backwards ? count - 1 - step : step;
    {
      const std::lock_guard<std::mutex> lock(mu_);
      if (stopping_ || live->value.state() != state) {
        *stopped = true;
        return absl::OkStatus();
      }
      if (!IsToSend(live->value.records(i), state)) continue;
    }
    MQ_RETURN_IF_ERROR(SendOne(live, i, backwards, stopped));
    if (*stopped) return absl::OkStatus();
    {
      const std::lock_guard<std::mutex> lock(mu_);
      live->look_time = absl::InfinitePast();
    }
    MQ_FAULT_POINT(kMxNext);
  }
  return absl::OkStatus();
}

absl::Status Switches::SendOne(const LivePtr& live, int position, bool backwards, bool* stopped) {
  MQ_RETURN_IF_ERROR(EditRecord(live, position, [](v1::SwitchRecord* one) {
    one->set_state(v1::RECORD_STATE_SENDING);
    one->clear_seen_time();
    one->clear_expire_time();
    one->clear_servers();
  }));
  v1::SwitchRecord record;
  std::string id;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    record = live->value.records(position);
    id = live->value.switch_id();
  }
  MQ_FAULT_POINT(kMxSending);
  const v1::RecordSet& from = backwards ? record.after() : record.before();
  const v1::RecordSet& to = backwards ? record.before() : record.after();
  const v1::RecordState done = backwards ? v1::RECORD_STATE_REVERTED : v1::RECORD_STATE_APPLIED;
  if (record.via() == v1::SWITCH_VIA_REQUEST)
    return Outcome(live, position, backwards, absl::OkStatus(), v1::RECORD_STATE_REQUESTED,
                   stopped);
  const Zone* const zone = ConfiguredZone(options_, record.before().name());
  if (zone == nullptr || zone->via != record.via())
    return Outcome(live, position, backwards,
                   Error(absl::StatusCode::kFailedPrecondition, "ZONE_NOT_CONFIGURED",
                         absl::StrCat("the zone ", record.zone(),
                                      " is not in the configuration any more as it was planned; "
                                      "nothing was changed")),
                   done, stopped);
  Lookups lookups(options_.resolvers, options_.patience);
  Primaries primaries(&options_, &lookups);
  if (record.via() == v1::SWITCH_VIA_UPDATE) {
    const auto primary = primaries.Of(*zone);
    absl::Status result = primary.status();
    if (primary.ok()) {
      dns::Change change{from.name(), from.type(), ValuesIn(from), ValuesIn(to), to.ttl()};
      result = dns::Update(*primary, {change}, clock_->Now()).status();
      MQ_FAULT_POINT(kMxSent);
    }
    return Outcome(live, position, backwards, result, done, stopped);
  }
  // A program cannot be given conditions: DNS is looked at before, and it is not run where all is
  // done.
  const auto now_there = primaries.Current(from.name(), from.type(), clock_->Now());
  absl::Status result = now_there.status();
  v1::RecordState state = v1::RECORD_STATE_REQUESTED;
  if (now_there.ok() && ValuesIn(*now_there) == ValuesIn(to) && now_there->ttl() == to.ttl()) {
    state = done;
  } else if (now_there.ok() && ValuesIn(*now_there) != ValuesIn(from)) {
    result = Error(absl::StatusCode::kAborted, "DNS_CHANGED_ELSEWHERE",
                   absl::StrCat("it is neither what was planned nor what is wanted: somebody else "
                                "has changed it. It is now ",
                                SetText(*now_there), ". Nothing was changed; decide anew"));
  } else if (now_there.ok()) {
    result = RunHook(zone->hook, HookInput(id, record, backwards), options_.hook_limit);
    MQ_FAULT_POINT(kMxSent);
  }
  return Outcome(live, position, backwards, result, state, stopped);
}

absl::Status Switches::Outcome(const LivePtr& live,
                               int position,
                               bool backwards,
                               const absl::Status& result,
                               v1::RecordState state,
                               bool* stopped) {
  const absl::Time now = clock_->Now();
  if (result.ok()) {
    return EditRecord(live, position, [&](v1::SwitchRecord* one) {
      one->set_state(state);
      one->clear_error();
      if (state != v1::RECORD_STATE_REQUESTED) StampTime(now, one->mutable_apply_time());
    });
  }
  *stopped = true;
  if (IsOpenOutcome(result)) {
    MQ_RETURN_IF_ERROR(EditRecord(live, position, [&](v1::SwitchRecord* one) {
      one->set_error(absl::StrCat(std::string(result.message()), "; it is sent again"));
    }));
    const std::lock_guard<std::mutex> lock(mu_);
    live->retry_time = now + kTryAgain;
    return absl::OkStatus();
  }
  return Edit(live, [&](v1::MxSwitch* value) {
    v1::SwitchRecord* const one = value->mutable_records(position);
    one->set_state(absl::IsAborted(result) ? v1::RECORD_STATE_CONFLICT : v1::RECORD_STATE_FAILED);
    one->set_error(std::string(result.message()));
    // It says on the way back that the record is as we made it.
    if (backwards && !one->has_apply_time()) StampTime(now, one->mutable_apply_time());
    value->set_state(v1::SWITCH_STATE_STUCK);
    StampTime(now, value->mutable_stuck_time());
    Say(value, "controller", absl::StrCat("stuck at ", NameText(*one), ": ", one->error()));
    return absl::OkStatus();
  });
}

}  // namespace mailquench::controller::mx
