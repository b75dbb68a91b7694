// The contain unit: stop, sweep, lock, silence, start, ask. It is journaled step by step and is
// completed alone.
#include "agent/operations/contain.h"

#include <google/protobuf/util/time_util.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "agent/operations/executor.h"
#include "agent/operations/plan.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
using google::protobuf::util::TimeUtil;
MQ_DEFINE_FAULT_POINT(kBeforeStop, "contain.stop.before");
MQ_DEFINE_FAULT_POINT(kHeld, "contain.leased");
MQ_DEFINE_FAULT_POINT(kContainStopped, "contain.stop.after");
MQ_DEFINE_FAULT_POINT(kSwept, "contain.sweep.after");
MQ_DEFINE_FAULT_POINT(kLocked, "contain.lock.after");
MQ_DEFINE_FAULT_POINT(kSilenced, "contain.silence.after");

constexpr absl::Duration kAskAgainAfter = absl::Seconds(5);

google::protobuf::Duration ToProtoDuration(absl::Duration duration) {
  return TimeUtil::MicrosecondsToDuration(absl::ToInt64Microseconds(duration));
}
absl::Duration ToDuration(const google::protobuf::Duration& duration) {
  return absl::Microseconds(TimeUtil::DurationToMicroseconds(duration));
}
}  // namespace

v1::RelayLock LockOf(const v1::Contain& request) {
  v1::RelayLock lock;
  *lock.mutable_instances() = request.instances();
  lock.set_mode(request.mode() == v1::RELAY_MODE_UNSPECIFIED ? v1::RELAY_MODE_CLOSED
                                                             : request.mode());
  *lock.mutable_clients() = request.clients();
  return lock;
}

v1::NdrSilence SilenceOf(const v1::Contain& request) {
  v1::NdrSilence silence;
  *silence.mutable_instances() = request.instances();
  return silence;
}

// The one step of a contain that may change a whole organisation.
bool Executor::SilencedElsewhere(const v1::Contain& request) const {
  return request.organisation_elsewhere() && mail_.OrganisationWide(v1::Operation::kNdrSilence);
}

absl::StatusOr<std::vector<std::string>> Executor::CheckContain(const v1::Contain& request) {
  std::vector<std::string> warnings;
  const auto look = [&](const absl::StatusOr<SettingsChange>& change) -> absl::Status {
    MQ_RETURN_IF_ERROR(change.status());
    for (std::string& one : WarningsOf(*change)) warnings.push_back(std::move(one));
    return CheckNames(*change);
  };
  const auto check = [&]() -> absl::Status {
    MQ_RETURN_IF_ERROR(look(mail_.PlanRelayLock(LockOf(request))));
    if (!request.keep_notifications() && !mail_.SilencesByWatch() && !SilencedElsewhere(request))
      MQ_RETURN_IF_ERROR(look(mail_.PlanNdrSilence(SilenceOf(request))));
    return mail_.CheckSweep({request.instances().begin(), request.instances().end()});
  };
  MQ_RETURN_IF_ERROR(Prepend(check(), "nothing was stopped, swept or locked"));
  return warnings;
}

absl::Status Executor::DoContain(const v1::Command& command,
                                 const CallContext& context,
                                 bool& changed,
                                 v1::ContainResult& result) {
  const absl::Time began = clock_.Now();
  MQ_ASSIGN_OR_RETURN(const ContainUnit unit, JoinUnit(command));
  if (unit.ended.has_value()) {
    result = *unit.ended;
    changed = false;
    return absl::OkStatus();
  }
  result = unit.so_far;
  std::optional<Evidence> evidence;
  if (unit.fresh) {
    for (const std::string& warning : unit.so_far.warnings()) context.progress(warning);
    evidence.emplace(mail_, unit.chosen);
  }
  absl::Duration elsewhere;
  const absl::Status done = ContainSteps(unit, context, elsewhere, result);
  if (evidence.has_value()) evidence->Into(result);
  *result.mutable_own_time() =
      ToProtoDuration(ToDuration(unit.so_far.own_time()) + clock_.Now() - began - elsewhere);
  if (unit.request().until() == v1::CONTAIN_UNTIL_UNSPECIFIED)
    return done.ok() ? EndUnit(unit, result) : done;
  return EndPart(unit, done, result);
}

