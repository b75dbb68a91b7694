// The contain unit: stop, sweep, lock, silence, start, ask. It is journaled step by step and is
// completed alone.
#include <google/protobuf/util/time_util.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <future>
#include <optional>
#include <system_error>

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
    try {
      survey_ = std::async(std::launch::async,
                           [surveyor = *surveyor, context] { return surveyor(context); });
    } catch (const std::system_error& error) {  // No thread to be had; the contain goes on.
      spdlog::warn("no evidence of the queue before the contain: {}", error.what());
    }
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

absl::Status Executor::CheckContain(const v1::Contain& request) {
  const auto check = [&]() -> absl::Status {
    MQ_RETURN_IF_ERROR(mail_.PlanRelayLock(LockOf(request)).status());
    if (!request.keep_notifications() && !mail_.SilencesByWatch()) {
      v1::NdrSilence silence;
      *silence.mutable_instances() = request.instances();
      MQ_RETURN_IF_ERROR(mail_.PlanNdrSilence(silence).status());
    }
    return mail_.CheckSweep({request.instances().begin(), request.instances().end()});
  };
  return Prepend(check(), "nothing was stopped, swept or locked");
}

absl::Status Executor::DoContain(const v1::Command& command,
                                 const CallContext& context,
                                 v1::ContainResult& result) {
  const v1::Contain& request = command.operation().contain();
  const std::string& id = command.command_id();
  const InstanceNames chosen(request.instances().begin(), request.instances().end());
  const absl::Time began = clock_.Now();

  // Which instances ran is written down before the first is stopped: only those are started again.
  MQ_ASSIGN_OR_RETURN(auto recorded, journal_.Step(id, "was_running"));
  v1::ServiceStatusResult before;
  if (recorded.has_value()) {
    if (!before.ParseFromString(*recorded))
      return absl::DataLossError("the journal's step was_running cannot be read");
  } else {
    MQ_RETURN_IF_ERROR(CheckContain(request));
    MQ_ASSIGN_OR_RETURN(before, mail_.Status(chosen));
    // What is stopped under a lease is to run again, and this contain ends the lease: a release
    // that made way may have stopped it.
    MQ_ASSIGN_OR_RETURN(const std::vector<v1::Lease> leases, journal_.Leases());
    for (auto& instance : *before.mutable_instances()) {
      for (const v1::Lease& lease : leases) {
        if (std::count(lease.instances().begin(), lease.instances().end(), instance.name()) > 0)
          instance.set_running(true);
      }
    }
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
    const absl::Status stopped = mail_.Stop(chosen, context).status();
    if (!stopped.ok()) {
      absl::Status out =
          Prepend(stopped, "the stop failed; queues and settings were left as they were");
      const auto now = mail_.Status(chosen);
      const auto runs = [](const v1::ServiceStatusResult::Instance& one) { return one.running(); };
      // Some may have ended, or may still end, and nobody starts them again by himself. One that
      // was asked to stop and did not in its time may yet.
      if (absl::IsDeadlineExceeded(stopped) || !now.ok() ||
          std::count_if(now->instances().begin(), now->instances().end(), runs) !=
              static_cast<std::ptrdiff_t>(was_running.size()))
        RaiseAlarm(chosen, std::string(out.message()));
      return out;
    }
  }
  *result.mutable_stop_time() = ToProtoDuration(clock_.Now() - step);
  absl::Duration elsewhere = clock_.Now() - step;
  MQ_FAULT_POINT(kStopped);

  // From here on the host stays stopped whenever a step fails: a host that is not swept and locked
  // must not send.
  const auto stays_stopped = [&](const absl::Status& status, absl::string_view what) {
    absl::Status out = Prepend(status, absl::StrCat(what, ReasonOf(status) == "SERVICE_CAME_BACK"
                                                              ? "; the service RUNS"
                                                              : "; the service stays stopped"));
    RaiseAlarm(chosen, std::string(out.message()));
    EndLeasesOf(chosen);
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
      return stays_stopped(absl::DataLossError("its step swept cannot be read"), "the journal");
  } else {
    const auto swept = mail_.Quarantine(sweep, context);
    if (!swept.ok())
      return stays_stopped(swept.status(), ReasonOf(swept.status()) == "SERVICE_CAME_BACK"
                                               ? "the sweep"
                                               : "the queues could not be set aside");
    *result.mutable_quarantine() = *swept;
    const absl::Status written = journal_.RecordStep(id, "swept", swept->SerializeAsString());
    if (!written.ok()) return stays_stopped(written, "the sweep could not be journaled");
  }
  MQ_FAULT_POINT(kSwept);

  context.progress("closing the relay");
  const v1::RelayLock lock = LockOf(request);
  const auto locked = DoChange(
      command, "lock", [&] { return mail_.PlanRelayLock(lock); }, context);
  if (!locked.ok()) return stays_stopped(locked.status(), "the relay could not be locked");
  *result.mutable_lock() = *locked;
  MQ_FAULT_POINT(kLocked);
  if (!request.keep_notifications() && mail_.SilencesByWatch()) {
    v1::NdrSilence silence;
    *silence.mutable_instances() = request.instances();
    absl::Status noted = journal_.RecordStep(id, kSilencedByWatch, silence.SerializeAsString());
    if (noted.ok()) noted = NoteChange(command, "silence");
    if (!noted.ok()) return stays_stopped(noted, "the silence could not be journaled");
    result.mutable_silence()->set_snapshot_id(absl::StrCat(id, ".silence"));
    result.mutable_silence()->set_notice(kSilencedByWatchNotice);
    context.progress(kSilencedByWatchNotice);
  } else if (!request.keep_notifications()) {
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
  if (!verified.ok()) {
    // A repeat may find that it had been started.
    if (starting.has_value()) mail_.Stop(chosen, ToRepair(context)).status().IgnoreError();
    return stays_stopped(verified, "the lock could not be verified");
  }

  if (!request.leave_stopped() && !was_running.empty()) {
    const absl::Status written = journal_.RecordStep(id, "starting", "");
    if (!written.ok()) return stays_stopped(written, "the start could not be journaled");
    absl::Status started = StartAndVerify(command, request, was_running, result, context);
    elsewhere += absl::Microseconds(TimeUtil::DurationToMicroseconds(result.start_time()));
    if (!started.ok()) return started;
  }
  if (evidence.has_value()) evidence->Into(result);
  *result.mutable_own_time() = ToProtoDuration(clock_.Now() - began - elsewhere);
  MQ_RETURN_IF_ERROR(journal_.ClearLeases(chosen));
  alarms_.Clear(chosen);
  return absl::OkStatus();
}

absl::Status Executor::AskListeners(const InstanceNames& instances,
                                    v1::RelayMode mode,
                                    const CallContext& context,
                                    v1::RelayProbeResult& probe) {
  v1::RelayProbe request;
  request.mutable_instances()->Assign(instances.begin(), instances.end());
  request.set_skip_auth(true);  // Servers answer a failed login late; relay.probe asks that.
  MQ_ASSIGN_OR_RETURN(probe, mail_.Probe(request, context));
  int answered = 0;
  std::vector<std::string> open;
  for (const v1::ListenerProbe& listener : probe.listeners()) {
    answered += listener.verdict() != v1::RELAY_VERDICT_UNKNOWN ? 1 : 0;
    // Under LISTED this host itself may be one of the listed clients, so that an inside answer
    // proves nothing.
    if (listener.verdict() == v1::RELAY_VERDICT_OPEN && mode != v1::RELAY_MODE_LISTED)
      open.push_back(listener.target());
  }
  if (!open.empty())
    return Error(absl::StatusCode::kFailedPrecondition, "STILL_OPEN",
                 absl::StrCat("after the lock a dialogue could still relay through ",
                              absl::StrJoin(open, ", ")));
  if (answered == 0 && probe.listeners_size() > 0)
    return Error(absl::StatusCode::kFailedPrecondition, "NO_LISTENER_ANSWERS",
                 "after the lock no listener answered an SMTP dialogue");
  return absl::OkStatus();
}

absl::Status Executor::StartAndVerify(const v1::Command& command,
                                      const v1::Contain& request,
                                      const InstanceNames& was_running,
                                      v1::ContainResult& result,
                                      const CallContext& given) {
  // Swept and locked: it is ended, also where the time for it is over.
  const CallContext context = ToRepair(given);
  context.progress("starting");
  const absl::Time step = clock_.Now();
  const auto started = mail_.Start(was_running, context);
  *result.mutable_start_time() = ToProtoDuration(clock_.Now() - step);
  MQ_FAULT_POINT(kStarted);
  absl::Status verdict = started.status();
  if (verdict.ok()) {
    context.progress("asking every listener");
    verdict = AskListeners(was_running, request.mode(), context, *result.mutable_probe());
  }
  if (verdict.ok()) return absl::OkStatus();
  // Neither open nor dead: the settings go back to what they were and the host stays stopped, with
  // its queues set aside.
  const absl::Status stopped = mail_.Stop(was_running, context).status();
  absl::Status back = RollBack(absl::StrCat(command.command_id(), ".silence"), context);
  if (back.ok()) result.clear_silence();  // Nothing of it is owed any more.
  const absl::Status unlocked = RollBack(absl::StrCat(command.command_id(), ".lock"), context);
  if (unlocked.ok()) result.clear_lock();
  back.Update(unlocked);
  absl::Status out =
      Prepend(verdict, absl::StrCat("the start could not be verified; the settings were ",
                                    back.ok() ? "put back as they were" : "NOT all put back",
                                    ", the service ",
                                    stopped.ok() ? "stays stopped" : "could NOT be stopped",
                                    ", the queues stay set aside"));
  const InstanceNames chosen(request.instances().begin(), request.instances().end());
  RaiseAlarm(chosen, std::string(out.message()));
  EndLeasesOf(chosen);
  return out;
}

}  // namespace mailquench::agent
