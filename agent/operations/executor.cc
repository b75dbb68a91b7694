#include "agent/operations/executor.h"

#include <google/protobuf/util/time_util.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/os/lock.h"
#include "common/operation/names.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
using google::protobuf::util::TimeUtil;

// For each change that is completed before one that ends an attack.
constexpr absl::Duration kBeforeUrgent = absl::Minutes(2);

google::protobuf::Timestamp Stamp(absl::Time time) {
  return TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(time));
}

// A request to somebody else is not made twice by itself.
absl::Status CutFetch() {
  return Error(absl::StatusCode::kAborted, "INTERRUPTED",
               "interrupted; whether the list took the request is not known; look it up before "
               "asking again");
}

v1::Outcome OutcomeOf(const absl::Status& status, bool admitted, bool changed) {
  if (status.ok()) return changed ? v1::OUTCOME_SUCCEEDED : v1::OUTCOME_UNCHANGED;
  if (!admitted) return v1::OUTCOME_REFUSED;
  switch (status.code()) {
    case absl::StatusCode::kDeadlineExceeded:
      return v1::OUTCOME_TIMED_OUT;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kUnimplemented:
      return v1::OUTCOME_REFUSED;
    default:
      return v1::OUTCOME_FAILED;
  }
}
}  // namespace

Executor::Executor(MailSystem& mail, Journal& journal, Clock& clock, ExecutorOptions options)
    : mail_(mail),
      journal_(journal),
      clock_(clock),
      options_(std::move(options)),
      turn_(options_.state_dir),
      alarms_(absl::StrCat(options_.state_dir, "/alarm")) {}

absl::Status Executor::Admit(const v1::Command& command) {
  if (command.command_id().empty() || command.command_id().size() > 200)
    return Error(absl::StatusCode::kInvalidArgument, "BAD_COMMAND_ID",
                 "the command has no usable id; nothing was done");
  if (command.host_id() != options_.host_id)
    return Error(absl::StatusCode::kPermissionDenied, "WRONG_HOST",
                 absl::StrCat("the command names host '", command.host_id(), "', this is '",
                              options_.host_id, "'; nothing was done"));
  const std::string name = OperationName(command.operation());
  if (name.empty())
    return Error(absl::StatusCode::kUnimplemented, "UNKNOWN_OPERATION",
                 "the command holds no operation that this agent knows; nothing was done");
  if (command.operation().has_blacklist_clear())
    return Error(absl::StatusCode::kUnimplemented, "CONTROLLERS_OWN",
                 "blacklist.clear is what a controller does itself; nothing was done; give it as a "
                 "run of the controller");
  if (!options_.allowed_operations.empty() && options_.allowed_operations.count(name) == 0)
    return Error(
        absl::StatusCode::kPermissionDenied, "NOT_ALLOWED_HERE",
        absl::StrCat("this host's own allow list does not contain ", name, "; nothing was done"));
  if (command.operation().has_quarantine_move())
    MQ_RETURN_IF_ERROR(AdmitDirectory(command.operation().quarantine_move()));
  if (command.operation().has_delist_fetch())
    MQ_RETURN_IF_ERROR(AdmitFetch(command.operation().delist_fetch()));
  return NotCancelled(command.command_id());
}

absl::Status Executor::NotCancelled(const std::string& command_id) {
  {
    const std::lock_guard<std::mutex> lock(mu_);
    if (cancelled_.count(command_id) == 0) return absl::OkStatus();
  }
  // What is half done is finished: nobody else would.
  const auto begun = journal_.IsBegun(command_id);
  if (!begun.ok() || *begun) return absl::OkStatus();
  return Error(absl::StatusCode::kCancelled, "CANCELLED",
               "cancelled before it began; nothing was done");
}

// Asked between two messages or samples of what can be continued by a repeat.
absl::Status Executor::StillWanted(const v1::Command& command) {
  if (ending_ && !MakesWay(command.operation()))
    return Error(absl::StatusCode::kAborted, "INTERRUPTED",
                 "the agent ends while it observes; nothing was touched, ask again");
  bool urgent_waits = false;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    if (cancelled_.count(command.command_id()) != 0)
      return Error(absl::StatusCode::kCancelled, "CANCELLED",
                   "cancelled while it went on; ask again for the rest");
    urgent_waits = !urgent_.empty();
  }
  const bool scans =
      command.operation().has_queue_survey() || command.operation().has_quarantine_analyse();
  if ((MakesWay(command.operation()) || (scans && mail_.ScansDelaySweeps())) &&
      (urgent_waits || turn_.Wanted()))
    return Error(absl::StatusCode::kAborted, "MADE_WAY",
                 "it made way for a change that ends an attack; ask again for the rest");
  return absl::OkStatus();
}

