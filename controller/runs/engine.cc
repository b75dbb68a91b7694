#include "controller/runs/engine.h"

#include <algorithm>

#include "common/status/error.h"
#include "controller/runs/operation_fields.h"
#include "controller/runs/subscription.h"
#include "controller/store/ids.h"

namespace mailquench::controller {
namespace {

void Stamp(absl::Time now, google::protobuf::Timestamp* time) {
  time->set_seconds(absl::ToUnixSeconds(now));
}

// Whether the host's failure speaks against going on with others. What nobody can do by hand on
// this platform does not.
bool CountsAsFailure(const v1::Playbook& playbook, const v1::RunHost& host) {
  return std::any_of(host.steps().begin(), host.steps().end(), [&](const v1::HostStep& step) {
    return WentWrong(step.report().outcome()) &&
           !playbook.steps(step.step()).continue_on_failure() &&
           !(IsManual(host) && ReasonOf(FromProto(step.report().error())) == "NOT_BY_HAND");
  });
}

// Whether anything was handed to a host of the waves after `wave`.
bool BegunAfter(const v1::Run& run, int wave) {
  return std::any_of(run.hosts().begin(), run.hosts().end(), [&](const v1::RunHost& host) {
    return host.wave() > wave && std::any_of(host.steps().begin(), host.steps().end(),
                                             [](const auto& step) { return step.sent(); });
  });
}

}  // namespace

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

absl::Time RunEngine::StepDeadline(const Active& a, int step) const {
  return clock_->Now() + absl::Seconds(a.run.playbook().steps(step).timeout_seconds()) +
         options_.grace;
}

// Twice the time: it may have waited in the agent's queue behind another change.
absl::Time RunEngine::StepLimit(const Active& a, int step) const {
  return StepDeadline(a, step) + absl::Seconds(a.run.playbook().steps(step).timeout_seconds());
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
  return store_->PutStep(a->run.run_id(), host_id, step);
}

// Ends a step that no agent has answered.
void RunEngine::Settle(Active* a, v1::RunHost* host, v1::HostStep* step, v1::Outcome outcome) {
  step->mutable_report()->set_outcome(outcome);
  step->mutable_report()->set_operation(
      OperationName(a->run.playbook().steps(step->step()).operation()));
  // Not lost by a failure here: a restart comes to the same conclusion again.
  Save(a, host->host_id(), *step).IgnoreError();
}

v1::ControllerMessage RunEngine::MessageFor(const Active& a,
                                            const std::string& command_id,
                                            const Open& open) {
  v1::ControllerMessage message;
  v1::Command* command = message.mutable_command();
  const v1::PlaybookStep& step = a.run.playbook().steps(open.step);
  command->set_command_id(command_id);
  command->set_host_id(open.sent_to);
  *command->mutable_operation() = step.operation();
  command->mutable_timeout()->set_seconds(step.timeout_seconds());
  command->set_requested_by(a.run.requested_by());
  command->set_run_id(a.run.run_id());
  command->set_incident_id(a.run.incident_id());
  return message;
}

bool RunEngine::Begin(Active* a, v1::RunHost* host, v1::HostStep* step, Outbox* out) {
  CommandRow row;
  row.command_id = NewId();
  row.run_id = a->run.run_id();
  row.host_id = row.sent_to = host->host_id();
  row.step = step->step();
  row.sent = true;
  step->set_command_id(row.command_id);
  step->set_sent(true);
  const absl::Status kept = store_->Transaction([&]() -> absl::Status {
    MQ_RETURN_IF_ERROR(store_->PutCommand(row));
    return Save(a, host->host_id(), *step);
  });
  if (!kept.ok()) {  // What is not in the journal is not sent.
    step->set_sent(false);
    *step->mutable_report()->mutable_error() = ToProto(kept);
    Settle(a, host, step, v1::OUTCOME_FAILED);
    return false;
  }
  Open open;
  open.host_id = open.sent_to = host->host_id();
  open.step = row.step;
  open.deadline = StepDeadline(*a, row.step);
  open.limit = StepLimit(*a, row.step);
  a->open[row.command_id] = open;
  leaving_.insert(row.command_id);
  out->sends.push_back({row.sent_to, row.command_id, MessageFor(*a, row.command_id, open)});
  return true;
}

// True: nothing more will happen on this host in this run.
bool RunEngine::Drive(Active* a, v1::RunHost* host, Outbox* out) {
  v1::Outcome rest = v1::OUTCOME_UNSPECIFIED;  // What becomes of the steps after one that stops.
  for (v1::HostStep& step : *host->mutable_steps()) {
    if (!Final(*a, step)) {
      if (step.sent()) return false;
      if (a->run.cancel_requested()) rest = v1::OUTCOME_CANCELLED;
      if (rest == v1::OUTCOME_UNSPECIFIED) {
        if (IsManual(*host)) {
          if (BeginManual(a, host, &step, out)) return false;
        } else if (link_->IsOnline(host->host_id())) {
          a->patience.erase(host->host_id());
          if (Begin(a, host, &step, out)) return false;
        } else {
          const auto until = a->patience.emplace(
              host->host_id(),
              clock_->Now() + (a->patient ? options_.resume_patience : options_.patience));
          if (clock_->Now() < until.first->second) return false;
          rest = v1::OUTCOME_UNREACHABLE;
        }
      }
      if (!Final(*a, step)) Settle(a, host, &step, rest);
    }
    const v1::Outcome outcome = step.report().outcome();
    if (WentWell(outcome) || rest != v1::OUTCOME_UNSPECIFIED) continue;
    // Where nobody came, nobody is waited for again.
    const bool nobody = outcome == v1::OUTCOME_UNREACHABLE && step.has_manual_since_time();
    if (a->run.playbook().steps(step.step()).continue_on_failure() && !nobody) continue;
    rest = outcome == v1::OUTCOME_UNREACHABLE ? outcome : v1::OUTCOME_CANCELLED;
  }
  return true;
}

void RunEngine::Advance(Active* a, Outbox* out) {
  const absl::Time now = clock_->Now();
  std::vector<std::string> late;
  for (const auto& [id, open] : a->open) {
    if ((now >= open.deadline || Withdrawn(*a, open)) && a->given_up.count(id) == 0)
      late.push_back(id);
  }
  for (const std::string& id : late) {
    const Open open = a->open[id];
    v1::RunHost* host = HostOf(a, open.host_id);
    v1::HostStep* step = host->mutable_steps(open.step);
    if (open.outside || open.by_hand) {
      a->open.erase(id);
      if (open.by_hand)
        GiveUpHand(a, host, step);
      else
        FinishProbe(a, host, step, nullptr, out);
      continue;
    }
    a->given_up.insert(id);
    Settle(a, host, step, v1::OUTCOME_UNKNOWN);
  }
  int last_wave = 0;
  bool by_hand =
      false;  // Some host without an agent is not done: no wave waits for it, the run does.
  for (const v1::RunHost& host : a->run.hosts()) last_wave = std::max(last_wave, host.wave());
  for (int wave = 1; wave <= last_wave; ++wave) {
    bool done = true;
    int failures = 0, by_hand_failures = 0;
    for (v1::RunHost& host : *a->run.mutable_hosts()) {
      if (host.wave() > wave) continue;
      if (host.wave() == wave && !Drive(a, &host, out)) {
        by_hand |= IsManual(host);
        done &= IsManual(host);
      }
      (IsManual(host) ? by_hand_failures : failures) += CountsAsFailure(a->run.playbook(), host);
    }
    if (!done) return Publish(a, out);
    // No wave waits for a person, so that their failure may come when the next one is at work: what
    // is half contained is not left so for that.
    if (!BegunAfter(a->run, wave)) failures += by_hand_failures;
    if (wave == last_wave || failures <= a->run.playbook().max_failures()) continue;
    if (a->run.cancel_requested()) continue;
    // A failure may come late, when hosts after it have begun: what they do is waited for and told.
    bool begun = false, waiting = false;
    for (v1::RunHost& host : *a->run.mutable_hosts()) {
      if (host.wave() <= wave) continue;
      for (v1::HostStep& step : *host.mutable_steps()) {
        begun |= step.sent();
        if (Final(*a, step)) continue;
        waiting |= step.sent();
        if (!step.sent()) Settle(a, &host, &step, v1::OUTCOME_CANCELLED);
      }
    }
    a->run.set_stop_reason(std::to_string(failures) + " failed by the end of wave " +
                           std::to_string(wave) + ", at most " +
                           std::to_string(a->run.playbook().max_failures()) + " may; " +
                           (begun ? "nothing more was begun on the hosts after it"
                                  : "the hosts after it were not touched"));
    if (waiting) return Publish(a, out);
    break;
  }
  if (by_hand) return Publish(a, out);
  Conclude(a, out);
}

// Says how a run ended, also again when a late report changes that.
void RunEngine::Conclude(Active* a, Outbox* out) {
  bool wrong = false, open = false;
  for (const v1::RunHost& host : a->run.hosts()) {
    wrong = wrong || WentWrong(host.outcome());
    open = open || !WentWell(host.outcome());
  }
  v1::RunState state = wrong  ? v1::RUN_STATE_FAILED
                       : open ? v1::RUN_STATE_INCOMPLETE
                              : v1::RUN_STATE_SUCCEEDED;
  if (a->run.cancel_requested() && !wrong && open) state = v1::RUN_STATE_CANCELLED;
  if (!a->run.stop_reason().empty() && !a->run.cancel_requested()) state = v1::RUN_STATE_STOPPED;
  a->run.set_state(state);
  if (!a->run.has_end_time()) Stamp(clock_->Now(), a->run.mutable_end_time());
  store_->PutRun(a->run).IgnoreError();  // A restart concludes again from the steps.
  a->ended = a->changed = true;
  Publish(a, out);
  out->calls.push_back([this, run = a->run] { listener_->OnRunEnded(run); });
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

void RunEngine::Dispatch(Outbox out) {
  for (const Outbox::Item& item : out.sends) {
    const bool left = link_->Send(item.host_id, item.message);
    if (item.command_id.empty()) continue;
    const std::lock_guard<std::mutex> lock(mu_);
    leaving_.erase(item.command_id);
    if (left) continue;
    // It certainly did not leave: the step is open again, for the host to come online.
    absl::StatusOr<CommandRow> row = store_->FindCommand(item.command_id);
    if (!row.ok()) continue;
    row->sent = false;
    const auto found = active_.find(row->run_id);
    if (found == active_.end()) continue;
    Active* a = found->second.get();
    v1::HostStep* step = HostOf(a, row->host_id)->mutable_steps(row->step);
    a->open.erase(item.command_id);
    if (row->outside) {
      store_->PutCommand(*row).IgnoreError();
      Outbox more;
      FinishProbe(a, HostOf(a, row->host_id), step, nullptr, &more);
      for (auto& call : more.calls) out.calls.push_back(std::move(call));
      continue;
    }
    step->set_sent(false);
    step->clear_command_id();
    step->clear_report();
    const absl::Status kept = store_->Transaction([&]() -> absl::Status {
      MQ_RETURN_IF_ERROR(store_->PutCommand(*row));
      return Save(a, row->host_id, *step);
    });
    kept.IgnoreError();  // The worst case is that a restart asks after it: never seen.
  }
  for (const auto& call : out.calls) call();
}

absl::StatusOr<v1::Run> RunEngine::Start(const v1::Run& given,
                                         const std::string& request_id,
                                         bool patient) {
  auto a = std::make_unique<Active>();
  a->patient = patient;
  a->run = given;
  a->run.set_state(v1::RUN_STATE_RUNNING);
  Stamp(clock_->Now(), a->run.mutable_start_time());
  for (v1::RunHost& host : *a->run.mutable_hosts()) {
    for (int i = 0; i < a->run.playbook().steps_size(); ++i) host.add_steps()->set_step(i);
  }
  MQ_RETURN_IF_ERROR(store_->InsertRun(a->run, request_id));
  listener_->OnRunStarted(a->run);
  Outbox out;
  v1::Run shown;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    Active* active = (active_[a->run.run_id()] = std::move(a)).get();
    Advance(active, &out);
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
