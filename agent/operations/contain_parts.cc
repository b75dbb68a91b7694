// The parts of one contain. Each goes on from where those before it stopped, whichever command they
// were, and leaves the host stopped under a lease.
#include <google/protobuf/util/time_util.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/operations/contain.h"
#include "agent/operations/executor.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
using google::protobuf::util::TimeUtil;
MQ_DEFINE_FAULT_POINT(kPartBegun, "contain.part.begun");
MQ_DEFINE_FAULT_POINT(kJoined, "contain.part.joined");
MQ_DEFINE_FAULT_POINT(kEnding, "contain.part.ending");
MQ_DEFINE_FAULT_POINT(kUnitEnded, "contain.ended");

std::set<std::string> NamesOf(const v1::ServiceStatusResult& status) {
  std::set<std::string> out;
  for (const auto& instance : status.instances()) out.insert(instance.name());
  return out;
}

InstanceNames RunningOf(const v1::ServiceStatusResult& status) {
  InstanceNames out;
  for (const auto& instance : status.instances()) {
    if (instance.running()) out.push_back(instance.name());
  }
  return out;
}

bool SameLock(const v1::Contain& a, const v1::Contain& b) {
  const v1::RelayLock x = LockOf(a), y = LockOf(b);
  return x.mode() == y.mode() &&
         std::equal(x.clients().begin(), x.clients().end(), y.clients().begin(), y.clients().end());
}

v1::ContainResult Told(const v1::Containment& containment) {
  v1::ContainResult out = containment.ended();
  out.set_ended_alone(true);
  std::string* notice = out.mutable_lock()->mutable_notice();
  absl::StrAppend(notice, notice->empty() ? "" : " ",
                  "Before this part came the lease of an earlier one had ended: the agent swept, "
                  "locked and started this host by itself, whatever the others of its group did.");
  return out;
}

constexpr char kUnreadable[] = "the journal's steps of this contain cannot be read";
}  // namespace

std::string ContainUnit::Step(absl::string_view name, int of_round) const {
  return of_round == 1 ? std::string(name) : absl::StrCat(name, "-", of_round);
}

// The open contain that the command goes on with, or one that the end of a lease has ended and that
// it was a part of; none where it begins its own.
absl::StatusOr<std::optional<v1::Containment>> Executor::FindContainment(
    const v1::Command& command, const v1::ServiceStatusResult& now, bool of_lease) {
  const v1::Contain& request = command.operation().contain();
  const std::set<std::string> names = NamesOf(now);
  const InstanceNames running = RunningOf(now);
  MQ_ASSIGN_OR_RETURN(const std::vector<v1::Containment> all, journal_.Containments());
  MQ_ASSIGN_OR_RETURN(const std::vector<v1::Lease> leases, journal_.Leases());
  for (const v1::Containment& one : all) {
    const std::set<std::string> its(one.instances().begin(), one.instances().end());
    if (std::none_of(its.begin(), its.end(),
                     [&](const std::string& name) { return names.count(name) > 0; }))
      continue;
    if (one.has_ended()) {
      // A part of another run means a new attack.
      if (its == names && request.until() != v1::CONTAIN_UNTIL_STOPPED &&
          !command.run_id().empty() && command.run_id() == one.run_id() &&
          mail_.VerifyLocked(LockOf(request)).ok())
        return one;
      MQ_RETURN_IF_ERROR(journal_.DropContainment(one.command_id()));
      continue;
    }
    const bool held = std::any_of(leases.begin(), leases.end(), [&](const v1::Lease& lease) {
      return lease.unit() == one.command_id();
    });
    const bool runs = std::any_of(running.begin(), running.end(),
                                  [&](const std::string& name) { return its.count(name) > 0; });
    // Who names no incident, as a person at the host, goes on with what there is; but not with one
    // that was given up.
    const bool named = !request.incident_id().empty();
    const bool same =
        named ? request.incident_id() == one.contain().incident_id() : (held || !runs);
    if (same && its == names) {
      if (SameLock(request, one.contain())) return one;
      if (held && !runs)
        return Error(absl::StatusCode::kFailedPrecondition, "OTHER_LOCK",
                     absl::StrCat("an earlier part of this contain, ", one.command_id(),
                                  ", asked for another mode or other clients of the lock; nothing "
                                  "was done: give the same, then lock again by relay.lock"));
    }
    // It sends nothing while it is held, and is contained at the lease's end at the latest. Started
    // now, before the others of its group are swept, it would be handed their copies of the spam.
    if (held && !runs && !of_lease)
      return Error(
          absl::StatusCode::kFailedPrecondition, "OTHER_CONTAIN",
          absl::StrCat("this host is stopped by a part of another contain, ", one.command_id(),
                       same ? "" : absl::StrCat(" of incident ", one.contain().incident_id()),
                       ", of the instances ", absl::StrJoin(its, ", "),
                       ", which starts it together with the others of its group; nothing was done: "
                       "end that one, or begin again once its lease has ended"));
    MQ_RETURN_IF_ERROR(journal_.DropContainment(one.command_id()));
  }
  return std::optional<v1::Containment>();
}