bool Executor::UrgentWaits() {
  const std::lock_guard<std::mutex> lock(mu_);
  return !urgent_.empty() || turn_.Wanted();
}

// A change that is not urgent keeps no urgent one waiting by standing in line before it.
absl::Status Executor::MayWait(const v1::Command& command) {
  MQ_RETURN_IF_ERROR(NotCancelled(command.command_id()));
  if (IsUrgent(command.operation())) return absl::OkStatus();
  const std::lock_guard<std::mutex> lock(mu_);
  if (urgent_.empty()) return absl::OkStatus();
  return Error(absl::StatusCode::kAborted, "MADE_WAY",
               "a change that ends an attack came before it; nothing was done, ask again");
}

void Executor::Expect(const v1::Command& command) {
  if (!IsUrgent(command.operation()) || !Admit(command).ok()) return;
  const auto done = journal_.Report(command.command_id());
  if (done.ok() && done->has_value()) return;
  const std::lock_guard<std::mutex> lock(mu_);
  urgent_.insert(command.command_id());
}

void Executor::ExpectNoMore(const std::string& command_id) {
  const std::lock_guard<std::mutex> lock(mu_);
  urgent_.erase(command_id);
}

absl::Status Executor::AdmitDirectory(const v1::QuarantineMove& request) const {
  const std::string& directory = request.directory();
  if (directory == "home" || options_.quarantine_roots.count(directory) != 0)
    return absl::OkStatus();
  return Error(
      absl::StatusCode::kPermissionDenied, "DIRECTORY_NOT_ALLOWED",
      absl::StrCat("this host moves quarantines to no directory '", directory,
                   "'; nothing was done. Its own list, quarantine_roots in agent.yaml, ",
                   options_.quarantine_roots.empty()
                       ? "is empty: name one there"
                       : absl::StrCat("has ", absl::StrJoin(options_.quarantine_roots, ", ")),
                   "; 'home' is the queue's own file system"));
}

v1::OperationReport Executor::Execute(const v1::Command& command,
                                      bool local,
                                      const ProgressFn& progress,
                                      const std::function<absl::Status()>& still_wanted) {
  return ExecuteWithin(options_.lock_wait, command, local, progress, still_wanted);
}

v1::OperationReport Executor::ExecuteWithin(absl::Duration lock_wait,
                                            const v1::Command& command,
                                            bool local,
                                            const ProgressFn& progress,
                                            const std::function<absl::Status()>& still_wanted) {
  {
    const std::lock_guard<std::mutex> lock(mu_);
    running_.insert(command.command_id());
    // Also without Expect(), as of a break-glass command: what is completed before it makes way.
    if (IsUrgent(command.operation())) urgent_.insert(command.command_id());
  }
  const absl::Cleanup done = [&] {
    ExpectNoMore(command.command_id());
    const std::lock_guard<std::mutex> lock(mu_);
    running_.erase(command.command_id());
  };
  v1::OperationReport report = NewReport(command, local);
  const auto refused = [&](const absl::Status& why, bool admitted) {
    Finish(why, admitted, false, report);
    return report;
  };
  // A wrong envelope is never written down: its id may be another command's.
  const absl::Status admitted = Admit(command);
  if (!admitted.ok()) return refused(admitted, false);
  const bool observes = ClassOf(command.operation()) == v1::OPERATION_CLASS_OBSERVE;
  std::unique_ptr<FileLock> host;
  if (!observes) {
    // The end of a lease asks for itself.
    const auto may_wait = [&] {
      return still_wanted ? NotCancelled(command.command_id()) : MayWait(command);
    };
    const absl::Status waits = may_wait();
    if (!waits.ok()) return refused(waits, true);
    auto lock = turn_.Take(IsUrgent(command.operation()), lock_wait, may_wait);
    if (!lock.ok()) return refused(lock.status(), true);
    host = *std::move(lock);
  }
  if (!observes) {
    const absl::Status completed = CompleteOlder(command, progress);
    if (!completed.ok()) return refused(completed, true);
  }
  if (still_wanted) {
    const absl::Status wanted = still_wanted();
    if (!wanted.ok()) return refused(wanted, true);
  }
  v1::OperationReport recorded;
  const auto known = journal_.Begin(command, local, &recorded);
  if (!known.ok())
    return refused(
        Prepend(known.status(), "the journal could not take the intent, so nothing was done"),
        true);
  if (*known == Journal::Known::kDone) return recorded;
  if (*known == Journal::Known::kUnfinished && command.operation().has_delist_fetch()) {
    CompleteOne(command, command, progress);
    const auto closed = journal_.Report(command.command_id());
    if (closed.ok() && closed->has_value()) return **closed;
    return refused(CutFetch(), true);
  }
  Carry(command, options_.default_timeout, progress, report);
  return report;
}

