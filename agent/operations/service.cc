// Stops are leased; a lease that ends finishes the lock and starts the service, or raises the
// alarm.
#include <google/protobuf/util/time_util.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/operations/executor.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
using google::protobuf::util::TimeUtil;
constexpr absl::Duration kLeaseRetry = absl::Seconds(30);
constexpr absl::Duration kToRepair = absl::Minutes(5);
constexpr absl::Duration kClockSlack = absl::Minutes(1);
constexpr char kLeaseEnds[] = "(the end of a lease)";  // No command has such an id.
MQ_DEFINE_FAULT_POINT(kLeased, "service.stop.leased");
MQ_DEFINE_FAULT_POINT(kStarted, "service.start.after");
}  // namespace

google::protobuf::Duration LeaseLength(const v1::ServiceStop& stop) {
  return stop.has_lease() ? stop.lease() : TimeUtil::MinutesToDuration(15);
}

absl::StatusOr<v1::ServiceStopResult> Executor::DoStop(const v1::Command& command,
                                                       const CallContext& context) {
  const v1::ServiceStop& request = command.operation().service_stop();
  const absl::Duration length =
      absl::Microseconds(TimeUtil::DurationToMicroseconds(LeaseLength(request)));
  if (length < absl::Seconds(10) || length > absl::Hours(24))
    return Error(absl::StatusCode::kInvalidArgument, "BAD_LEASE",
                 absl::StrCat("a lease lasts 10 s to 24 h, not ", absl::FormatDuration(length),
                              "; nothing was stopped"));
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
  const auto started = mail_.Start(chosen, context);
  MQ_FAULT_POINT(kStarted);
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

void Executor::EndLeasesOf(const std::vector<std::string>& instances) {
  const absl::Status ended = journal_.ClearLeases(instances);
  if (!ended.ok()) spdlog::error("a lease could not be ended: {}", ended.ToString());
}

std::vector<v1::OperationReport> Executor::EndDueLeases(const ProgressFn& progress) {
  const absl::Cleanup no_more = [this] { ExpectNoMore(kLeaseEnds); };
  std::vector<v1::OperationReport> reports;
  const auto leases = journal_.Leases();
  if (!leases.ok()) return reports;
  for (const v1::Lease& lease : *leases) {
    if (!IsDue(lease)) continue;
    const auto retry = lease_retries_.find(lease.command_id());
    if (retry != lease_retries_.end() && clock_.Now() < retry->second) continue;
    const v1::OperationReport report = EndLease(lease, progress);
    // Another change holds the host, or the journal's disk is full: later.
    const bool open = IsOpen(report);
    if (open)
      lease_retries_[lease.command_id()] = clock_.Now() + kLeaseRetry;
    else
      lease_retries_.erase(lease.command_id());
    if (report.outcome() != v1::OUTCOME_CANCELLED && !open) reports.push_back(report);
  }
  return reports;
}

// A lease that ends later than it could have been made to was made, or renewed, while the clock was
// ahead.
bool Executor::IsDue(const v1::Lease& lease) {
  const absl::Time now = clock_.Now();
  const absl::Time end = absl::FromUnixMicros(TimeUtil::TimestampToMicroseconds(lease.end_time()));
  const absl::Duration length =
      absl::Microseconds(TimeUtil::DurationToMicroseconds(LeaseLength(lease.stop())));
  if (end > now + length + kClockSlack) {
    v1::Lease shorter = lease;
    *shorter.mutable_end_time() =
        TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(now + length));
    const absl::Status put = journal_.PutLease(shorter);
    if (!put.ok()) spdlog::error("a lease could not be shortened: {}", put.ToString());
  }
  return end <= now;
}

void Executor::ExpectDueLeases(bool controller_is_gone) {
  bool due = false;
  if (controller_is_gone) {
    for (const v1::Lease& lease : journal_.Leases().value_or(std::vector<v1::Lease>()))
      due |=
          absl::FromUnixMicros(TimeUtil::TimestampToMicroseconds(lease.end_time())) <= clock_.Now();
  }
  const std::lock_guard<std::mutex> lock(mu_);
  if (due)
    urgent_.insert(kLeaseEnds);
  else
    urgent_.erase(kLeaseEnds);
}