// Which instances ran is written down before the first is stopped: only those are started again. So
// is what a person was warned of: it belongs to the result, whatever becomes of this process.
absl::Status Executor::BeginUnit(v1::ServiceStatusResult before, ContainUnit& unit) {
  MQ_ASSIGN_OR_RETURN(const std::vector<std::string> warnings, CheckContain(unit.request()));
  unit.so_far.mutable_warnings()->Assign(warnings.begin(), warnings.end());
  // What is stopped under a lease is to run again, and this contain ends the lease: a release
  // that made way may have stopped it.
  MQ_ASSIGN_OR_RETURN(const std::vector<v1::Lease> leases, journal_.Leases());
  for (auto& instance : *before.mutable_instances()) {
    for (const v1::Lease& lease : leases) {
      if (std::count(lease.instances().begin(), lease.instances().end(), instance.name()) == 0)
        continue;
      // The lease of a part may also be that of a host that did not run before.
      if (!lease.unit().empty()) {
        MQ_ASSIGN_OR_RETURN(const auto recorded, journal_.Step(lease.unit(), "was_running"));
        v1::ServiceStatusResult at_first;
        if (recorded.has_value() && at_first.ParseFromString(*recorded) &&
            RunningOf(at_first).empty())
          continue;
      }
      instance.set_running(true);
    }
  }
  MQ_RETURN_IF_ERROR(journal_.RecordStep(unit.id(), "so_far", unit.so_far.SerializeAsString()));
  return journal_.RecordStep(unit.id(), "was_running", before.SerializeAsString());
}