// A mail system that is out of reach for a while must not leave a host that is stopped, or swept,
// for good. Asked again until the command's time is over.
bool Executor::MayAskAgain(const absl::Status& status, const CallContext& context) {
  if (ending_ || !absl::IsUnavailable(status) || clock_.Now() + kAskAgainAfter >= context.deadline)
    return false;
  context.progress(absl::StrCat("the mail system is out of reach, it is asked again: ",
                                std::string(status.message())));
  clock_.Sleep(kAskAgainAfter);
  return true;
}

absl::Status Executor::StopUnit(const ContainUnit& unit, const CallContext& context) {
  absl::Status stopped = mail_.Stop(unit.chosen, context).status();
  if (stopped.ok()) return stopped;
  absl::Status out =
      Prepend(stopped, "the stop failed; queues and settings were left as they were");
  const auto now = mail_.Status(unit.chosen);
  const auto runs = [](const v1::ServiceStatusResult::Instance& one) { return one.running(); };
  // Some may have ended, or may still end, and nobody starts them again by himself. One that
  // was asked to stop and did not in its time may yet. Where that was a part, its lease goes on.
  if (absl::IsDeadlineExceeded(stopped) || !now.ok() ||
      std::count_if(now->instances().begin(), now->instances().end(), runs) !=
          static_cast<std::ptrdiff_t>(unit.was_running.size()))
    RaiseAlarm(unit.chosen, std::string(out.message()));
  else if (unit.request().until() != v1::CONTAIN_UNTIL_UNSPECIFIED)
    EndLeasesOf(unit.chosen);
  return out;
}

// Of all rounds; that of now is done where it was not.
absl::StatusOr<v1::QueueQuarantineResult> Executor::SweepUnit(const ContainUnit& unit,
                                                              const CallContext& context) {
  v1::QueueQuarantineResult all;
  for (int round = 1; round <= unit.round; ++round) {
    MQ_ASSIGN_OR_RETURN(const auto recorded, journal_.Step(unit.id(), unit.Step("swept", round)));
    v1::QueueQuarantineResult one;
    if (recorded.has_value()) {
      if (!one.ParseFromString(*recorded))
        return absl::DataLossError("the journal's step swept cannot be read");
    } else if (round == unit.round) {
      v1::QueueQuarantine sweep;
      *sweep.mutable_instances() = unit.request().instances();
      sweep.set_incident_id(unit.request().incident_id());
      sweep.set_reason(unit.request().reason());
      MQ_ASSIGN_OR_RETURN(one,
                          Persistently(context, [&] { return mail_.Quarantine(sweep, context); }));
      MQ_RETURN_IF_ERROR(
          Prepend(journal_.RecordStep(unit.id(), unit.Step("swept"), one.SerializeAsString()),
                  "the sweep could not be journaled"));
    }
    all.MergeFrom(one);
  }
  return all;
}

// Where it is so already, what an earlier round changed.
absl::StatusOr<v1::ChangeResult> Executor::ChangeOfUnit(
    const ContainUnit& unit,
    const char* step,
    const std::function<absl::StatusOr<SettingsChange>()>& plan,
    const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(v1::ChangeResult now, Persistently(context, [&] {
                        return DoChange(unit.command, unit.Step(step), plan, context);
                      }));
  for (int round = unit.round - 1; round > 0 && now.snapshot_id().empty(); --round) {
    MQ_ASSIGN_OR_RETURN(const auto known,
                        journal_.FindChange(absl::StrCat(unit.id(), ".", unit.Step(step, round))));
    if (known.has_value() && !known->closed) now = known->change.result();
  }
  return now;
}

absl::Status Executor::SilenceUnit(const ContainUnit& unit,
                                   const CallContext& context,
                                   v1::ContainResult& result) {
  const v1::Contain& request = unit.request();
  if (request.keep_notifications()) return absl::OkStatus();
  if (SilencedElsewhere(request)) {
    result.mutable_silence()->set_notice(kSilencedElsewhere);
    context.progress(kSilencedElsewhere);
    return absl::OkStatus();
  }
  if (!mail_.SilencesByWatch()) {
    context.progress("silencing notifications");
    MQ_ASSIGN_OR_RETURN(
        *result.mutable_silence(),
        ChangeOfUnit(
            unit, "silence", [&] { return mail_.PlanNdrSilence(SilenceOf(request)); }, context));
    return absl::OkStatus();
  }
  MQ_RETURN_IF_ERROR(
      journal_.RecordStep(unit.id(), kSilencedByWatch, SilenceOf(request).SerializeAsString()));
  MQ_RETURN_IF_ERROR(NoteChange(unit.command, unit.Step("silence")));
  result.mutable_silence()->set_snapshot_id(absl::StrCat(unit.id(), ".", unit.Step("silence")));
  result.mutable_silence()->set_notice(kSilencedByWatchNotice);
  context.progress(kSilencedByWatchNotice);
  return absl::OkStatus();
}