v1::OperationReport Executor::NewReport(const v1::Command& command, bool local) {
  v1::OperationReport report;
  report.set_command_id(command.command_id());
  report.set_operation(OperationName(command.operation()));
  report.set_local(local);
  *report.mutable_start_time() = Stamp(clock_.Now());
  return report;
}

void Executor::Finish(const absl::Status& status,
                      bool admitted,
                      bool changed,
                      v1::OperationReport& report) {
  report.set_outcome(status.code() == absl::StatusCode::kCancelled
                         ? v1::OUTCOME_CANCELLED
                         : OutcomeOf(status, admitted, changed));
  if (!status.ok()) *report.mutable_error() = ToProto(status);
  *report.mutable_end_time() = Stamp(clock_.Now());
}

// A change that a killed process, or a disk that was full at its end, has left unfinished is
// completed before the next one begins: days later it would undo what was done since. The host's
// lock is held, so that nobody is at it. An error: one is left, and nothing else may begin.
absl::Status Executor::CompleteOlder(const v1::Command& before, const ProgressFn& progress) {
  const bool urgent = IsUrgent(before.operation());
  const auto unfinished = journal_.Unfinished();
  if (!unfinished.ok()) {
    spdlog::error("the journal cannot be read: {}", unfinished.status().ToString());
    // One damaged row must not keep an attack from being ended.
    return urgent ? absl::OkStatus() : unfinished.status();
  }
  for (const v1::Command& command : *unfinished) {
    if (command.command_id() == before.command_id()) return absl::OkStatus();
    if (ClassOf(command.operation()) == v1::OPERATION_CLASS_OBSERVE) continue;
    CompleteOne(command, before, progress);
    const auto open = journal_.IsBegun(command.command_id());
    if (!open.ok() || !*open) continue;
    if (urgent && CloseWithoutResult(command.command_id())) continue;
    return Error(absl::StatusCode::kUnavailable, "OLDER_UNFINISHED",
                 absl::StrCat("the outcome of an older change of this host, ", command.command_id(),
                              " (", OperationName(command.operation()),
                              "), could not be written; nothing was done: make room for the "
                              "journal, then ask again"));
  }
  return absl::OkStatus();
}

void Executor::CompleteOne(const v1::Command& command,
                           const v1::Command& before,
                           const ProgressFn& progress) {
  const std::string& id = command.command_id();
  const std::string name = OperationName(command.operation());
  {
    // It is done; only its outcome could not be written.
    const std::lock_guard<std::mutex> lock(mu_);
    const auto known = unwritten_.find(id);
    if (known != unwritten_.end()) {
      if (journal_.Finish(known->second).ok()) unwritten_.erase(known);
      return;
    }
  }
  const auto local = journal_.IsLocal(id);
  v1::OperationReport report = NewReport(command, local.ok() && *local);
  const auto close = [&](const absl::Status& why, bool admitted) {
    spdlog::warn("{} ({}), which was begun before, is not completed: {}", id, name, why.ToString());
    Finish(why, admitted, false, report);
    const absl::Status written = journal_.Finish(report);
    if (!written.ok()) spdlog::error("{}: {}", id, written.ToString());
  };
  if (command.operation().has_delist_fetch()) return close(CutFetch(), true);
  if (!options_.allowed_operations.empty() && options_.allowed_operations.count(name) == 0) {
    RaiseAlarm({}, absl::StrCat("a ", name,
                                " was begun and is half done, and this host's own allow "
                                "list does not contain it any more; look at the host"));
    return close(Error(absl::StatusCode::kPermissionDenied, "NOT_ALLOWED_HERE",
                       "it was begun, but this host's own allow list does not contain it any more"),
                 false);
  }
  const auto next = before.operation().kind_case();
  if (command.operation().has_service_start() &&
      (next == v1::Operation::kContain || next == v1::Operation::kServiceStop))
    return close(Error(absl::StatusCode::kAborted, "SUPERSEDED",
                       "a contain or a stop came before this start was completed"),
                 true);
  spdlog::warn("completing {} ({}), which was begun before", id, name);
  Carry(command, IsUrgent(before.operation()) ? kBeforeUrgent : options_.default_timeout, progress,
        report);
}

