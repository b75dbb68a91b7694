// Stops are leased; a lease that ends finishes the lock and starts the service, or raises the
// alarm.
#include <google/protobuf/util/time_util.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/operations/executor.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
using google::protobuf::util::TimeUtil;
MQ_DEFINE_FAULT_POINT(kLeased, "service.stop.leased");
}  // namespace

absl::StatusOr<v1::ServiceStopResult> Executor::DoStop(const v1::Command& command,
                                                       const CallContext& context) {
  const v1::ServiceStop& request = command.operation().service_stop();
  absl::Duration length =
      request.has_lease() ? absl::Microseconds(TimeUtil::DurationToMicroseconds(request.lease()))
                          : absl::Minutes(15);
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

absl::StatusOr<v1::ServiceStartResult> Executor::DoStart(const v1::ServiceStart& request,
                                                         const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(
      v1::ServiceStartResult result,
      mail_.Start({request.instances().begin(), request.instances().end()}, context));
  MQ_RETURN_IF_ERROR(
      journal_.ClearLeases({request.instances().begin(), request.instances().end()}));
  ClearAlarm();
  return result;
}

// A whole sweep wants the service stopped: by itself the operation stops it, sweeps, and starts
// what ran before.
absl::StatusOr<v1::QueueQuarantineResult> Executor::DoQuarantine(const v1::Command& command,
                                                                 const CallContext& context) {
  const v1::QueueQuarantine& request = command.operation().queue_quarantine();
  if (request.has_filter()) return mail_.Quarantine(request, context);
  const InstanceNames chosen(request.instances().begin(), request.instances().end());
  MQ_ASSIGN_OR_RETURN(auto recorded, journal_.Step(command.command_id(), "was_running"));
  v1::ServiceStatusResult before;
  if (!recorded.has_value()) {
    MQ_ASSIGN_OR_RETURN(before, mail_.Status(chosen));
    MQ_RETURN_IF_ERROR(
        journal_.RecordStep(command.command_id(), "was_running", before.SerializeAsString()));
  } else if (!before.ParseFromString(*recorded)) {
    return absl::DataLossError("the journal's step was_running cannot be read");
  }
  InstanceNames was_running;
  for (const auto& instance : before.instances()) {
    if (instance.running()) was_running.push_back(instance.name());
  }
  if (!was_running.empty()) MQ_RETURN_IF_ERROR(mail_.Stop(was_running, context).status());
  auto result = mail_.Quarantine(request, context);
  if (!was_running.empty()) {
    const absl::Status started = mail_.Start(was_running, context).status();
    if (!started.ok())
      RaiseAlarm(absl::StrCat("after a sweep the service did not start: ",
                              std::string(started.message())));
    if (result.ok() && !started.ok())
      return Prepend(started, "the queues were set aside, but the service did not start");
  }
  return result;
}

void Executor::EndLeasesOf(const std::vector<std::string>& instances) {
  const absl::Status ended = journal_.ClearLeases(instances);
  if (!ended.ok()) spdlog::error("a lease could not be ended: {}", ended.ToString());
}

std::vector<v1::OperationReport> Executor::EndDueLeases(const ProgressFn& progress) {
  std::vector<v1::OperationReport> reports;
  const auto leases = journal_.Leases();
  if (!leases.ok()) return reports;
  for (const v1::Lease& lease : *leases) {
    if (absl::FromUnixMicros(TimeUtil::TimestampToMicroseconds(lease.end_time())) > clock_.Now())
      continue;
    reports.push_back(EndLease(lease, progress));
  }
  return reports;
}

// The lease's end is a contain of its own under a derived id, so that it is journaled, completed
// after a crash, and never starts a host whose lock is not verified.
v1::OperationReport Executor::EndLease(const v1::Lease& lease, const ProgressFn& progress) {
  spdlog::warn(
      "the lease of stop {} has ended and nobody started the service: finishing sweep and lock",
      lease.command_id());
  const auto run = [&](const std::string& step, v1::Operation operation) {
    v1::Command command;
    command.set_command_id(absl::StrCat(lease.command_id(), ".lease-", step));
    command.set_host_id(options_.host_id);
    command.set_requested_by("lease");
    *command.mutable_operation() = std::move(operation);
    return Execute(command, true, progress);
  };
  const auto good = [](const v1::OperationReport& report) {
    return report.outcome() == v1::OUTCOME_SUCCEEDED || report.outcome() == v1::OUTCOME_UNCHANGED;
  };
  // The alarm first: a crash after it tries once more, and says the same.
  const auto give_up = [&](const std::string& why) {
    RaiseAlarm(why);
    const absl::Status cleared = journal_.DropLease(lease.command_id());
    if (!cleared.ok()) spdlog::error("a lease could not be ended: {}", cleared.ToString());
  };
  v1::RelayLock lock = lease.stop().lock();
  if (lock.mode() == v1::RELAY_MODE_UNSPECIFIED) lock.set_mode(v1::RELAY_MODE_CLOSED);
  if (lease.stop().has_sweep()) {
    v1::Operation sweep;
    *sweep.mutable_queue_quarantine() = lease.stop().sweep();
    v1::OperationReport report = run("sweep", sweep);
    if (!good(report)) {
      give_up(absl::StrCat("a lease ended, the sweep failed, the service stays stopped: ",
                           report.error().message()));
      return report;
    }
  }
  v1::Operation operation;
  *operation.mutable_relay_lock() = lock;
  v1::OperationReport report = run("lock", operation);
  absl::Status verified = good(report) ? mail_.VerifyLocked(lock) : FromProto(report.error());
  if (!verified.ok()) {
    give_up(
        absl::StrCat("a lease ended, the lock could not be verified, the service stays stopped: ",
                     std::string(verified.message())));
    return report;
  }
  operation.Clear();
  *operation.mutable_service_start()->mutable_instances() = lease.instances();
  const v1::ChangeResult locked = report.result().relay_lock();
  report = run("start", operation);
  if (!good(report)) {
    give_up(absl::StrCat("a lease ended, the host is locked, but the service did not start: ",
                         report.error().message()));
    return report;
  }
  const InstanceNames names(lease.instances().begin(), lease.instances().end());
  CallContext context;
  context.deadline = absl::Now() + absl::Minutes(5);
  v1::RelayProbeResult probe;
  const absl::Status asked = AskListeners(names, lock.mode(), locked, context, probe);
  if (asked.ok()) return report;
  const absl::Status stopped = mail_.Stop(names, context).status();
  give_up(absl::StrCat("a lease ended and the host was locked and started, but ", asked.message(),
                       "; the service ",
                       stopped.ok() ? "was stopped again" : "could NOT be stopped"));
  report.set_outcome(v1::OUTCOME_FAILED);
  *report.mutable_error() = ToProto(asked);
  return report;
}

}  // namespace mailquench::agent
