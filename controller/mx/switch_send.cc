// What a switch sends, in which order, and what becomes of it.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"
#include "controller/dns/update.h"
#include "controller/mx/hook.h"
#include "controller/mx/primaries.h"
#include "controller/mx/record_way.h"
#include "controller/mx/switch_text.h"
#include "controller/mx/switches.h"
#include "controller/mx/zone_servers.h"
#include "controller/store/times.h"

namespace mailquench::controller::mx {
namespace {

MQ_DEFINE_FAULT_POINT(kMxSending, "mx.record.sending");  // Written, not sent.
MQ_DEFINE_FAULT_POINT(kMxSent, "mx.record.sent");        // Sent, its outcome not written.
MQ_DEFINE_FAULT_POINT(kMxNext, "mx.record.next");        // One is done, the next not begun.

constexpr int kMostTroublesTold = 20;  // In the timeline.

std::vector<std::string> ValuesIn(const v1::RecordSet& set) {
  return {set.values().begin(), set.values().end()};
}

// Nobody knows what became of it: the same is sent again.
bool IsOpenOutcome(const absl::Status& status) {
  return absl::IsUnknown(status) || absl::IsCancelled(status);
}

// By update. Where the data is as it is wanted and the TTL alone is not, that is set.
absl::Status SendUpdate(const dns::Primary& primary,
                        const v1::RecordSet& from,
                        const v1::RecordSet& to,
                        Clock* clock) {
  const auto send = [&](const v1::RecordSet& expected) {
    return dns::Update(primary,
                       {{to.name(), to.type(), ValuesIn(expected), ValuesIn(to), to.ttl()}},
                       clock->Now())
        .status();
  };
  const absl::Status result = send(from);
  if (!absl::IsAborted(result) || to.values().empty()) return result;
  const auto there = dns::Look(primary, to.name(), to.type(), clock->Now());
  const bool same = there.ok() && there->alias.empty() && there->values == ValuesIn(to);
  return same ? send(to) : result;
}

}  // namespace

// One after another; a person may turn it round between any two. On the way there the first that
// cannot be made stops those after it; on the way back all that can be put back are.
absl::Status Switches::SendAll(const LivePtr& live, v1::SwitchState state, bool* stopped) {
  const bool backwards = state == v1::SWITCH_STATE_REVERTING;
  int count = 0;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    count = live->value.records_size();
    const absl::Time now = clock_->Now();
    if (live->retry_time > now && live->retry_time <= now + kTryAgain) {
      *stopped = !backwards;
      return absl::OkStatus();
    }
  }
  std::set<std::string> silent;  // Zones whose primary is not to be had in this pass.
  for (int step = 0; step < count; ++step) {
    const int i = backwards ? count - 1 - step : step;
    std::string zone;
    {
      const std::lock_guard<std::mutex> lock(mu_);
      if (stopping_ || live->value.state() != state) {
        *stopped = true;
        return absl::OkStatus();
      }
      zone = live->value.records(i).zone();
      if (!IsToSend(live->value, live->value.records(i)) || silent.count(zone) > 0) continue;
    }
    MQ_ASSIGN_OR_RETURN(const Sent sent, SendOne(live, i, state));
    if (sent == Sent::kTurned || (sent != Sent::kSent && !backwards)) {
      *stopped = true;
      return absl::OkStatus();
    }
    if (sent == Sent::kUnknown) silent.insert(zone);
    {
      const std::lock_guard<std::mutex> lock(mu_);
      live->look_time = absl::InfinitePast();
    }
    MQ_FAULT_POINT(kMxNext);
  }
  return absl::OkStatus();
}

absl::StatusOr<Switches::Sent> Switches::SendOne(const LivePtr& live,
                                                 int position,
                                                 v1::SwitchState state) {
  const bool backwards = state == v1::SWITCH_STATE_REVERTING;
  v1::SwitchRecord record;
  std::string id;
  bool begun = false;
  MQ_RETURN_IF_ERROR(
      EditRecord(live, position, [&](const v1::MxSwitch& value, v1::SwitchRecord* one) {
        if (value.state() != state || !IsToSend(value, *one)) return false;
        if (one->state() != v1::RECORD_STATE_SENDING || !one->has_send_time())
          StampTime(clock_->Now(), one->mutable_send_time());
        one->set_state(v1::RECORD_STATE_SENDING);
        one->set_backwards(backwards);
        one->clear_seen_time();
        one->clear_expire_time();
        one->clear_servers();
        record = *one;
        id = value.switch_id();
        begun = true;
        return true;
      }));
  if (!begun) return Sent::kTurned;
  MQ_FAULT_POINT(kMxSending);
  const v1::RecordState done = backwards ? v1::RECORD_STATE_REVERTED : v1::RECORD_STATE_APPLIED;
  if (record.via() == v1::SWITCH_VIA_REQUEST)
    return Outcome(live, position, state, absl::OkStatus(), v1::RECORD_STATE_REQUESTED);
  const Zone* const zone = ConfiguredZone(options_, record.before().name());
  if (zone == nullptr || zone->via != record.via())
    return Outcome(live, position, state,
                   Error(absl::StatusCode::kFailedPrecondition, "ZONE_NOT_CONFIGURED",
                         absl::StrCat("the zone ", record.zone(),
                                      " is not in the configuration any more as it was planned; "
                                      "nothing was changed")),
                   done);
  Lookups lookups(options_.resolvers, options_.patience);
  Primaries primaries(&options_, &lookups);
  if (record.via() == v1::SWITCH_VIA_HOOK) {
    v1::RecordState reached = done;
    const absl::Status result = SendByHook(id, record, *zone, &primaries, &reached);
    MQ_FAULT_POINT(kMxSent);
    return Outcome(live, position, state, result, reached);
  }
  const auto primary = primaries.Of(*zone);
  if (!primary.ok()) return Outcome(live, position, state, primary.status(), done);
  const absl::Status result = SendUpdate(*primary, backwards ? record.after() : record.before(),
                                         backwards ? record.before() : record.after(), clock_);
  MQ_FAULT_POINT(kMxSent);
  return Outcome(live, position, state, result, done);
}

