// The contain unit: stop, sweep, lock, silence, start, ask. It is journaled step by step and is
// completed alone.
#include <google/protobuf/util/time_util.h>
#include <spdlog/spdlog.h>

#include <future>
#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "agent/operations/executor.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
using google::protobuf::util::TimeUtil;
MQ_DEFINE_FAULT_POINT(kBeforeStop, "contain.stop.before");
MQ_DEFINE_FAULT_POINT(kStopped, "contain.stop.after");
MQ_DEFINE_FAULT_POINT(kSwept, "contain.sweep.after");
MQ_DEFINE_FAULT_POINT(kLocked, "contain.lock.after");
MQ_DEFINE_FAULT_POINT(kSilenced, "contain.silence.after");
MQ_DEFINE_FAULT_POINT(kStarted, "contain.start.after");

google::protobuf::Duration ToProtoDuration(absl::Duration duration) {
  return TimeUtil::MicrosecondsToDuration(absl::ToInt64Microseconds(duration));
}

// Reads what was queued before the first change, beside the work, so that the stop never waits for
// it.
class Evidence {
 public:
  Evidence(MailSystem& mail, const InstanceNames& instances) {
    const auto surveyor = mail.BeginSurvey(instances);
    if (!surveyor.ok()) return;
    CallContext context;
    context.deadline = absl::Now() + kEvidenceTime;
    survey_ = std::async(std::launch::async,
                         [surveyor = *surveyor, context] { return surveyor(context); });
  }
  // Waits for the rest, at most until the time that evidence has is over.
  void Into(v1::ContainResult& result) {
    if (!survey_.valid()) return;
    auto survey = survey_.get();
    if (survey.ok())
      *result.mutable_evidence() = *std::move(survey);
    else
      spdlog::warn("no evidence of the queue before the contain: {}", survey.status().ToString());
  }

 private:
  static constexpr absl::Duration kEvidenceTime = absl::Seconds(10);
  std::future<absl::StatusOr<v1::QueueSurveyResult>> survey_;
};

v1::RelayLock LockOf(const v1::Contain& request) {
  v1::RelayLock lock;
  *lock.mutable_instances() = request.instances();
  lock.set_mode(request.mode() == v1::RELAY_MODE_UNSPECIFIED ? v1::RELAY_MODE_CLOSED
                                                             : request.mode());
  *lock.mutable_clients() = request.clients();
  return lock;
}
}  // namespace

absl::StatusOr<v1::ContainResult> Executor::DoContain(const v1::Command& command,
                                                      const CallContext& context) {
  const v1::Contain& request = command.operation().contain();
  const std::string& id = command.command_id();
  const InstanceNames chosen(request.instances().begin(), request.instances().end());
  const absl::Time began = clock_.Now();
  v1::ContainResult result;

  // Which instances ran is written down before the first is stopped: only those are started again.
  MQ_ASSIGN_OR_RETURN(auto recorded, journal_.Step(id, "was_running"));
  v1::ServiceStatusResult before;
  if (recorded.has_value()) {
    if (!before.ParseFromString(*recorded))
      return absl::DataLossError("the journal's step was_running cannot be read");
  } else {
    MQ_ASSIGN_OR_RETURN(before, mail_.Status(chosen));
    MQ_RETURN_IF_ERROR(journal_.RecordStep(id, "was_running", before.SerializeAsString()));
  }
  InstanceNames was_running;
  for (const auto& instance : before.instances()) {
    if (instance.running()) was_running.push_back(instance.name());
  }

  std::optional<Evidence> evidence;
  if (!recorded.has_value()) evidence.emplace(mail_, chosen);
  MQ_FAULT_POINT(kBeforeStop);
  absl::Time step = clock_.Now();
  // Once the start has begun a repeat must not stop the host again: sweep, lock and silence are in
  // the journal.
  MQ_ASSIGN_OR_RETURN(const auto starting, journal_.Step(id, "starting"));
  if (!starting.has_value()) {
    context.progress("stopping");
    MQ_RETURN_IF_ERROR(Prepend(mail_.Stop(chosen, context).status(),
                               "the stop failed; queues and settings were left as they were"));
  }
  *result.mutable_stop_time() = ToProtoDuration(clock_.Now() - step);
  absl::Duration elsewhere = clock_.Now() - step;
  MQ_FAULT_POINT(kStopped);

  // From here on the host stays stopped whenever a step fails: a host that is not swept and locked
  // must not send.
  const auto stays_stopped = [&](const absl::Status& status, absl::string_view what) {
    absl::Status out = Prepend(status, absl::StrCat(what, "; the service stays stopped"));
    RaiseAlarm(std::string(out.message()));
    // No lease may start what a contain has found unfit to run.
    const absl::Status cleared = journal_.ClearLeases(chosen);
    if (!cleared.ok()) spdlog::error("a lease could not be ended: {}", cleared.ToString());
    return out;
  };
  context.progress("setting the queues aside");
  v1::QueueQuarantine sweep;
  *sweep.mutable_instances() = request.instances();
  sweep.set_incident_id(request.incident_id());
  sweep.set_reason(request.reason());
  MQ_ASSIGN_OR_RETURN(const auto swept_before, journal_.Step(id, "swept"));
  if (swept_before.has_value()) {
    if (!result.mutable_quarantine()->ParseFromString(*swept_before))
      return absl::DataLossError("the journal's step swept cannot be read");
  } else {
    const auto swept = mail_.Quarantine(sweep, context);
    if (!swept.ok()) return stays_stopped(swept.status(), "the queues could not be set aside");
    *result.mutable_quarantine() = *swept;
    MQ_RETURN_IF_ERROR(journal_.RecordStep(id, "swept", swept->SerializeAsString()));
  }
  MQ_FAULT_POINT(kSwept);

  context.progress("closing the relay");
  const v1::RelayLock lock = LockOf(request);
  const auto locked = DoChange(
      command, "lock", [&] { return mail_.PlanRelayLock(lock); }, context);
  if (!locked.ok()) return stays_stopped(locked.status(), "the relay could not be locked");
  *result.mutable_lock() = *locked;
  MQ_FAULT_POINT(kLocked);
  if (!request.keep_notifications()) {
    context.progress("silencing notifications");
    v1::NdrSilence silence;
    *silence.mutable_instances() = request.instances();
    const auto silenced = DoChange(
        command, "silence", [&] { return mail_.PlanNdrSilence(silence); }, context);
    if (!silenced.ok())
      return stays_stopped(silenced.status(), "notifications could not be silenced");
    *result.mutable_silence() = *silenced;
  }
  MQ_FAULT_POINT(kSilenced);
  const absl::Status verified = mail_.VerifyLocked(lock);
  if (!verified.ok()) return stays_stopped(verified, "the lock could not be verified");

  if (!request.leave_stopped() && !was_running.empty()) {
    MQ_RETURN_IF_ERROR(journal_.RecordStep(id, "starting", ""));
    const absl::Status started = StartAndVerify(command, request, was_running, result, context);
    elsewhere += absl::Microseconds(TimeUtil::DurationToMicroseconds(result.start_time()));
    if (!started.ok()) return started;
  }
  if (evidence.has_value()) evidence->Into(result);
  *result.mutable_own_time() = ToProtoDuration(clock_.Now() - began - elsewhere);
  MQ_RETURN_IF_ERROR(journal_.ClearLeases(chosen));
  ClearAlarm();
  return result;
}