absl::StatusOr<ContainUnit> Executor::JoinUnit(const v1::Command& command) {
  ContainUnit unit;
  unit.command = command;
  unit.command_id = command.command_id();
  const v1::Contain& request = unit.request();
  unit.chosen.assign(request.instances().begin(), request.instances().end());
  const bool part = request.until() != v1::CONTAIN_UNTIL_UNSPECIFIED;
  if (part) MQ_RETURN_IF_ERROR(CheckLease(ContainLease(request)));
  MQ_ASSIGN_OR_RETURN(const std::vector<v1::Lease> leases, journal_.Leases());
  unit.of_lease = std::any_of(leases.begin(), leases.end(), [&](const v1::Lease& lease) {
    return lease.has_contain() && IsOfLease(unit.command_id, lease);
  });
  const auto now = mail_.Status(unit.chosen);
  MQ_ASSIGN_OR_RETURN(const auto joined, journal_.Step(unit.command_id, "unit"));
  MQ_ASSIGN_OR_RETURN(const auto began, journal_.Step(unit.command_id, "was_running"));
  if (joined.has_value()) {
    unit.command.set_command_id(*joined);
  } else if (!began.has_value()) {
    MQ_RETURN_IF_ERROR(now.status());
    MQ_ASSIGN_OR_RETURN(const auto found, FindContainment(command, *now, unit.of_lease));
    if (found.has_value() && found->has_ended()) {
      unit.ended = Told(*found);
      return unit;
    }
    unit.fresh = !found.has_value();
    if (unit.fresh) {
      MQ_RETURN_IF_ERROR(BeginUnit(*now, unit));
    } else {
      MQ_RETURN_IF_ERROR(journal_.RecordStep(unit.command_id, "unit", found->command_id()));
      unit.command.set_command_id(found->command_id());
    }
  }
  MQ_ASSIGN_OR_RETURN(const auto recorded, journal_.Step(unit.id(), "was_running"));
  v1::ServiceStatusResult before;
  if (!recorded.has_value() || !before.ParseFromString(*recorded))
    return absl::DataLossError(kUnreadable);
  MQ_FAULT_POINT(kPartBegun);
  if (part && unit.id() == unit.command_id) {
    v1::Containment containment;
    containment.set_command_id(unit.id());
    *containment.mutable_contain() = request;
    for (const std::string& name : NamesOf(before)) containment.add_instances(name);
    containment.set_run_id(command.run_id());
    MQ_RETURN_IF_ERROR(journal_.PutContainment(containment));
  }
  MQ_FAULT_POINT(kJoined);
  if (!unit.fresh)
    MQ_RETURN_IF_ERROR(LookAtUnit(now.ok() ? RunningOf(*now) : InstanceNames(), before, unit));
  unit.was_running = RunningOf(before);
  return unit;
}

// What became of it since its last step. A host that has run since the sweep may have queued spam
// again, and a lock that was put back is none: both are done once more then.
absl::Status Executor::LookAtUnit(const InstanceNames& running,
                                  v1::ServiceStatusResult& before,
                                  ContainUnit& unit) {
  MQ_ASSIGN_OR_RETURN(const auto so_far, journal_.Step(unit.id(), "so_far"));
  if (so_far.has_value() && !unit.so_far.ParseFromString(*so_far))
    return absl::DataLossError(kUnreadable);
  unit.so_far.clear_lease_end_time();
  MQ_ASSIGN_OR_RETURN(const auto round, journal_.Step(unit.id(), "round"));
  if (round.has_value() && !absl::SimpleAtoi(*round, &unit.round))
    return absl::DataLossError(kUnreadable);
  MQ_ASSIGN_OR_RETURN(const auto starter, journal_.Step(unit.id(), unit.Step("starting")));
  unit.starting = starter.has_value() && (*starter == unit.command_id || starter->empty());
  if (unit.starting) return absl::OkStatus();
  // Somebody wants to have run what runs now, though it did not at first.
  if (unit.id() != unit.command_id && !running.empty()) {
    for (auto& instance : *before.mutable_instances()) {
      if (std::count(running.begin(), running.end(), instance.name()) > 0)
        instance.set_running(true);
    }
    MQ_RETURN_IF_ERROR(journal_.RecordStep(unit.id(), "was_running", before.SerializeAsString()));
  }
  MQ_ASSIGN_OR_RETURN(const auto swept, journal_.Step(unit.id(), unit.Step("swept")));
  if (!swept.has_value()) return absl::OkStatus();
  MQ_ASSIGN_OR_RETURN(const auto lock,
                      journal_.FindChange(absl::StrCat(unit.id(), ".", unit.Step("lock"))));
  const bool unlocked = lock.has_value() && lock->closed;
  if (running.empty() && !starter.has_value() && !unlocked) return absl::OkStatus();
  ++unit.round;
  spdlog::warn(
      "{}: the service was started, or its lock put back, since it was swept as {}: it is "
      "swept and locked once more",
      unit.command_id, unit.id());
  return journal_.RecordStep(unit.id(), "round", absl::StrCat(unit.round));
}

