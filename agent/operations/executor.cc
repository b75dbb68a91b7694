#include "agent/operations/executor.h"

#include <google/protobuf/util/time_util.h>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "agent/operations/delist.h"
#include "agent/os/lock.h"
#include "common/operation/names.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {

const AntivirusSet& NoAntivirus() {
  static const auto* const none = new AntivirusSet();
  return *none;
}

google::protobuf::Timestamp Stamp(absl::Time time) {
  return google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(time));
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
      antivirus_(options_.antivirus == nullptr ? NoAntivirus() : *options_.antivirus),
      turn_(options_.state_dir),
      alarms_(absl::StrCat(options_.state_dir, "/alarm")) {}

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
    if (Hurries(command.operation())) urgent_.insert(command.command_id());
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
    auto lock = turn_.Take(Hurries(command.operation()), lock_wait, may_wait);
    if (!lock.ok()) return refused(lock.status(), true);
    host = *std::move(lock);
  }
  if (!observes) {
    const std::lock_guard<std::mutex> lock(mu_);
    ++changing_;
    ++changes_begun_;
  }
  const absl::Cleanup over = [&] {
    if (observes) return;
    const std::lock_guard<std::mutex> lock(mu_);
    --changing_;
  };
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