absl::Status Executor::StartAndVerify(const v1::Command& command,
                                      const v1::Contain& request,
                                      const InstanceNames& was_running,
                                      v1::ContainResult& result,
                                      const CallContext& context) {
  context.progress("starting");
  const absl::Time step = clock_.Now();
  const auto started = mail_.Start(was_running, context);
  *result.mutable_start_time() = ToProtoDuration(clock_.Now() - step);
  MQ_FAULT_POINT(kStarted);
  absl::Status verdict = started.status();
  if (verdict.ok()) {
    context.progress("asking every listener");
    const auto probe = mail_.Probe(v1::RelayProbe(), context);
    verdict = probe.status();
    if (probe.ok()) {
      *result.mutable_probe() = *probe;
      const std::set<std::string> exempt(result.lock().exempt_listeners().begin(),
                                         result.lock().exempt_listeners().end());
      int answered = 0;
      std::vector<std::string> open;
      for (const v1::ListenerProbe& listener : probe->listeners()) {
        if (exempt.count(listener.target()) != 0) continue;
        answered += listener.verdict() != v1::RELAY_VERDICT_UNKNOWN ? 1 : 0;
        // Under LISTED this host itself may be one of the listed clients, so that an inside answer
        // proves nothing.
        if (listener.verdict() == v1::RELAY_VERDICT_OPEN && request.mode() != v1::RELAY_MODE_LISTED)
          open.push_back(listener.target());
      }
      if (!open.empty())
        verdict = Error(absl::StatusCode::kFailedPrecondition, "STILL_OPEN",
                        absl::StrCat("after the lock a dialogue could still relay through ",
                                     absl::StrJoin(open, ", ")));
      else if (answered == 0 && probe->listeners_size() > 0)
        verdict = Error(absl::StatusCode::kFailedPrecondition, "NO_LISTENER_ANSWERS",
                        "after the lock no listener answered an SMTP dialogue");
    }
  }
  if (verdict.ok()) return absl::OkStatus();
  // Neither open nor dead: the settings go back to what they were and the host stays stopped, with
  // its queues set aside.
  const absl::Status stopped = mail_.Stop(was_running, context).status();
  absl::Status back = RollBack(absl::StrCat(command.command_id(), ".silence"), context);
  back.Update(RollBack(absl::StrCat(command.command_id(), ".lock"), context));
  absl::Status out =
      Prepend(verdict, absl::StrCat("the start could not be verified; the settings were ",
                                    back.ok() ? "put back as they were" : "NOT all put back",
                                    ", the service ",
                                    stopped.ok() ? "stays stopped" : "could NOT be stopped",
                                    ", the queues stay set aside"));
  RaiseAlarm(std::string(out.message()));
  // No lease may start what a dialogue has found unfit to run.
  const absl::Status cleared =
      journal_.ClearLeases({request.instances().begin(), request.instances().end()});
  if (!cleared.ok()) spdlog::error("a lease could not be ended: {}", cleared.ToString());
  return out;
}

}  // namespace mailquench::agent