// `elsewhere` becomes the time that the mail system took to stop and to start.
absl::Status Executor::ContainSteps(const ContainUnit& unit,
                                    const CallContext& given,
                                    absl::Duration& elsewhere,
                                    v1::ContainResult& result) {
  const v1::Contain& request = unit.request();
  CallContext context = given;
  context.command_id = unit.Step(unit.id());  // What it leaves behind is the unit's.
  const bool part = request.until() != v1::CONTAIN_UNTIL_UNSPECIFIED;
  MQ_FAULT_POINT(kBeforeStop);
  if (part && !unit.of_lease)
    MQ_RETURN_IF_ERROR(
        Prepend(Hold(unit), "the lease could not be journaled; nothing was stopped by this part"));
  MQ_FAULT_POINT(kHeld);
  const absl::Time step = clock_.Now();
  // Once the start has begun a repeat must not stop the host again: sweep, lock and silence are in
  // the journal.
  if (!unit.starting) {
    context.progress("stopping");
    MQ_RETURN_IF_ERROR(StopUnit(unit, context));
  }
  elsewhere = clock_.Now() - step;
  *result.mutable_stop_time() = ToProtoDuration(ToDuration(unit.so_far.stop_time()) + elsewhere);
  MQ_FAULT_POINT(kContainStopped);
  if (request.until() == v1::CONTAIN_UNTIL_STOPPED) return absl::OkStatus();

  // From here on the host stays stopped whenever a step fails: a host that is not swept and locked
  // must not send.
  const auto stays_stopped = [&](const absl::Status& status, absl::string_view what) {
    absl::Status out = Prepend(status, absl::StrCat(what, ReasonOf(status) == "SERVICE_CAME_BACK"
                                                              ? "; the service RUNS"
                                                              : "; the service stays stopped"));
    RaiseAlarm(unit.chosen, std::string(out.message()));
    // What is only out of reach for now, the lease's end tries again.
    if (!absl::IsUnavailable(status)) EndLeasesOf(unit.chosen);
    return out;
  };
  context.progress("setting the queues aside");
  const auto swept = SweepUnit(unit, context);
  if (!swept.ok())
    return stays_stopped(swept.status(), ReasonOf(swept.status()) == "SERVICE_CAME_BACK"
                                             ? "the sweep"
                                             : "the queues could not be set aside");
  *result.mutable_quarantine() = *swept;
  MQ_FAULT_POINT(kSwept);

  context.progress("closing the relay");
  const v1::RelayLock lock = LockOf(request);
  const auto locked = ChangeOfUnit(
      unit, "lock", [&] { return mail_.PlanRelayLock(lock); }, context);
  if (!locked.ok()) return stays_stopped(locked.status(), "the relay could not be locked");
  *result.mutable_lock() = *locked;
  MQ_FAULT_POINT(kLocked);
  if (!part) {
    const absl::Status silenced = SilenceUnit(unit, context, result);
    if (!silenced.ok()) return stays_stopped(silenced, "notifications could not be silenced");
    MQ_FAULT_POINT(kSilenced);
  }
  const absl::Status verified = Persistently(context, [&] { return mail_.VerifyLocked(lock); });
  if (!verified.ok()) {
    // A repeat may find that it had been started.
    if (unit.starting) mail_.Stop(unit.chosen, ToRepair(context)).status().IgnoreError();
    return stays_stopped(verified, "the lock could not be verified");
  }
  if (part || request.leave_stopped() || unit.was_running.empty()) return absl::OkStatus();

  const absl::Status written =
      journal_.RecordStep(unit.id(), unit.Step("starting"), unit.command_id);
  if (!written.ok()) return stays_stopped(written, "the start could not be journaled");
  absl::Status started = StartAndVerify(unit, result, context);
  elsewhere += ToDuration(result.start_time());
  return started;
}

}  // namespace mailquench::agent
