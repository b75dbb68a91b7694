// A lease that ends finishes the lock and starts the service, or raises the alarm.
#include <google/protobuf/util/time_util.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/operations/executor.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
using google::protobuf::util::TimeUtil;
constexpr absl::Duration kLeaseRetry = absl::Seconds(30);
constexpr absl::Duration kClockSlack = absl::Minutes(1);
constexpr char kLeaseEnds[] = "(the end of a lease)";  // No command has such an id.
constexpr int kUsualMinutes = 15;
constexpr char kSweptStep[] = "swept";

bool GoesOn(const v1::OperationReport& report) {
  return report.outcome() == v1::OUTCOME_SUCCEEDED || report.outcome() == v1::OUTCOME_UNCHANGED;
}

std::string OfLease(const v1::Lease& lease, const std::string& step) {
  return absl::StrCat(lease.command_id(), ".lease-", step);
}

// A controller that is there renews the lease of a contain's part for as long as the contain goes
// on; that it renews no more, as after a barrier that broke, is its order. Whether a host that was
// stopped by service.stop starts again is a person's decision while he can be asked.
bool EndsUnasked(const v1::Lease& lease) {
  return lease.has_contain();
}

// The mail system was out of reach; another try may find it back.
bool IsOutOfReach(const v1::OperationReport& report) {
  return report.outcome() == v1::OUTCOME_FAILED &&
         report.error().code() == static_cast<int>(absl::StatusCode::kUnavailable);
}
}  // namespace

google::protobuf::Duration LeaseLength(const v1::ServiceStop& stop) {
  return stop.has_lease() ? stop.lease() : TimeUtil::MinutesToDuration(kUsualMinutes);
}

google::protobuf::Duration ContainLease(const v1::Contain& contain) {
  return contain.has_lease() ? contain.lease() : TimeUtil::MinutesToDuration(kUsualMinutes);
}

absl::Status CheckLease(const google::protobuf::Duration& length) {
  const absl::Duration value = absl::Microseconds(TimeUtil::DurationToMicroseconds(length));
  if (value >= absl::Seconds(10) && value <= absl::Hours(24)) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, "BAD_LEASE",
               absl::StrCat("a lease lasts 10 s to 24 h, not ", absl::FormatDuration(value),
                            "; nothing was stopped"));
}

bool IsOfLease(const std::string& command_id, const v1::Lease& lease) {
  return absl::StartsWith(command_id, OfLease(lease, ""));
}

void Executor::EndLeasesOf(const std::vector<std::string>& instances) {
  const absl::Status ended = journal_.ClearLeases(instances);
  if (!ended.ok()) spdlog::error("a lease could not be ended: {}", ended.ToString());
}

std::vector<v1::OperationReport> Executor::EndDueLeases(const ProgressFn& progress,
                                                        bool controller_is_gone) {
  const absl::Cleanup no_more = [this] { ExpectNoMore(kLeaseEnds); };
  std::vector<v1::OperationReport> reports;
  const auto leases = journal_.Leases();
  if (!leases.ok()) return reports;
  for (const v1::Lease& lease : *leases) {
    if (!controller_is_gone && !EndsUnasked(lease)) continue;
    if (!IsDue(lease)) continue;
    const auto retry = lease_retries_.find(lease.command_id());
    if (retry != lease_retries_.end() && clock_.Now() < retry->second) continue;
    const v1::OperationReport report = EndLease(lease, progress);
    // Another change holds the host, or the journal's disk is full: later.
    const bool open = IsOpen(report);
    if (open || IsOutOfReach(report))
      lease_retries_[lease.command_id()] = clock_.Now() + kLeaseRetry;
    else
      lease_retries_.erase(lease.command_id());
    if (report.outcome() != v1::OUTCOME_CANCELLED && !open) reports.push_back(report);
  }
  return reports;
}

// "swept", or "swept-2" where the first try found the mail system out of reach: a command that has
// ended is only answered from the journal.
std::string Executor::NextTry(const v1::Lease& lease, const std::string& step) {
  std::string name = step;
  for (int n = 2;; ++n) {
    const auto done = journal_.Report(OfLease(lease, name));
    if (!done.ok() || !done->has_value() || !IsOutOfReach(**done)) return name;
    name = absl::StrCat(step, "-", n);
  }
}

// When the agent, at the end of the lease of a part, has swept and locked. What it owes then is due
// when the others have settled.
std::optional<absl::Time> Executor::SweptAt(const v1::Lease& lease) {
  if (!lease.has_contain()) return std::nullopt;
  const auto done = journal_.Report(OfLease(lease, NextTry(lease, kSweptStep)));
  if (!done.ok() || !done->has_value()) return std::nullopt;
  return absl::FromUnixMicros(TimeUtil::TimestampToMicroseconds((*done)->end_time()));
}

