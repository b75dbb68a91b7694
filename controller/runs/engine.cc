#include "controller/runs/engine.h"

#include <algorithm>
#include <utility>

#include "common/status/error.h"
#include "controller/runs/operation_fields.h"
#include "controller/runs/subscription.h"

namespace mailquench::controller {

bool WentWrong(v1::Outcome outcome) {
  return outcome == v1::OUTCOME_FAILED || outcome == v1::OUTCOME_REFUSED ||
         outcome == v1::OUTCOME_TIMED_OUT;
}

bool WentWell(v1::Outcome outcome) {
  return outcome == v1::OUTCOME_SUCCEEDED || outcome == v1::OUTCOME_UNCHANGED;
}

v1::Outcome WorstOutcome(const v1::RunHost& host) {
  static const v1::Outcome kWorstFirst[] = {v1::OUTCOME_FAILED,      v1::OUTCOME_TIMED_OUT,
                                            v1::OUTCOME_REFUSED,     v1::OUTCOME_UNKNOWN,
                                            v1::OUTCOME_UNREACHABLE, v1::OUTCOME_CANCELLED,
                                            v1::OUTCOME_UNSPECIFIED, v1::OUTCOME_SUCCEEDED};
  for (const v1::Outcome outcome : kWorstFirst) {
    for (const v1::HostStep& step : host.steps()) {
      if (step.report().outcome() == outcome) return outcome;
    }
  }
  for (const v1::HostStep& step : host.steps()) {
    // An outcome that this build does not know is no success.
    if (step.report().outcome() != v1::OUTCOME_UNCHANGED) return v1::OUTCOME_FAILED;
  }
  return v1::OUTCOME_UNCHANGED;
}

RunEngine::RunEngine(Store* store,
                     Hosts* hosts,
                     FleetLink* link,
                     Clock* clock,
                     RunListener* listener,
                     const EngineOptions& options)
    : store_(store),
      hosts_(hosts),
      link_(link),
      clock_(clock),
      listener_(listener),
      options_(options) {
  if (!options_.timer_thread) return;
  timer_ = std::thread([this] {
    std::unique_lock<std::mutex> lock(mu_);
    while (!stopping_) {
      wake_.wait_for(lock, std::chrono::milliseconds(200));
      if (stopping_) return;
      lock.unlock();
      Tick();
      lock.lock();
    }
  });
}

RunEngine::~RunEngine() {
  {
    const std::lock_guard<std::mutex> lock(mu_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (timer_.joinable()) timer_.join();
}

v1::RunHost* RunEngine::HostOf(Active* a, const std::string& host_id) {
  for (v1::RunHost& host : *a->run.mutable_hosts()) {
    if (host.host_id() == host_id) return &host;
  }
  return nullptr;
}

bool RunEngine::Final(const Active& a, const v1::HostStep& step) const {
  const v1::Outcome outcome = step.report().outcome();
  if (a.given_up.count(step.command_id()) > 0) return true;
  return outcome != v1::OUTCOME_UNSPECIFIED && outcome != v1::OUTCOME_UNKNOWN;
}

absl::Status RunEngine::Save(Active* a, const std::string& host_id, const v1::HostStep& step) {
  a->changed = true;
  v1::RunHost* host = HostOf(a, host_id);
  host->set_outcome(WorstOutcome(*host));
  return a->starting ? absl::OkStatus() : store_->PutStep(a->run.run_id(), host_id, step);
}

absl::Status RunEngine::KeepRun(Active* a) {
  return a->starting ? absl::OkStatus() : store_->PutRun(a->run);
}

absl::Status RunEngine::KeepCommand(Active* a, const CommandRow& row) {
  if (!a->starting) return store_->PutCommand(row);
  a->first.push_back(row);
  return absl::OkStatus();
}

absl::Status RunEngine::KeepCommand(Active* a, const CommandRow& row, const v1::HostStep& step) {
  const auto keep = [&]() -> absl::Status {
    MQ_RETURN_IF_ERROR(KeepCommand(a, row));
    return Save(a, row.host_id, step);
  };
  return a->starting ? keep() : store_->Transaction(keep);
}

// Ends a step that no agent has answered.
void RunEngine::Settle(Active* a, v1::RunHost* host, v1::HostStep* step, v1::Outcome outcome) {
  step->mutable_report()->set_outcome(outcome);
  step->mutable_report()->set_operation(
      OperationName(a->run.playbook().steps(step->step()).operation()));
  // Not lost by a failure here: a restart comes to the same conclusion again.
  Save(a, host->host_id(), *step).IgnoreError();
}

void RunEngine::Publish(Active* a, Outbox* out) {
  if (!a->changed) return;
  a->changed = false;
  v1::RunEvent event;
  event.set_sequence(++sequence_);
  *event.mutable_run() = a->run;
  event.set_text(a->text);
  a->text.clear();
  for (const auto& [id, subscription] : subscriptions_) {
    if (subscription->run_id != a->run.run_id()) continue;
    out->calls.push_back([subscription = subscription, event] { subscription->Call(event); });
  }
}

absl::StatusOr<v1::Run> RunEngine::Start(const v1::Run& given,
                                         const std::string& request_id,
                                         bool patient,
                                         const std::function<absl::Status()>& before) {
  auto a = std::make_unique<Active>();
  a->patient = patient;
  a->run = given;
  a->run.set_state(v1::RUN_STATE_RUNNING);
  a->run.mutable_start_time()->set_seconds(absl::ToUnixSeconds(clock_->Now()));
  for (v1::RunHost& host : *a->run.mutable_hosts()) {
    // Those that are refused already have their first steps.
    for (int i = host.steps_size(); i < a->run.playbook().steps_size(); ++i)
      host.add_steps()->set_step(i);
  }
  Outbox out;
  v1::Run shown;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    Active* active = (active_[a->run.run_id()] = std::move(a)).get();
    out.calls.push_back([this, run = active->run] { listener_->OnRunStarted(run); });
    active->starting = true;
    Advance(active, &out);
    active->starting = false;
    const absl::Status kept = listener_->Together([&]() -> absl::Status {
      MQ_RETURN_IF_ERROR(before());
      MQ_RETURN_IF_ERROR(store_->InsertRun(active->run, request_id));
      for (const CommandRow& row : active->first) MQ_RETURN_IF_ERROR(store_->PutCommand(row));
      return listener_->OnRunStarting(active->run);
    });
    if (!kept.ok()) {
      for (const CommandRow& row : active->first) leaving_.erase(row.command_id);
      active_.erase(active->run.run_id());
      return kept;
    }
    active->first.clear();
    shown = active->run;
  }
  Dispatch(std::move(out));
  return shown;
}

absl::StatusOr<v1::Run> RunEngine::Cancel(const std::string& run_id, const std::string& reason) {
  Outbox out;
  v1::Run shown;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    const auto found = active_.find(run_id);
    if (found == active_.end() || found->second->ended) return store_->FindRun(run_id);
    Active* a = found->second.get();
    if (!a->run.cancel_requested()) {
      a->run.set_cancel_requested(true);
      a->run.set_stop_reason("cancelled: " + reason);
      MQ_RETURN_IF_ERROR(store_->PutRun(a->run));
      a->changed = true;
      for (const auto& [id, open] : a->open) {
        v1::ControllerMessage message;
        message.mutable_cancel()->set_command_id(id);
        out.sends.push_back({open.sent_to, "", message});
      }
      Advance(a, &out);
    }
    shown = a->run;
  }
  Dispatch(std::move(out));
  return shown;
}

absl::StatusOr<v1::Run> RunEngine::Find(const std::string& run_id) {
  const std::lock_guard<std::mutex> lock(mu_);
  const auto found = active_.find(run_id);
  if (found != active_.end()) return found->second->run;
  return store_->FindRun(run_id);
}

void RunEngine::Tick() {
  Outbox out;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    for (auto run = active_.begin(); run != active_.end();) {
      if (!run->second->ended) Advance(run->second.get(), &out);
      run = run->second->ended ? active_.erase(run) : std::next(run);
    }
  }
  Dispatch(std::move(out));
}

absl::StatusOr<std::uint64_t> RunEngine::Subscribe(const std::string& run_id, Callback callback) {
  auto subscription = std::make_shared<Subscription>(run_id, std::move(callback));
  v1::RunEvent event;
  std::uint64_t id = 0;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    const auto found = active_.find(run_id);
    if (found != active_.end()) {
      *event.mutable_run() = found->second->run;
    } else {
      MQ_ASSIGN_OR_RETURN(*event.mutable_run(), store_->FindRun(run_id));
    }
    event.set_sequence(++sequence_);
    id = next_subscription_++;
    subscriptions_[id] = subscription;
  }
  subscription->Call(event);
  return id;
}

void RunEngine::Unsubscribe(std::uint64_t id) {
  std::shared_ptr<Subscription> subscription;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    const auto found = subscriptions_.find(id);
    if (found == subscriptions_.end()) return;
    subscription = found->second;
    subscriptions_.erase(found);
  }
  subscription->End();
}

}  // namespace mailquench::controller
