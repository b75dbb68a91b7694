// What a person does to a switch: start, revert, waive, note.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "common/text/harmless.h"
#include "controller/mx/plan.h"
#include "controller/mx/record_way.h"
#include "controller/mx/switch_text.h"
#include "controller/mx/switches.h"
#include "controller/mx/values.h"
#include "controller/store/times.h"

namespace mailquench::controller::mx {
namespace {

constexpr std::size_t kMostText = 2000;
constexpr int kMostNotes = 50;

absl::Status WrongState(const v1::MxSwitch& value, const std::string& what) {
  return Error(absl::StatusCode::kFailedPrecondition, "WRONG_STATE",
               absl::StrCat("the switch ", value.switch_id(), " cannot be ", what, ": it is ",
                            SwitchSentence(value, absl::Now()), "; nothing was changed"));
}

// A person's own words: one line, not empty.
absl::StatusOr<std::string> Words(const std::string& text, const std::string& what) {
  const std::string line = Harmless(text.substr(0, kMostText));
  if (line.find_first_not_of(' ') != std::string::npos) return line;
  return Error(absl::StatusCode::kInvalidArgument, "MISSING_REASON",
               absl::StrCat(what, "; nothing was changed"));
}

bool HasOpen(const v1::MxSwitch& value, const std::string& purpose) {
  return std::any_of(value.records().begin(), value.records().end(), [&](const auto& one) {
    return one.purpose() == purpose && one.state() != v1::RECORD_STATE_SEEN &&
           one.state() != v1::RECORD_STATE_UNCHANGED;
  });
}

std::string DutyId(const v1::MxSwitch& value) {
  return absl::StrCat("mx/", value.switch_id(), "/give-back");
}

}  // namespace

absl::Status Switches::OweOldAddress(const v1::MxSwitch& value, const std::string& when) {
  const std::string& old = value.request().from_address();
  if (old.empty() || value.incident_id().empty() || !hands_.owe) return absl::OkStatus();
  return hands_.owe(value.incident_id(), DutyId(value),
                    absl::StrCat("give back ", old, " at its provider ", when));
}

absl::StatusOr<v1::MxSwitch> Switches::Start(const v1::StartSwitchRequest& request,
                                             const std::string& actor) {
  MQ_ASSIGN_OR_RETURN(const LivePtr live, Find(request.switch_id()));
  const std::lock_guard<std::mutex> one(live->start_mu);
  MQ_ASSIGN_OR_RETURN(const v1::MxSwitch was, Get(request.switch_id()));
  if (was.state() != v1::SWITCH_STATE_PLANNED && was.state() != v1::SWITCH_STATE_STUCK)
    return WrongState(was, "started");
  if (request.plan_hash() != was.plan_hash())
    return Error(absl::StatusCode::kFailedPrecondition, "PLAN_DRIFTED",
                 "the hash is not that of this switch's plan; nothing was changed; look at it "
                 "with `mailquench mx watch` and give its hash");
  v1::MxSwitch changed = was;
  if (was.state() == v1::SWITCH_STATE_STUCK) {
    Lookups lookups(options_.resolvers, options_.patience);
    Primaries primaries(&options_, &lookups);
    MQ_RETURN_IF_ERROR(TurnForward(options_, &primaries, clock_->Now(), &changed));
  } else {
    Lookups lookups(options_.resolvers, options_.patience);
    Primaries primaries(&options_, &lookups);
    MQ_RETURN_IF_ERROR(CheckDrift(&primaries, {was.records().begin(), was.records().end()},
                                  Drift::kBefore, clock_->Now(), nullptr));
    MQ_ASSIGN_OR_RETURN(const std::vector<v1::Check> checks, CheckAgain(was));
    MQ_RETURN_IF_ERROR(Edit(live, [&](v1::MxSwitch* value) {
      value->clear_checks();
      for (const v1::Check& check : checks) *value->add_checks() = check;
      return absl::OkStatus();
    }));
    if (!Passed(checks))
      return Error(absl::StatusCode::kFailedPrecondition, "PREFLIGHT_FAILED",
                   absl::StrCat("the switch is held up by ", FailedText(checks),
                                "; nothing was changed; mend them, or waive each with a reason: "
                                "`mailquench mx waive ",
                                was.switch_id(), " CHECK --reason TEXT`"));
  }
  MQ_RETURN_IF_ERROR(
      OweOldAddress(was, absl::StrCat("once the switch ", was.switch_id(), " is done")));
  MQ_RETURN_IF_ERROR(Edit(live, [&](v1::MxSwitch* value) -> absl::Status {
    // Somebody has done something to it since it was looked at.
    if (value->state() != was.state() || value->timeline_size() != was.timeline_size())
      return WrongState(*value, "started");
    if (was.state() == v1::SWITCH_STATE_STUCK) {
      *value->mutable_records() = changed.records();
      *value->mutable_checks() = changed.checks();
      *value->mutable_requests() = changed.requests();
    }
    value->set_state(HasOpen(*value, "ttl") ? v1::SWITCH_STATE_LOWERING
                                            : v1::SWITCH_STATE_SWITCHING);
    if (!value->has_start_time()) StampTime(clock_->Now(), value->mutable_start_time());
    value->clear_done_time();
    value->clear_stuck_time();
    Say(value, actor, was.state() == v1::SWITCH_STATE_STUCK ? "started again" : "started");
    return absl::OkStatus();
  }));
  return Get(was.switch_id());
}

absl::StatusOr<v1::MxSwitch> Switches::Revert(const v1::RevertSwitchRequest& request,
                                              const std::string& actor) {
  MQ_ASSIGN_OR_RETURN(const std::string reason,
                      Words(request.reason(), "a switch is reverted only with a reason"));
  MQ_ASSIGN_OR_RETURN(const LivePtr live, Find(request.switch_id()));
  MQ_RETURN_IF_ERROR(Edit(live, [&](v1::MxSwitch* value) -> absl::Status {
    switch (value->state()) {
      case v1::SWITCH_STATE_PLANNED:
        value->set_state(v1::SWITCH_STATE_ABANDONED);
        StampTime(clock_->Now(), value->mutable_end_time());
        Say(value, actor, absl::StrCat("abandoned: ", reason));
        return absl::OkStatus();
      case v1::SWITCH_STATE_LOWERING:
      case v1::SWITCH_STATE_SWITCHING:
      case v1::SWITCH_STATE_WATCHING:
      case v1::SWITCH_STATE_DONE:
      case v1::SWITCH_STATE_STUCK:
        break;
      case v1::SWITCH_STATE_REVERTING:  // What could not be put back is tried once more.
        if (std::any_of(value->records().begin(), value->records().end(), IsTrouble)) break;
        return WrongState(*value, "reverted");
      default:
        return WrongState(*value, "reverted");
    }
    TurnBack(options_, clock_->Now(), value);
    value->set_state(v1::SWITCH_STATE_REVERTING);
    value->clear_stuck_time();
    value->clear_end_time();
    value->clear_done_time();
    Say(value, actor, absl::StrCat("to be reverted: ", reason));
    return absl::OkStatus();
  }));
  return Get(request.switch_id());
}

absl::StatusOr<v1::MxSwitch> Switches::Waive(const v1::WaiveCheckRequest& request,
                                             const std::string& actor) {
  MQ_ASSIGN_OR_RETURN(const std::string reason,
                      Words(request.reason(), "a check is waived only with a reason"));
  MQ_ASSIGN_OR_RETURN(const LivePtr live, Find(request.switch_id()));
  MQ_RETURN_IF_ERROR(Edit(live, [&](v1::MxSwitch* value) -> absl::Status {
    if (value->has_end_time()) return WrongState(*value, "waived anything of");
    bool found = false;
    if (GoesBack(*value)) AddRecordCheck(request.check_id(), clock_->Now(), value);
    for (v1::Check& check : *value->mutable_checks()) {
      if (check.check_id() != request.check_id()) continue;
      found = true;
      if (check.state() != v1::CHECK_STATE_WAIVED) check.set_without_waiver(check.state());
      check.set_state(v1::CHECK_STATE_WAIVED);
      check.set_waived_by(actor);
      check.set_waive_reason(reason);
    }
    if (!found)
      return Error(
          absl::StatusCode::kNotFound, "CHECK_NOT_FOUND",
          absl::StrCat("the switch has no check '", Harmless(request.check_id().substr(0, 300)),
                       "'; nothing was changed; `mailquench mx watch` names them"));
    ForgetRequest(request.check_id(), value);
    // It was the last that held up the way back.
    if (value->state() == v1::SWITCH_STATE_STUCK && GoesBack(*value) && !HoldsUp(*value)) {
      value->set_state(v1::SWITCH_STATE_REVERTING);
      value->clear_stuck_time();
    }
    Say(value, actor, absl::StrCat("waived ", request.check_id(), ": ", reason));
    return absl::OkStatus();
  }));
  return Get(request.switch_id());
}

absl::StatusOr<v1::MxSwitch> Switches::Note(const v1::NoteRecordRequest& request,
                                            const std::string& actor) {
  MQ_ASSIGN_OR_RETURN(const std::string text, Words(request.text(), "a note has a text"));
  MQ_ASSIGN_OR_RETURN(const LivePtr live, Find(request.switch_id()));
  MQ_RETURN_IF_ERROR(Edit(live, [&](v1::MxSwitch* value) -> absl::Status {
    for (v1::SwitchRecord& record : *value->mutable_records()) {
      if (record.before().name() != Plain(request.name()) ||
          record.before().type() != request.type())
        continue;
      if (record.notes_size() >= kMostNotes)
        return Error(absl::StatusCode::kResourceExhausted, "TOO_MANY_NOTES",
                     absl::StrCat("the record has ", kMostNotes, " notes; no more was kept"));
      record.add_notes(absl::StrCat(TimeText(clock_->Now()), " ", actor, ": ", text));
      return absl::OkStatus();
    }
    return Error(absl::StatusCode::kNotFound, "RECORD_NOT_FOUND",
                 absl::StrCat("the switch changes no ", Harmless(request.type().substr(0, 20)),
                              " of ", Harmless(request.name().substr(0, 260)),
                              "; nothing was changed; `mailquench mx watch` names its records"));
  }));
  return Get(request.switch_id());
}

}  // namespace mailquench::controller::mx
