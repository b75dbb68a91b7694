// Stop and start, and what stops for its own work and starts again.
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/operations/executor.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
using google::protobuf::util::TimeUtil;
constexpr absl::Duration kToRepair = absl::Minutes(5);
MQ_DEFINE_FAULT_POINT(kLeased, "service.stop.leased");
MQ_DEFINE_FAULT_POINT(kStarted, "service.start.after");
}  // namespace

absl::StatusOr<v1::ServiceStopResult> Executor::DoStop(const v1::Command& command,
                                                       const CallContext& context) {
  const v1::ServiceStop& request = command.operation().service_stop();
  MQ_RETURN_IF_ERROR(CheckLease(LeaseLength(request)));
  const absl::Duration length =
      absl::Microseconds(TimeUtil::DurationToMicroseconds(LeaseLength(request)));
  const InstanceNames chosen(request.instances().begin(), request.instances().end());
  MQ_ASSIGN_OR_RETURN(const v1::ServiceStatusResult before, mail_.Status(chosen));
  // A repeat after a crash finds instances stopped already; the lease of the first try names them
  // all and stays.
  MQ_ASSIGN_OR_RETURN(const std::vector<v1::Lease> leases, journal_.Leases());
  const auto first = std::find_if(leases.begin(), leases.end(), [&](const v1::Lease& one) {
    return one.command_id() == command.command_id();
  });
  v1::Lease lease;
  if (first != leases.end()) {
    lease = *first;
  } else {
    lease.set_command_id(command.command_id());
    InstanceNames running;
    for (const auto& instance : before.instances()) {
      if (instance.running()) running.push_back(instance.name());
    }
    *lease.mutable_stop() = request;
    SetInstances(running, &lease);
    *lease.mutable_end_time() =
        TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(clock_.Now() + length));
    if (lease.instances_size() > 0) MQ_RETURN_IF_ERROR(journal_.PutLease(lease));
  }
  MQ_FAULT_POINT(kLeased);
  MQ_ASSIGN_OR_RETURN(v1::ServiceStopResult result, mail_.Stop(chosen, context));
  if (lease.instances_size() > 0) *result.mutable_lease_end_time() = lease.end_time();
  return result;
}

absl::StatusOr<v1::ServiceStartResult> Executor::DoStart(const v1::Command& command,
                                                         const CallContext& context) {
  const v1::ServiceStart& request = command.operation().service_start();
  const InstanceNames chosen(request.instances().begin(), request.instances().end());
  if (request.has_only_locked()) {
    // What ran before is written down first: a repeat after a crash must know what this command
    // started.
    MQ_ASSIGN_OR_RETURN(const auto recorded, journal_.Step(command.command_id(), "was_running"));
    if (!recorded.has_value()) {
      MQ_ASSIGN_OR_RETURN(const v1::ServiceStatusResult before, mail_.Status(chosen));
      MQ_RETURN_IF_ERROR(
          journal_.RecordStep(command.command_id(), "was_running", before.SerializeAsString()));
    }
    v1::RelayLock lock = request.only_locked();
    *lock.mutable_instances() = request.instances();
    const absl::Status verified = mail_.VerifyLocked(lock);
    if (!verified.ok())
      return StopAgain(command, chosen, Prepend(verified, "the lock could not be verified"),
                       context);
  }
  auto started = mail_.Start(chosen, context);
  MQ_FAULT_POINT(kStarted);
  const absl::Status told = WithNotices(started.status(), chosen, context);
  if (!told.ok()) started = told;
  if (request.has_only_locked()) {
    absl::Status asked = started.status();  // Some may have started although one did not.
    v1::RelayProbeResult probe;
    if (asked.ok()) asked = AskListeners(chosen, request.only_locked().mode(), context, probe);
    if (!asked.ok()) return StopAgain(command, chosen, asked, context);
  }
  MQ_ASSIGN_OR_RETURN(v1::ServiceStartResult result, started);
  MQ_RETURN_IF_ERROR(journal_.ClearLeases(chosen));
  alarms_.Clear(chosen);
  return result;
}

absl::Status Executor::WithNotices(const absl::Status& status,
                                   const InstanceNames& instances,
                                   const CallContext& context) {
  const auto now = mail_.Status(instances);
  if (!now.ok()) return status;
  absl::Status out = status;
  for (const auto& instance : now->instances()) {
    if (instance.notice().empty()) continue;
    context.progress(absl::StrCat(instance.name(), ": ", instance.notice()));
    if (!out.ok())
      out = Error(out.code(), ReasonOf(out),
                  absl::StrCat(out.message(), "; ", instance.name(), ": ", instance.notice()));
  }
  return out;
}