// What an urgent change cannot wait for: room for the whole report of one that is done.
bool Executor::CloseWithoutResult(const std::string& command_id) {
  const std::lock_guard<std::mutex> lock(mu_);
  const auto known = unwritten_.find(command_id);
  if (known == unwritten_.end()) return false;
  v1::OperationReport report = known->second;
  report.clear_result();
  report.set_outcome(v1::OUTCOME_FAILED);
  *report.mutable_error() = ToProto(
      Error(absl::StatusCode::kDataLoss, "RESULT_LOST",
            "it was carried out, but the journal had no room for its result: see `quarantine list` "
            "and the dry run of a restore"));
  if (!journal_.Finish(report).ok()) return false;
  unwritten_.erase(known);
  return true;
}

// From the recorded intent to the recorded outcome.
void Executor::Carry(const v1::Command& command,
                     absl::Duration longest,
                     const ProgressFn& progress,
                     v1::OperationReport& report) {
  CallContext context;
  context.command_id = command.command_id();
  absl::Duration timeout =
      command.has_timeout()
          ? absl::Microseconds(TimeUtil::DurationToMicroseconds(command.timeout()))
          : options_.default_timeout;
  if (longest == kBeforeUrgent) timeout = std::min(timeout, longest);
  context.deadline = clock_.Now() + timeout;
  context.progress = [&](const std::string& text) {
    spdlog::info("{}: {}", command.command_id(), text);
    if (progress) progress(command.command_id(), text);
  };
  if (ClassOf(command.operation()) == v1::OPERATION_CLASS_OBSERVE || MakesWay(command.operation()))
    context.still_wanted = [this, &command] { return StillWanted(command); };
  const auto restart_step = [](const std::string& instance) {
    return absl::StrCat("restart/", instance);
  };
  context.restart = [&](const std::string& instance, bool begins) {
    return journal_.RecordStep(command.command_id(), restart_step(instance), begins ? "1" : "");
  };
  context.restart_cut_short = [&](const std::string& instance) {
    const auto begun = journal_.Step(command.command_id(), restart_step(instance));
    return begun.ok() && begun->has_value() && !(*begun)->empty();
  };
  bool changed = true;
  v1::OperationResult result;
  context.done_so_far = [&](const v1::OperationResult& so_far) { result = so_far; };
  const absl::Status performed = Perform(command, context, changed, result);
  // Also beside an error: what was done until then is owed all the same.
  if (result.kind_case() != v1::OperationResult::KIND_NOT_SET)
    *report.mutable_result() = std::move(result);
  Finish(performed, true, changed, report);
  const absl::Status written = journal_.Finish(report);
  if (!written.ok()) {
    spdlog::error("{}: the outcome could not be written: {}", command.command_id(),
                  written.ToString());
    {
      const std::lock_guard<std::mutex> lock(mu_);
      unwritten_[command.command_id()] = report;
    }
    // Not reported as done: the journal still says "begun". The outcome is written once there is
    // room, before any other change; after a restart of the agent the command is completed again.
    report.set_outcome(v1::OUTCOME_FAILED);
    *report.mutable_error() =
        ToProto(Prepend(written, absl::StrCat(performed.ok() ? "done" : performed.message(),
                                              ", but the journal could not take the outcome; it is "
                                              "written once there is room")));
  }
  spdlog::info("{} {}: {} {}", report.command_id(), report.operation(),
               OutcomeName(report.outcome()), report.error().message());
}