// From the stop of a part on. What did not run is not started at the lease's end, but swept and
// locked all the same: its queue is full, and whoever starts it sends that.
absl::Status Executor::Hold(const ContainUnit& unit) {
  InstanceNames held = unit.was_running;
  if (held.empty()) {
    MQ_ASSIGN_OR_RETURN(const v1::ServiceStatusResult now, mail_.Status(unit.chosen));
    const std::set<std::string> names = NamesOf(now);
    held.assign(names.begin(), names.end());
  }
  MQ_ASSIGN_OR_RETURN(const std::vector<v1::Lease> leases, journal_.Leases());
  const auto length = TimeUtil::DurationToMicroseconds(ContainLease(unit.request()));
  auto end = absl::ToUnixMicros(clock_.Now()) + length;
  for (const v1::Lease& lease : leases) {
    if (lease.command_id() == unit.command_id) return absl::OkStatus();
    if (lease.unit() == unit.id())
      end = std::max<std::int64_t>(end, TimeUtil::TimestampToMicroseconds(lease.end_time()));
  }
  v1::Lease lease;
  lease.set_command_id(unit.command_id);
  lease.set_unit(unit.id());
  *lease.mutable_end_time() = TimeUtil::MicrosecondsToTimestamp(end);
  *lease.mutable_settle() =
      TimeUtil::MicrosecondsToDuration(absl::ToInt64Microseconds(options_.settle));
  *lease.mutable_stop()->mutable_lease() = ContainLease(unit.request());
  v1::QueueQuarantine* sweep = lease.mutable_stop()->mutable_sweep();
  sweep->set_incident_id(unit.request().incident_id());
  sweep->set_reason(unit.request().reason());
  *lease.mutable_stop()->mutable_lock() = LockOf(unit.request());
  SetInstances(held, &lease);
  *lease.mutable_contain() = unit.request();
  return journal_.TakeOverLeases(lease);
}

// What it found and did is kept for the parts that follow, also where it failed.
absl::Status Executor::EndPart(const ContainUnit& unit,
                               const absl::Status& done,
                               v1::ContainResult& result) {
  const absl::Status kept = journal_.RecordStep(unit.id(), "so_far", result.SerializeAsString());
  if (!kept.ok()) spdlog::error("{}: {}", unit.command_id, kept.ToString());
  MQ_FAULT_POINT(kEnding);
  MQ_RETURN_IF_ERROR(done);
  // The work of a part is not taken from its lease.
  const absl::Time end =
      clock_.Now() +
      absl::Microseconds(TimeUtil::DurationToMicroseconds(ContainLease(unit.request())));
  absl::Status renewed =
      unit.of_lease ? absl::OkStatus() : journal_.RenewLease(unit.command_id, end);
  if (!renewed.ok() && !absl::IsNotFound(renewed)) return renewed;
  MQ_ASSIGN_OR_RETURN(const std::vector<v1::Lease> leases, journal_.Leases());
  for (const v1::Lease& lease : leases) {
    if (lease.unit() == unit.id()) *result.mutable_lease_end_time() = lease.end_time();
  }
  alarms_.Clear(unit.chosen);
  return absl::OkStatus();
}

absl::Status Executor::EndUnit(const ContainUnit& unit, const v1::ContainResult& result) {
  MQ_ASSIGN_OR_RETURN(const std::vector<v1::Containment> all, journal_.Containments());
  for (v1::Containment one : all) {
    if (one.command_id() != unit.id() || one.has_ended()) continue;
    if (!unit.of_lease) {
      MQ_RETURN_IF_ERROR(journal_.DropContainment(unit.id()));
      continue;
    }
    *one.mutable_ended() = result;
    MQ_RETURN_IF_ERROR(journal_.PutContainment(one));
  }
  MQ_FAULT_POINT(kUnitEnded);
  MQ_RETURN_IF_ERROR(journal_.ClearLeases(unit.chosen));
  alarms_.Clear(unit.chosen);
  return absl::OkStatus();
}

}  // namespace mailquench::agent