// A program cannot be given conditions: DNS is looked at before, and it is not run where all is
// done; but always where it may have asked for the opposite, which DNS does not show yet.
absl::Status Switches::SendByHook(const std::string& id,
                                  const v1::SwitchRecord& record,
                                  const Zone& zone,
                                  Primaries* primaries,
                                  v1::RecordState* reached) {
  const v1::RecordSet& from = record.backwards() ? record.after() : record.before();
  const v1::RecordSet& to = record.backwards() ? record.before() : record.after();
  MQ_ASSIGN_OR_RETURN(const v1::RecordSet there,
                      primaries->Current(from.name(), from.type(), clock_->Now()));
  const bool as_wanted = ValuesIn(there) == ValuesIn(to);
  if (!as_wanted && ValuesIn(there) != ValuesIn(from))
    return Error(absl::StatusCode::kAborted, "DNS_CHANGED_ELSEWHERE",
                 absl::StrCat("it is neither what was planned nor what is wanted: somebody else "
                              "has changed it. It is now ",
                              SetText(there), ". Nothing was changed; decide anew"));
  if (as_wanted && (to.values().empty() || there.ttl() == to.ttl()) && !record.open_request())
    return absl::OkStatus();
  *reached = v1::RECORD_STATE_REQUESTED;
  return RunHook(zone.hook, HookInput(id, record, there, to), options_.hook_limit,
                 [this] { return stopping_.load(); });
}

// Of a record that was turned round meanwhile nothing is written: it is sent the other way now.
absl::StatusOr<Switches::Sent> Switches::Outcome(const LivePtr& live,
                                                 int position,
                                                 v1::SwitchState state,
                                                 const absl::Status& result,
                                                 v1::RecordState reached) {
  const bool backwards = state == v1::SWITCH_STATE_REVERTING;
  const absl::Time now = clock_->Now();
  const auto turned = [&](const v1::SwitchRecord& one) {
    return one.state() != v1::RECORD_STATE_SENDING || one.backwards() != backwards;
  };
  if (result.ok()) {
    MQ_RETURN_IF_ERROR(EditRecord(live, position, [&](const v1::MxSwitch&, v1::SwitchRecord* one) {
      if (turned(*one)) return false;
      one->set_state(reached);
      one->clear_error();
      if (one->via() != v1::SWITCH_VIA_REQUEST) one->clear_open_request();
      if (reached != v1::RECORD_STATE_REQUESTED) StampTime(now, one->mutable_apply_time());
      return true;
    }));
    return Sent::kSent;
  }
  if (IsOpenOutcome(result)) {
    MQ_RETURN_IF_ERROR(EditRecord(live, position, [&](const v1::MxSwitch&, v1::SwitchRecord* one) {
      if (turned(*one)) return false;
      one->set_error(absl::StrCat(std::string(result.message()), "; it is sent again"));
      return true;
    }));
    const std::lock_guard<std::mutex> lock(mu_);
    live->retry_time = now + kTryAgain;
    return Sent::kUnknown;
  }
  MQ_RETURN_IF_ERROR(Edit(live, [&](v1::MxSwitch* value) {
    v1::SwitchRecord* const one = value->mutable_records(position);
    if (turned(*one)) return absl::OkStatus();
    one->set_state(absl::IsAborted(result) ? v1::RECORD_STATE_CONFLICT : v1::RECORD_STATE_FAILED);
    one->set_error(std::string(result.message()));
    if (value->state() != state) return absl::OkStatus();
    const std::string text = absl::StrCat(NameText(*one), ": ", one->error());
    if (backwards) {
      JudgeRecords(now, value);
      if (std::count_if(value->records().begin(), value->records().end(), IsTrouble) <=
          kMostTroublesTold)
        Say(value, "controller", absl::StrCat("could not put back ", text));
      return absl::OkStatus();
    }
    value->set_state(v1::SWITCH_STATE_STUCK);
    StampTime(now, value->mutable_stuck_time());
    Say(value, "controller", absl::StrCat("stuck at ", text));
    return absl::OkStatus();
  }));
  return Sent::kFailed;
}

}  // namespace mailquench::controller::mx