// Ends a start that is not fit to stay: what this command started is stopped, and a person called.
absl::Status Executor::StopAgain(const v1::Command& command,
                                 const InstanceNames& chosen,
                                 const absl::Status& why,
                                 const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const auto recorded, journal_.Step(command.command_id(), "was_running"));
  v1::ServiceStatusResult before;
  if (!recorded.has_value() || !before.ParseFromString(*recorded))
    return absl::DataLossError("the journal's step was_running cannot be read");
  InstanceNames ours;
  for (const auto& instance : before.instances()) {
    if (!instance.running()) ours.push_back(instance.name());
  }
  const absl::Status stopped =
      ours.empty() ? absl::OkStatus() : mail_.Stop(ours, ToRepair(context)).status();
  absl::Status out =
      Prepend(why, absl::StrCat("the start is not fit to stay; what did not run before ",
                                stopped.ok() ? "is stopped again" : "could NOT be stopped",
                                "; lock again, then start"));
  RaiseAlarm(chosen, std::string(out.message()));
  return out;
}

// What ran before the command, written down before the first instance is stopped.
absl::StatusOr<InstanceNames> Executor::WasRunning(const std::string& command_id,
                                                   const InstanceNames& chosen) {
  MQ_ASSIGN_OR_RETURN(auto recorded, journal_.Step(command_id, "was_running"));
  v1::ServiceStatusResult before;
  if (!recorded.has_value()) {
    MQ_ASSIGN_OR_RETURN(before, mail_.Status(chosen));
    MQ_RETURN_IF_ERROR(journal_.RecordStep(command_id, "was_running", before.SerializeAsString()));
  } else if (!before.ParseFromString(*recorded)) {
    return absl::DataLossError("the journal's step was_running cannot be read");
  }
  InstanceNames was_running;
  for (const auto& instance : before.instances()) {
    if (instance.running()) was_running.push_back(instance.name());
  }
  return was_running;
}

CallContext Executor::ToRepair(const CallContext& context) {
  CallContext repair = context;
  repair.still_wanted = [] { return absl::OkStatus(); };
  repair.deadline = std::max(context.deadline, clock_.Now() + kToRepair);
  return repair;
}

// For a command that wants them stopped. Where one does not stop, those that did end go on.
absl::Status Executor::StopFor(const InstanceNames& was_running,
                               const char* what,
                               const char* untouched,
                               const CallContext& context,
                               bool* runs_again) {
  if (was_running.empty()) return absl::OkStatus();
  const absl::Status stopped = mail_.Stop(was_running, context).status();
  if (stopped.ok()) return stopped;
  const absl::Status again = mail_.Start(was_running, ToRepair(context)).status();
  if (runs_again != nullptr) *runs_again = again.ok();
  if (!again.ok())
    RaiseAlarm(was_running, absl::StrCat("a ", what,
                                         " could not stop all, and what had ended did not start "
                                         "again: ",
                                         again.message()));
  return Prepend(stopped, absl::StrCat("the stop failed; ", untouched));
}

absl::Status Executor::StartAfter(const InstanceNames& was_running,
                                  const char* what,
                                  const CallContext& context) {
  if (was_running.empty()) return absl::OkStatus();
  const absl::Status started = mail_.Start(was_running, ToRepair(context)).status();
  if (!started.ok())
    RaiseAlarm(was_running, absl::StrCat("after a ", what, " the service did not start: ",
                                         std::string(started.message())));
  return started;
}

// A whole sweep wants the service stopped: by itself the operation stops it, sweeps, and starts
// what ran before.
absl::StatusOr<v1::QueueQuarantineResult> Executor::DoQuarantine(const v1::Command& command,
                                                                 const CallContext& context) {
  const v1::QueueQuarantine& request = command.operation().queue_quarantine();
  if (request.has_filter()) return mail_.Quarantine(request, context);
  const InstanceNames chosen(request.instances().begin(), request.instances().end());
  MQ_ASSIGN_OR_RETURN(const InstanceNames was_running, WasRunning(command.command_id(), chosen));
  MQ_RETURN_IF_ERROR(StopFor(was_running, "sweep", "no queue was touched", context));
  auto result = mail_.Quarantine(request, context);
  const absl::Status started = StartAfter(was_running, "sweep", context);
  if (result.ok() && !started.ok())
    return Prepend(started, "the queues were set aside, but the service did not start");
  return result;
}

}  // namespace mailquench::agent
