// Whether a command may begin, goes on, and who makes way for whom.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/operations/executor.h"
#include "common/operation/names.h"
#include "common/status/error.h"

namespace mailquench::agent {

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
  if (command.operation().has_blacklist_clear() || command.operation().has_antivirus_clear())
    return Error(absl::StatusCode::kUnimplemented, "CONTROLLERS_OWN",
                 absl::StrCat(name,
                              " is what a controller does itself; nothing was done; give it as a "
                              "run of the controller"));
  if (!options_.allowed_operations.empty() && options_.allowed_operations.count(name) == 0)
    return Error(
        absl::StatusCode::kPermissionDenied, "NOT_ALLOWED_HERE",
        absl::StrCat("this host's own allow list does not contain ", name, "; nothing was done"));
  if (command.operation().has_quarantine_move())
    MQ_RETURN_IF_ERROR(AdmitDirectory(command.operation().quarantine_move()));
  if (command.operation().has_delist_fetch())
    MQ_RETURN_IF_ERROR(AdmitFetch(command.operation().delist_fetch()));
  if (command.operation().has_antivirus_scan())
    MQ_RETURN_IF_ERROR(AdmitScan(command.operation().antivirus_scan()));
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
  if (ending_ && (!GivesWay(command.operation()) ||
                  ClassOf(command.operation()) == v1::OPERATION_CLASS_OBSERVE))
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
  if ((GivesWay(command.operation()) || (scans && mail_.ScansDelaySweeps())) &&
      (urgent_waits || turn_.Wanted()))
    return Error(absl::StatusCode::kAborted, "MADE_WAY",
                 "it made way for a change that ends an attack; ask again for the rest");
  return absl::OkStatus();
}

// Message by message through a shell it takes minutes, in which nothing else could be done.
bool Executor::GivesWay(const v1::Operation& operation) const {
  return MakesWay(operation) ||
         (operation.has_queue_quarantine() && operation.queue_quarantine().has_filter() &&
          mail_.ScansDelaySweeps());
}

bool Executor::Hurries(const v1::Operation& operation) const {
  return IsUrgent(operation) && !GivesWay(operation);
}

bool Executor::IsChanging() {
  const std::lock_guard<std::mutex> lock(mu_);
  return changing_ > 0 || !urgent_.empty() || turn_.Wanted();
}

bool Executor::UrgentWaits() {
  const std::lock_guard<std::mutex> lock(mu_);
  return !urgent_.empty() || turn_.Wanted();
}

// A change that is not urgent keeps no urgent one waiting by standing in line before it.
absl::Status Executor::MayWait(const v1::Command& command) {
  MQ_RETURN_IF_ERROR(NotCancelled(command.command_id()));
  if (Hurries(command.operation())) return absl::OkStatus();
  const std::lock_guard<std::mutex> lock(mu_);
  if (urgent_.empty()) return absl::OkStatus();
  return Error(absl::StatusCode::kAborted, "MADE_WAY",
               "a change that ends an attack came before it; nothing was done, ask again");
}

void Executor::Expect(const v1::Command& command) {
  if (!Hurries(command.operation()) || !Admit(command).ok()) return;
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

void Executor::Cancel(const std::string& command_id) {
  const std::lock_guard<std::mutex> lock(mu_);
  if (cancelled_.size() > 10000) cancelled_.clear();
  cancelled_.insert(command_id);
}

}  // namespace mailquench::agent