v1::OperationPlanned Executor::Plan(const v1::Command& command) {
  v1::OperationPlanned planned;
  planned.set_command_id(command.command_id());
  absl::Status status = Admit(command);
  if (status.ok()) {
    auto plan = MakePlan(command.operation());
    if (plan.ok()) *planned.mutable_plan() = std::move(*plan);
    status = plan.status();
  }
  if (!status.ok()) {
    planned.mutable_refused()->set_command_id(command.command_id());
    planned.mutable_refused()->set_operation(OperationName(command.operation()));
    planned.mutable_refused()->set_outcome(v1::OUTCOME_REFUSED);
    *planned.mutable_refused()->mutable_error() = ToProto(status);
  }
  return planned;
}

// Not begun, or without a recorded outcome. What cannot be read counts as over.
bool Executor::IsOpen(const v1::OperationReport& report) {
  if (report.outcome() == v1::OUTCOME_REFUSED) return false;
  const auto recorded = journal_.Report(report.command_id());
  return recorded.ok() && !recorded->has_value();
}

void Executor::CloseObservers() {
  const auto unfinished = journal_.Unfinished();
  if (!unfinished.ok()) return;
  for (const v1::Command& command : *unfinished) {
    if (ClassOf(command.operation()) != v1::OPERATION_CLASS_OBSERVE) continue;
    const auto local = journal_.IsLocal(command.command_id());
    v1::OperationReport report = NewReport(command, local.ok() && *local);
    Finish(Error(absl::StatusCode::kAborted, "INTERRUPTED",
                 command.operation().has_queue_watch()
                     ? "the agent ended while it watched; ask again, and see `quarantine list` for "
                       "notifications that it may have set aside"
                     : "the agent ended while it observed; nothing was touched, ask again"),
           true, false, report);
    const absl::Status written = journal_.Finish(report);
    if (!written.ok()) spdlog::warn("{}: {}", command.command_id(), written.ToString());
  }
}

void Executor::ResumeUnfinished(const ProgressFn& progress, absl::Duration lock_wait) {
  const auto unfinished = journal_.Unfinished();
  if (!unfinished.ok())
    return spdlog::error("the journal cannot be read: {}", unfinished.status().ToString());
  if (std::all_of(unfinished->begin(), unfinished->end(), [](const v1::Command& command) {
        return ClassOf(command.operation()) == v1::OPERATION_CLASS_OBSERVE;
      }))
    return;
  const v1::Command none;
  const auto lock = turn_.Take(false, lock_wait, [&] { return MayWait(none); });
  if (!lock.ok()) return;  // The next look, or the next change, does it.
  const absl::Status completed = CompleteOlder(none, progress);
  if (!completed.ok()) spdlog::error("{}", completed.ToString());
}

v1::KnownCommands Executor::Reconcile(const v1::Reconcile& request) {
  v1::KnownCommands known;
  for (const std::string& id : request.command_ids()) {
    const auto report = journal_.Report(id);
    if (report.ok() && report->has_value()) {
      *known.add_reports() = **report;
      continue;
    }
    bool running = !report.ok();  // Unreadable: do not claim that it was never seen.
    const auto unfinished = journal_.Unfinished();
    if (unfinished.ok()) {
      for (const v1::Command& command : *unfinished)
        running = running || command.command_id() == id;
    }
    const std::lock_guard<std::mutex> lock(mu_);
    if (running || running_.count(id) != 0)
      known.add_running(id);
    else
      known.add_never_seen(id);
  }
  return known;
}

void Executor::Cancel(const std::string& command_id) {
  const std::lock_guard<std::mutex> lock(mu_);
  if (cancelled_.size() > 10000) cancelled_.clear();
  cancelled_.insert(command_id);
}

void Executor::RaiseAlarm(InstanceNames instances, const std::string& text) {
  if (instances.empty()) {
    const auto all = mail_.Status({});
    if (all.ok()) {
      for (const auto& instance : all->instances()) instances.push_back(instance.name());
    }
  }
  alarms_.Raise(instances, text);
}

}  // namespace mailquench::agent