absl::Time Executor::DueTime(const v1::Lease& lease) {
  const absl::Time end = absl::FromUnixMicros(TimeUtil::TimestampToMicroseconds(lease.end_time()));
  const std::optional<absl::Time> swept = SweptAt(lease);
  if (!swept.has_value()) return end;
  // Late, as after a power cut of all of them, the others are late too. Later than now it was while
  // the clock was ahead.
  const absl::Time from = *swept <= clock_.Now() ? std::max(end, *swept) : end;
  return from + absl::Microseconds(TimeUtil::DurationToMicroseconds(lease.settle()));
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
  return DueTime(lease) <= now;
}

void Executor::ExpectDueLeases(bool controller_is_gone) {
  bool due = false;
  for (const v1::Lease& lease : journal_.Leases().value_or(std::vector<v1::Lease>()))
    due |= (controller_is_gone || EndsUnasked(lease)) && DueTime(lease) <= clock_.Now();
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
  if ((lease.stop().has_sweep() && !SweptAt(lease).has_value()) || !mail_.VerifyLocked(lock).ok()) {
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
// a crash.
v1::OperationReport Executor::RunForLease(const v1::Lease& lease,
                                          const std::string& step,
                                          v1::Operation operation,
                                          const ProgressFn& progress) {
  v1::Command command;
  command.set_command_id(OfLease(lease, step));
  command.set_host_id(options_.host_id);
  command.set_requested_by("lease");
  *command.mutable_operation() = std::move(operation);
  return Execute(command, true, progress, [&] { return StillLeased(lease); });
}

v1::OperationReport Executor::GiveUp(const v1::Lease& lease,
                                     const v1::OperationReport& report,
                                     const char* what) {
  if (report.outcome() == v1::OUTCOME_CANCELLED) return report;
  const InstanceNames names(lease.instances().begin(), lease.instances().end());
  if (IsOpen(report)) {
    RaiseAlarm(names, absl::StrCat("a lease ended, but what it owes could not be done yet; the "
                                   "service stays stopped, and it is tried again: ",
                                   report.error().message()));
    return report;
  }
  if (lease.has_contain() && IsOutOfReach(report)) {
    RaiseAlarm(names, absl::StrCat("a lease ended, but ", what,
                                   "; it is tried again: ", report.error().message()));
    return report;
  }
  // The alarm first: a crash after it tries once more, and says the same.
  RaiseAlarm(names, absl::StrCat("a lease ended, but ", what, ": ", report.error().message()));
  const absl::Status cleared = journal_.DropLease(lease.command_id());
  if (!cleared.ok()) spdlog::error("a lease could not be ended: {}", cleared.ToString());
  return report;
}

// A host whose lock is not verified is never started.
v1::OperationReport Executor::EndLease(const v1::Lease& lease, const ProgressFn& progress) {
  spdlog::warn(
      "the lease of stop {} has ended and nobody started the service: finishing sweep and lock",
      lease.command_id());
  if (lease.has_contain()) return EndPartLease(lease, progress);
  v1::RelayLock lock = lease.stop().lock();
  if (lock.mode() == v1::RELAY_MODE_UNSPECIFIED) lock.set_mode(v1::RELAY_MODE_CLOSED);
  v1::Operation operation;
  if (lease.stop().has_sweep()) {
    *operation.mutable_queue_quarantine() = lease.stop().sweep();
    const v1::OperationReport report = RunForLease(lease, "sweep", operation, progress);
    if (!GoesOn(report))
      return GiveUp(lease, report, "the queues could not be set aside; the service stays stopped");
  }
  *operation.mutable_relay_lock() = lock;
  v1::OperationReport report = RunForLease(lease, "lock", operation, progress);
  if (!GoesOn(report))
    return GiveUp(lease, report, "the relay could not be locked; the service stays stopped");
  *operation.mutable_service_start()->mutable_instances() = lease.instances();
  *operation.mutable_service_start()->mutable_only_locked() = lock;
  report = RunForLease(lease, "start", operation, progress);
  return GoesOn(report) ? report : GiveUp(lease, report, "the service did not come back");
}

// The rest of a contain in parts, where nobody sends it. Hosts that keep copies of each other's
// mail must all be swept before one of them starts: it would be handed the spam that the others
// keep for it. No host can ask the others. But all of a group were stopped within one step of a
// run, so their leases end about together: each sweeps and locks at once, and starts only when the
// settling time is over, in which the others do the same. That is a guess where a sweep takes
// longer than this time, or a clock is wrong by more.
v1::OperationReport Executor::EndPartLease(const v1::Lease& lease, const ProgressFn& progress) {
  v1::Operation operation;
  *operation.mutable_contain() = lease.contain();
  operation.mutable_contain()->set_until(v1::CONTAIN_UNTIL_SWEPT);
  v1::OperationReport report = RunForLease(lease, NextTry(lease, kSweptStep), operation, progress);
  if (!GoesOn(report)) return GiveUp(lease, report, "this host could not be swept and locked");
  if (clock_.Now() < DueTime(lease)) return report;  // Its start is for a later look.
  operation.mutable_contain()->clear_until();
  report = RunForLease(lease, NextTry(lease, "contain"), operation, progress);
  return GoesOn(report) ? report : GiveUp(lease, report, "the contain could not be ended");
}

}  // namespace mailquench::agent
