#include "controller/app/own_operations.h"

namespace mailquench::controller {
namespace {

constexpr std::size_t kThreads = 4;

}  // namespace

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
  const bool ours = message.has_command() && message.command().operation().has_blacklist_clear();
  if (message.has_cancel()) {
    const std::lock_guard<std::mutex> lock(mu_);
    const std::string& id = message.cancel().command_id();
    if (under_way_.count(id) > 0) {
      cancelled_.insert(id);
      wake_.notify_all();
      return true;
    }
  }
  if (!ours) return link_->Send(host_id, message);
  const std::lock_guard<std::mutex> lock(mu_);
  if (stopping_) return false;
  queue_.push_back(message.command());
  under_way_.insert(message.command().command_id());
  if (threads_.size() < kThreads) threads_.emplace_back([this] { Loop(); });
  wake_.notify_all();
  return true;
}

void OwnOperations::Loop() {
  while (true) {
    v1::Command command;
    {
      std::unique_lock<std::mutex> lock(mu_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      command = std::move(queue_.front());
      queue_.pop_front();
    }
    const std::string& id = command.command_id();
    const v1::OperationReport report = work_(command, [this, &id] {
      const std::lock_guard<std::mutex> lock(mu_);
      return !stopping_ && cancelled_.count(id) == 0;
    });
    {
      const std::lock_guard<std::mutex> lock(mu_);
      if (stopping_) return;
      under_way_.erase(id);
      cancelled_.erase(id);
    }
    if (command.plan_only()) {
      v1::OperationPlanned planned;
      planned.set_command_id(id);
      planned.mutable_plan()->set_operation(report.operation());
      planned.mutable_plan()->set_operation_class(v1::OPERATION_CLASS_OBSERVE);
      planned.mutable_plan()->add_steps("the controller asks the lists about this host");
      events_->OnPlanned(command.host_id(), planned);
    } else {
      events_->OnReport(command.host_id(), report);
    }
  }
}

}  // namespace mailquench::controller
