#include "controller/app/own_operations.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "common/operation/names.h"

namespace mailquench::controller {
namespace {

constexpr std::size_t kThreads = 4;

}  // namespace

bool IsOwn(const v1::Operation& operation) {
  return operation.has_blacklist_clear() || operation.has_antivirus_clear();
}

std::string OwnStep(const v1::Operation& operation) {
  return operation.has_antivirus_clear() ? "the controller looks at what this host's antivirus said"
                                         : "the controller asks the lists about this host";
}

void OwnOperations::Stop() {
  {
    const std::lock_guard<std::mutex> lock(mu_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

bool OwnOperations::Send(const std::string& host_id, const v1::ControllerMessage& message) {
  if (message.has_command() && IsOwn(message.command().operation()))
    return Take(host_id, message.command());
  if (message.has_reconcile()) return Reconcile(host_id, message.reconcile());
  if (message.has_cancel()) {
    const std::lock_guard<std::mutex> lock(mu_);
    const auto item = items_.find(message.cancel().command_id());
    if (item != items_.end()) {
      item->second.cancelled = true;
      item->second.due = absl::InfinitePast();
      wake_.notify_all();
      return true;
    }
  }
  return link_->Send(host_id, message);
}

bool OwnOperations::Take(const std::string& host_id, const v1::Command& command) {
  if (command.plan_only()) {
    v1::OperationPlanned planned;
    planned.set_command_id(command.command_id());
    planned.mutable_plan()->set_operation(OperationName(command.operation()));
    planned.mutable_plan()->set_operation_class(v1::OPERATION_CLASS_OBSERVE);
    planned.mutable_plan()->add_steps(OwnStep(command.operation()));
    events_->OnPlanned(host_id, planned);
    return true;
  }
  const std::lock_guard<std::mutex> lock(mu_);
  if (stopping_) return false;
  Item item;
  item.command = command;
  item.due = absl::InfinitePast();
  item.end = absl::Now() + length_(command);
  items_[command.command_id()] = std::move(item);
  if (threads_.size() < kThreads) threads_.emplace_back([this] { Loop(); });
  wake_.notify_all();
  return true;
}

// The agent knows nothing of what is done here.
bool OwnOperations::Reconcile(const std::string& host_id, const v1::Reconcile& wanted) {
  v1::ControllerMessage rest;
  v1::KnownCommands known;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    for (const std::string& id : wanted.command_ids()) {
      if (items_.count(id) > 0)
        known.add_running(id);
      else
        rest.mutable_reconcile()->add_command_ids(id);
    }
  }
  if (known.running_size() > 0) events_->OnKnown(host_id, known);
  return rest.reconcile().command_ids_size() == 0 || link_->Send(host_id, rest);
}

void OwnOperations::Loop() {
  std::unique_lock<std::mutex> lock(mu_);
  while (!stopping_) {
    Item* next = nullptr;
    for (auto& [id, item] : items_) {
      if (!item.busy && (next == nullptr || item.due < next->due)) next = &item;
    }
    const absl::Time now = absl::Now();
    if (next == nullptr || next->due > now) {
      const absl::Duration wait =
          next == nullptr ? absl::Seconds(60) : std::min(next->due - now, absl::Seconds(60));
      wake_.wait_for(lock, absl::ToChronoMilliseconds(wait + absl::Milliseconds(1)));
      continue;
    }
    next->busy = true;
    const v1::Command command = next->command;
    const bool cancelled = next->cancelled;
    const bool last = cancelled || now + between_ >= next->end;
    lock.unlock();
    std::optional<v1::OperationReport> report;
    if (cancelled) {
      report.emplace();
      report->set_command_id(command.command_id());
      report->set_operation(OperationName(command.operation()));
      report->set_outcome(v1::OUTCOME_CANCELLED);
    } else {
      report = look_(command, last);
    }
    lock.lock();
    if (stopping_) return;
    const auto item = items_.find(command.command_id());
    if (item == items_.end()) continue;
    if (!report.has_value()) {
      item->second.busy = false;
      item->second.due = item->second.cancelled
                             ? absl::InfinitePast()
                             : std::min(absl::Now() + between_, item->second.end);
      continue;
    }
    items_.erase(item);
    lock.unlock();
    events_->OnReport(command.host_id(), *report);
    lock.lock();
  }
}

}  // namespace mailquench::controller
