#include "controller/mx/record_way.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "controller/mx/plan.h"
#include "controller/mx/preflight.h"
#include "controller/mx/switch_text.h"
#include "controller/store/times.h"

namespace mailquench::controller::mx {
namespace {

bool SameName(const v1::SwitchRecord& a, const v1::SwitchRecord& b) {
  return a.before().name() == b.before().name() && a.before().type() == b.before().type();
}

bool IsTtl(const v1::SwitchRecord& one) {
  return one.purpose() == "ttl";
}

// The record that the TTL was lowered for; null: none.
const v1::SwitchRecord* MainOf(const v1::MxSwitch& value, const v1::SwitchRecord& ttl) {
  for (const v1::SwitchRecord& one : value.records()) {
    if (!IsTtl(one) && SameName(one, ttl)) return &one;
  }
  return nullptr;
}

// Its former value is there again, or never left.
bool IsHome(const v1::SwitchRecord& one) {
  switch (one.state()) {
    case v1::RECORD_STATE_PLANNED:
    case v1::RECORD_STATE_UNCHANGED:
    case v1::RECORD_STATE_REVERTED:
      return true;
    case v1::RECORD_STATE_CONFLICT:
      return !one.backwards();
    default:
      return false;
  }
}

// It goes anew the given way.
void SendAnew(bool backwards, absl::Time now, v1::SwitchRecord* one) {
  // A program that ended badly, or was killed, may have asked for the change all the same.
  const bool others = one->via() != v1::SWITCH_VIA_UPDATE;
  const bool asked = one->state() == v1::RECORD_STATE_REQUESTED ||
                     one->state() == v1::RECORD_STATE_SENDING ||
                     one->state() == v1::RECORD_STATE_FAILED;
  if (one->backwards() != backwards) one->set_open_request(others && asked);
  // A request is out as soon as its text is there; what is sent waits for those before it.
  const bool out = backwards || one->via() == v1::SWITCH_VIA_REQUEST;
  one->set_state(out ? v1::RECORD_STATE_SENDING : v1::RECORD_STATE_PLANNED);
  one->set_backwards(backwards);
  StampTime(now, one->mutable_send_time());
  one->clear_seen_time();
  one->clear_expire_time();
  one->clear_error();
}

void DropRecordChecks(v1::MxSwitch* value) {
  auto* const checks = value->mutable_checks();
  checks->erase(std::remove_if(checks->begin(), checks->end(),
                               [](const v1::Check& check) {
                                 return absl::StartsWith(check.check_id(), kRecordCheck);
                               }),
                checks->end());
}

}  // namespace

std::string RecordCheckId(const v1::SwitchRecord& one) {
  return absl::StrCat(kRecordCheck, one.before().type(), "/", one.before().name());
}

bool IsLeft(const v1::MxSwitch& value, const v1::SwitchRecord& one) {
  const std::string id = RecordCheckId(one);
  return std::any_of(value.checks().begin(), value.checks().end(), [&](const v1::Check& check) {
    return check.state() == v1::CHECK_STATE_WAIVED && check.check_id() == id;
  });
}

bool GoesBack(const v1::MxSwitch& value) {
  if (value.state() != v1::SWITCH_STATE_STUCK) return value.state() == v1::SWITCH_STATE_REVERTING;
  return std::any_of(value.records().begin(), value.records().end(),
                     [](const v1::SwitchRecord& one) { return one.backwards(); });
}

bool IsToSend(const v1::MxSwitch& value, const v1::SwitchRecord& one) {
  const bool planned = one.state() == v1::RECORD_STATE_PLANNED;
  const bool sending = one.state() == v1::RECORD_STATE_SENDING;
  switch (value.state()) {
    case v1::SWITCH_STATE_LOWERING:
      return IsTtl(one) && (planned || sending);
    case v1::SWITCH_STATE_SWITCHING:
      return planned || sending;
    case v1::SWITCH_STATE_REVERTING: {
      if (!sending && one.state() != v1::RECORD_STATE_APPLIED &&
          one.state() != v1::RECORD_STATE_SEEN)
        return false;
      if (!IsTtl(one)) return true;
      const v1::SwitchRecord* const main = MainOf(value, one);
      return main == nullptr || IsHome(*main);
    }
    default:
      return false;
  }
}

bool IsTrouble(const v1::SwitchRecord& one) {
  return one.backwards() &&
         (one.state() == v1::RECORD_STATE_FAILED || one.state() == v1::RECORD_STATE_CONFLICT);
}

bool FollowsTrouble(const v1::MxSwitch& value, const v1::SwitchRecord& one) {
  if (!IsTtl(one)) return false;
  const v1::SwitchRecord* const main = MainOf(value, one);
  return main != nullptr && (IsTrouble(*main) || (!IsHome(*main) && IsLeft(value, *main)));
}

bool IsBack(const v1::SwitchRecord& one) {
  return IsHome(one) && (one.state() != v1::RECORD_STATE_REVERTED || one.has_seen_time());
}

bool IsUnproven(const v1::SwitchRecord& one) {
  return one.state() == v1::RECORD_STATE_REQUESTED && one.open_request() &&
         one.via() == v1::SWITCH_VIA_REQUEST && !one.error().empty();
}

void TurnBack(const Options& options, absl::Time now, v1::MxSwitch* value) {
  if (!GoesBack(*value)) DropRecordChecks(value);
  std::set<int> asked;
  for (int i = 0; i < value->records_size(); ++i) {
    v1::SwitchRecord* const one = value->mutable_records(i);
    const bool turned = !one->backwards();
    switch (one->state()) {
      case v1::RECORD_STATE_APPLIED:
      case v1::RECORD_STATE_SEEN:
        if (one->via() == v1::SWITCH_VIA_REQUEST) SendAnew(true, now, one);
        break;
      case v1::RECORD_STATE_SENDING:
      case v1::RECORD_STATE_REQUESTED:
        if (!turned) continue;
        SendAnew(true, now, one);
        break;
      case v1::RECORD_STATE_FAILED:
        if (IsLeft(*value, *one)) continue;
        SendAnew(true, now, one);
        break;
      case v1::RECORD_STATE_CONFLICT:
        if (turned || IsLeft(*value, *one)) continue;
        SendAnew(true, now, one);
        break;
      default:
        continue;
    }
    if (turned && one->via() == v1::SWITCH_VIA_REQUEST) asked.insert(i);
  }
  for (std::string& text : RequestTexts(options, *value, true, asked))
    value->add_requests(std::move(text));
}

absl::Status TurnForward(const Options& options,
                         Primaries* primaries,
                         absl::Time now,
                         v1::MxSwitch* value) {
  std::vector<int> again;
  std::vector<v1::SwitchRecord> looked;
  std::set<int> asked;
  const bool back = GoesBack(*value);
  for (int i = 0; i < value->records_size(); ++i) {
    const v1::SwitchRecord& one = value->records(i);
    const bool broken = one.state() == v1::RECORD_STATE_FAILED ||
                        one.state() == v1::RECORD_STATE_CONFLICT ||
                        one.state() == v1::RECORD_STATE_REVERTED;
    if (!broken && !one.backwards()) continue;
    again.push_back(i);
    looked.push_back(one);
  }
  std::vector<bool> made;
  MQ_RETURN_IF_ERROR(CheckDrift(primaries, looked, Drift::kBeforeOrAfter, now, &made));
  const auto send = [&](int i) {
    SendAnew(false, now, value->mutable_records(i));
    if (value->records(i).via() == v1::SWITCH_VIA_REQUEST) asked.insert(i);
  };
  for (std::size_t k = 0; k < again.size(); ++k) {
    const bool went_back = looked[k].backwards() && !made[k];
    send(again[k]);
    if (!went_back || IsTtl(looked[k])) continue;
    // It went back with its former TTL, which caches have again: lowered and waited out anew.
    for (int i = 0; i < value->records_size(); ++i) {
      const v1::SwitchRecord& ttl = value->records(i);
      if (IsTtl(ttl) && SameName(ttl, looked[k]) && ttl.state() == v1::RECORD_STATE_SEEN) send(i);
    }
  }
  if (back) DropRecordChecks(value);
  for (std::string& text : RequestTexts(options, *value, false, asked))
    value->add_requests(std::move(text));
  return absl::OkStatus();
}

bool JudgeRecords(absl::Time now, v1::MxSwitch* value) {
  std::map<std::string, const v1::SwitchRecord*> troubles;
  for (const v1::SwitchRecord& one : value->records()) {
    if (IsTrouble(one) || IsUnproven(one)) troubles.emplace(RecordCheckId(one), &one);
  }
  const auto found = [](const v1::SwitchRecord& one) {
    return absl::StrCat(NameText(one), ": ", one.error());
  };
  bool changed = false;
  for (v1::Check& check : *value->mutable_checks()) {
    if (!absl::StartsWith(check.check_id(), kRecordCheck)) continue;
    const auto at = troubles.find(check.check_id());
    const bool is = at != troubles.end();
    if (check.state() != v1::CHECK_STATE_WAIVED &&
        ((check.state() == v1::CHECK_STATE_FAILED) != is ||
         (is && check.found() != found(*at->second)))) {
      check.set_state(is ? v1::CHECK_STATE_FAILED : v1::CHECK_STATE_PASSED);
      check.set_found(is ? found(*at->second) : "nothing is to be decided any more");
      changed = true;
    }
    if (is) troubles.erase(at);
  }
  for (const auto& [id, record] : troubles) {
    v1::Check* const check = value->add_checks();
    *check = MakeCheck(id, record->before().name(), v1::CHECK_STATE_FAILED, found(*record),
                       IsTrouble(*record)
                           ? "mend it and revert the switch again; or waive this, which leaves the "
                             "record as it is"
                           : "ask whoever has the zone; when the earlier request is certainly "
                             "withdrawn or done, waive this");
    StampTime(now, check->mutable_time());
    changed = true;
  }
  return changed;
}

void AddRecordCheck(const std::string& check_id, absl::Time now, v1::MxSwitch* value) {
  for (const v1::Check& check : value->checks()) {
    if (check.check_id() == check_id) return;
  }
  for (const v1::SwitchRecord& one : value->records()) {
    if (RecordCheckId(one) != check_id || one.state() != v1::RECORD_STATE_REQUESTED) continue;
    v1::Check* const check = value->add_checks();
    *check =
        MakeCheck(check_id, one.before().name(), v1::CHECK_STATE_FAILED,
                  absl::StrCat(NameText(one), " is not back: whoever has the zone was asked"), "");
    StampTime(now, check->mutable_time());
    return;
  }
}

void ForgetRequest(const std::string& check_id, v1::MxSwitch* value) {
  for (v1::SwitchRecord& one : *value->mutable_records()) {
    if (one.state() != v1::RECORD_STATE_REQUESTED || RecordCheckId(one) != check_id) continue;
    one.clear_open_request();
    one.clear_error();
  }
}

bool HoldsUp(const v1::MxSwitch& value) {
  return std::any_of(
      value.records().begin(), value.records().end(),
      [&](const v1::SwitchRecord& one) { return IsTrouble(one) && !IsLeft(value, one); });
}

}  // namespace mailquench::controller::mx