// Whether the lease is as it was read, and nobody started any of its instances meanwhile, by us or
// by the service manager. Those that run are let go; the rest is for the next look.
absl::Status Executor::StillLeased(const v1::Lease& lease) {
  const auto changed = [](absl::string_view how) {
    return Error(absl::StatusCode::kCancelled, "LEASE_CHANGED",
                 absl::StrCat("the lease ", how, " meanwhile; nothing was done"));
  };
  MQ_ASSIGN_OR_RETURN(const std::vector<v1::Lease> leases, journal_.Leases());
  const bool there = std::any_of(leases.begin(), leases.end(), [&](const v1::Lease& one) {
    return one.SerializeAsString() == lease.SerializeAsString();
  });
  if (!there) return changed("was ended or renewed");
  MQ_ASSIGN_OR_RETURN(const v1::ServiceStatusResult now,
                      mail_.Status({lease.instances().begin(), lease.instances().end()}));
  InstanceNames running;
  for (const auto& instance : now.instances()) {
    if (instance.running()) running.push_back(instance.name());
  }
  if (running.empty()) return absl::OkStatus();
  // A person, or a reboot: the spam is still queued where the stop asked for a sweep.
  v1::RelayLock lock = lease.stop().lock();
  if (lock.mode() == v1::RELAY_MODE_UNSPECIFIED) lock.set_mode(v1::RELAY_MODE_CLOSED);
  lock.mutable_instances()->Assign(running.begin(), running.end());
  if (lease.stop().has_sweep() || !mail_.VerifyLocked(lock).ok()) {
    RaiseAlarm(running,
               "it was started while the lease of its stop ran, by somebody or by a reboot; it was "
               "left as it is, neither swept nor locked; contain it, or start it by service.start");
  } else {
    alarms_.Clear(running);
  }
  MQ_RETURN_IF_ERROR(journal_.ClearLeases(running));
  return changed("lost instances that somebody started");
}

// Each step is a command of its own under a derived id, so that it is journaled and completed after
// a crash; a host whose lock is not verified is never started.
v1::OperationReport Executor::EndLease(const v1::Lease& lease, const ProgressFn& progress) {
  spdlog::warn(
      "the lease of stop {} has ended and nobody started the service: finishing sweep and lock",
      lease.command_id());
  const InstanceNames names(lease.instances().begin(), lease.instances().end());
  const auto run = [&](const std::string& step, v1::Operation operation) {
    v1::Command command;
    command.set_command_id(absl::StrCat(lease.command_id(), ".lease-", step));
    command.set_host_id(options_.host_id);
    command.set_requested_by("lease");
    *command.mutable_operation() = std::move(operation);
    return Execute(command, true, progress, [&] { return StillLeased(lease); });
  };
  const auto goes_on = [](const v1::OperationReport& report) {
    return report.outcome() == v1::OUTCOME_SUCCEEDED || report.outcome() == v1::OUTCOME_UNCHANGED;
  };
  const auto give_up = [&](const v1::OperationReport& report, const std::string& what) {
    if (report.outcome() == v1::OUTCOME_CANCELLED) return report;
    if (IsOpen(report)) {
      RaiseAlarm(names, absl::StrCat("a lease ended, but what it owes could not be done yet; the "
                                     "service stays stopped, and it is tried again: ",
                                     report.error().message()));
      return report;
    }
    // The alarm first: a crash after it tries once more, and says the same.
    RaiseAlarm(names, absl::StrCat("a lease ended, but ", what, ": ", report.error().message()));
    const absl::Status cleared = journal_.DropLease(lease.command_id());
    if (!cleared.ok()) spdlog::error("a lease could not be ended: {}", cleared.ToString());
    return report;
  };
  v1::RelayLock lock = lease.stop().lock();
  if (lock.mode() == v1::RELAY_MODE_UNSPECIFIED) lock.set_mode(v1::RELAY_MODE_CLOSED);
  v1::Operation operation;
  if (lease.stop().has_sweep()) {
    *operation.mutable_queue_quarantine() = lease.stop().sweep();
    const v1::OperationReport report = run("sweep", operation);
    if (!goes_on(report))
      return give_up(report, "the queues could not be set aside; the service stays stopped");
  }
  *operation.mutable_relay_lock() = lock;
  v1::OperationReport report = run("lock", operation);
  if (!goes_on(report))
    return give_up(report, "the relay could not be locked; the service stays stopped");
  *operation.mutable_service_start()->mutable_instances() = lease.instances();
  *operation.mutable_service_start()->mutable_only_locked() = lock;
  report = run("start", operation);
  return goes_on(report) ? report : give_up(report, "the service did not come back");
}

}  // namespace mailquench::agent
