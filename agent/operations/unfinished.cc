// From a recorded intent to its recorded outcome; also of what a process that was killed, or a full
// disk, has left without one.
#include <google/protobuf/util/time_util.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/operations/delist.h"
#include "agent/operations/executor.h"
#include "agent/os/lock.h"
#include "common/operation/names.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {

using google::protobuf::util::TimeUtil;

// For each change that is completed before one that ends an attack.
constexpr absl::Duration kBeforeUrgent = absl::Minutes(2);

}  // namespace

// A change that a killed process, or a disk that was full at its end, has left unfinished is
// completed before the next one begins: days later it would undo what was done since. The host's
// lock is held, so that nobody is at it. An error: one is left, and nothing else may begin.
absl::Status Executor::CompleteOlder(const v1::Command& before, const ProgressFn& progress) {
  const bool urgent = Hurries(before.operation());
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
  Carry(command, Hurries(before.operation()) ? kBeforeUrgent : options_.default_timeout, progress,
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
  if (ClassOf(command.operation()) == v1::OPERATION_CLASS_OBSERVE || GivesWay(command.operation()))
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

}  // namespace mailquench::agent
