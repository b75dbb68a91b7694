// What agents say: reports, presence, reconciliation and dry runs.
#include <google/protobuf/util/time_util.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "controller/runs/engine.h"
#include "controller/runs/groups.h"
#include "controller/runs/operation_fields.h"
#include "controller/store/ids.h"

namespace mailquench::controller {

namespace {

constexpr std::int64_t kSoon = std::int64_t{120} * 1000000;  // Some heartbeats, in microseconds.

// What an agent may say of its own work. Anything else would leave the step open for ever, or pass
// for a success.
v1::OperationReport Sane(v1::OperationReport report) {
  report.clear_manual();  // No host speaks for a person.
  report.clear_changed_by_hand();
  switch (report.outcome()) {
    case v1::OUTCOME_SUCCEEDED:
    case v1::OUTCOME_UNCHANGED:
    case v1::OUTCOME_FAILED:
    case v1::OUTCOME_REFUSED:
    case v1::OUTCOME_TIMED_OUT:
    case v1::OUTCOME_CANCELLED:
      break;
    default:
      report.set_outcome(v1::OUTCOME_FAILED);
  }
  return report;
}

}  // namespace

absl::StatusOr<RunEngine::Active*> RunEngine::ActiveOf(const std::string& run_id,
                                                       std::unique_ptr<Active>* loaded) {
  const auto found = active_.find(run_id);
  if (found != active_.end()) return found->second.get();
  auto a = std::make_unique<Active>();
  MQ_ASSIGN_OR_RETURN(a->run, store_->FindRun(run_id));
  a->ended = true;
  *loaded = std::move(a);
  return loaded->get();
}

absl::Status RunEngine::Apply(Active* a,
                              CommandRow row,
                              const v1::OperationReport& report,
                              Outbox* out) {
  v1::RunHost* host = HostOf(a, row.host_id);
  if (host == nullptr || row.step >= host->steps_size()) return absl::OkStatus();
  v1::HostStep* step = host->mutable_steps(row.step);
  row.answered = true;
  row.report = report;
  MQ_RETURN_IF_ERROR(store_->PutCommand(row));
  a->open.erase(row.command_id);
  a->given_up.erase(row.command_id);
  a->changed = true;
  if (row.outside) {
    // A person has been asked in the meantime, and may have answered: what they say stands.
    if (step->has_manual_since_time()) return absl::OkStatus();
    FinishProbe(a, host, step, WentWell(report.outcome()) ? &report : nullptr, out);
    return absl::OkStatus();
  }
  const v1::Operation& operation = a->run.playbook().steps(row.step).operation();
  if (operation.has_relay_probe() && operation.relay_probe().targets_size() == 0 &&
      WentWell(report.outcome()) && !report.has_manual()) {
    if (!a->ended && AskOutside(a, *host, *step, out)) return absl::OkStatus();
    FinishProbe(a, host, step, nullptr, out);
    return absl::OkStatus();
  }
  if (report.outcome() == v1::OUTCOME_UNREACHABLE && TakeFromLease(a, host, step, out))
    return absl::OkStatus();
  *step->mutable_report() = report;
  if (report.outcome() == v1::OUTCOME_UNSPECIFIED) {
    step->mutable_report()->set_outcome(v1::OUTCOME_FAILED);  // An answer that says nothing.
  }
  MarkEndedAlone(step);
  if (report.outcome() == v1::OUTCOME_UNREACHABLE && !IsManual(*host) &&
      host->acts_for_organisation()) {
    // The host never saw it: as if it had not been sent, so that another one does it for all.
    step->set_sent(false);
    PassOn(a, host, step);
  }
  if (report.result().contain().ended_alone())
    step->set_notice(absl::StrCat(host->name(),
                                  " had done the rest alone when its lease ended; by this run it "
                                  "was neither stopped nor swept again"));
  return Save(a, row.host_id, *step);
}

// Not durable, so the agent must keep its report: without a stream no acknowledgement reaches it.
void RunEngine::AskAgain(const std::string& host_id) {
  link_->Disconnect(host_id, "the controller could not store a report; it is asked for again");
}

void RunEngine::Answer(const std::string& from, const v1::OperationReport& report, Outbox* out) {
  const absl::StatusOr<CommandRow> row = store_->FindCommand(report.command_id());
  if (!row.ok() && !absl::IsNotFound(row.status())) {
    out->calls.push_back([this, from] { AskAgain(from); });
    return;
  }
  if (!row.ok() && AnswerOfLease(from, report, out)) return;
  if (!row.ok() || row->sent_to != from) {
    // Nobody here asked for it: it was done on the host itself. An agent that names a command of
    // another host ends here too, and cannot speak for that one.
    out->calls.push_back([this, from, report] {
      if (!listener_->OnStepReport(v1::Run(), from, nullptr, report).ok()) AskAgain(from);
    });
    return;
  }
  std::unique_ptr<Active> loaded;
  const absl::StatusOr<Active*> of = ActiveOf(row->run_id, &loaded);
  if (!of.ok()) return;
  Active* a = *of;
  const bool repeat = row->answered && row->report.outcome() != v1::OUTCOME_UNREACHABLE;
  if (!repeat) {
    const absl::Status kept = Apply(a, *row, report, out);
    if (!kept.ok()) {
      out->calls.push_back([this, from] { AskAgain(from); });
      return;
    }
  }
  // Also for a repeat: the process may have ended between the step's commit and this.
  if (!row->outside) {
    out->calls.push_back([this, run = a->run, host = row->host_id,
                          operation = a->run.playbook().steps(row->step).operation(), report,
                          from] {
      if (!listener_->OnStepReport(run, host, &operation, report).ok()) AskAgain(from);
    });
  }
  if (repeat) return;
  if (a->ended) {
    Conclude(a, out);
  } else {
    Advance(a, out);
  }
}

void RunEngine::OnReport(const std::string& host_id, const v1::OperationReport& report) {
  Outbox out;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    Answer(host_id, Sane(report), &out);
  }
  Dispatch(std::move(out));
}

void RunEngine::OnProgress(const std::string& host_id, const v1::Progress& progress) {
  Outbox out;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    for (auto& [id, a] : active_) {
      const auto open = a->open.find(progress.command_id());
      if (open == a->open.end() || open->second.sent_to != host_id || open->second.outside)
        continue;
      v1::RunHost* host = HostOf(a.get(), open->second.host_id);
      host->mutable_steps(open->second.step)->set_progress(progress.text());
      a->text = host->name() + ": " + progress.text();
      a->changed = true;  // In memory only: progress is no outcome.
      Publish(a.get(), &out);
    }
  }
  Dispatch(std::move(out));
}

void RunEngine::OnHeartbeat(const std::string& host_id, const v1::Heartbeat& heartbeat) {
  RenewLeases(host_id, heartbeat);
  listener_->OnBeat(host_id, heartbeat);
  if (!hosts_->Beat(host_id, heartbeat)) return;
  listener_->OnDrift(host_id, {heartbeat.drifted().begin(), heartbeat.drifted().end()});
}

// A lease is for the case that nobody is in touch with the host any more: while it is heard, the
// lease goes on, so that a controller which is away for a minute starts nothing. Times are by the
// host's clock.
void RunEngine::RenewLeases(const std::string& host_id, const v1::Heartbeat& heartbeat) {
  using google::protobuf::util::TimeUtil;
  for (const v1::HeldLease& lease : heartbeat.leases()) {
    const auto left = TimeUtil::TimestampToMicroseconds(lease.end_time()) -
                      TimeUtil::TimestampToMicroseconds(heartbeat.time());
    if (left > std::max(TimeUtil::DurationToMicroseconds(lease.length()) / 2, kSoon)) continue;
    const absl::StatusOr<CommandRow> command = store_->FindCommand(lease.command_id());
    if (!command.ok() || command->sent_to != host_id || !Renews(*command)) continue;
    v1::ControllerMessage message;
    message.mutable_lease()->set_command_id(lease.command_id());
    *message.mutable_lease()->mutable_length() = lease.length();
    link_->Send(host_id, message);  // Lost, it is sent again at the next heartbeat.
  }
}

// What was sent and not answered is unknown from now on.
void RunEngine::LoseCommands(const std::string& host_id, Outbox* out) {
  for (auto& [run_id, a] : active_) {
    const std::map<std::string, Open> all = a->open;
    for (const auto& [id, open] : all) {
      if (open.sent_to != host_id || leaving_.count(id) > 0) continue;
      v1::RunHost* host = HostOf(a.get(), open.host_id);
      v1::HostStep* step = host->mutable_steps(open.step);
      if (open.outside) {  // Without the outside view the verdict is unknown, and it says so.
        a->open.erase(id);
        FinishProbe(a.get(), host, step, nullptr, out);
      } else if (step->report().outcome() == v1::OUTCOME_UNSPECIFIED) {
        Settle(a.get(), host, step, v1::OUTCOME_UNKNOWN);
      }
    }
  }
}

void RunEngine::Reconcile(const std::string& host_id, Outbox* out) {
  const absl::StatusOr<std::vector<CommandRow>> rows = store_->OutstandingCommands(host_id);
  if (!rows.ok()) return;
  v1::ControllerMessage message;
  for (const CommandRow& row : *rows) {
    if (leaving_.count(row.command_id) > 0) continue;
    message.mutable_reconcile()->add_command_ids(row.command_id);
  }
  if (message.reconcile().command_ids_size() > 0) out->sends.push_back({host_id, "", message});
}

void RunEngine::OnConnected(const std::string& host_id, const v1::Hello& hello) {
  hosts_->Connected(host_id, hello);
  Outbox out;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    LoseCommands(host_id, &out);
    Reconcile(host_id, &out);
    for (auto& [id, a] : active_) {
      a->patience.erase(host_id);
      if (!a->ended) Advance(a.get(), &out);
    }
  }
  Dispatch(std::move(out));
}

void RunEngine::OnDisconnected(const std::string& host_id) {
  hosts_->Disconnected(host_id);
  Outbox out;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    LoseCommands(host_id, &out);
    for (auto& [id, a] : active_) {
      if (!a->ended) Advance(a.get(), &out);
    }
  }
  Dispatch(std::move(out));
}

void RunEngine::OnKnown(const std::string& host_id, const v1::KnownCommands& known) {
  Outbox out;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    for (const v1::OperationReport& report : known.reports()) Answer(host_id, Sane(report), &out);
    for (const std::string& id : known.running()) {
      for (auto& [run_id, a] : active_) {
        const auto open = a->open.find(id);
        if (open == a->open.end() || open->second.sent_to != host_id) continue;
        open->second.deadline = std::min(open->second.limit, StepDeadline(*a, open->second.step));
        v1::HostStep* step =
            HostOf(a.get(), open->second.host_id)->mutable_steps(open->second.step);
        if (step->report().outcome() != v1::OUTCOME_UNKNOWN || a->given_up.count(id) > 0) continue;
        step->clear_report();
        Save(a.get(), open->second.host_id, *step).IgnoreError();
        Publish(a.get(), &out);
      }
    }
    for (const std::string& id : known.never_seen()) {
      // It was never begun there; whether to try again is a person's decision.
      v1::OperationReport report;
      report.set_command_id(id);
      report.set_outcome(v1::OUTCOME_UNREACHABLE);
      const absl::StatusOr<CommandRow> row = store_->FindCommand(id);
      if (row.ok() && row->sent_to == host_id && !row->answered) Answer(host_id, report, &out);
    }
  }
  for (const v1::OperationReport& report : known.reports()) {
    v1::ControllerMessage ack;
    ack.mutable_ack()->set_command_id(report.command_id());
    out.calls.push_back([this, host_id, ack] { link_->Send(host_id, ack); });
  }
  Dispatch(std::move(out));
}

absl::Status RunEngine::Resume() {
  MQ_ASSIGN_OR_RETURN(const std::vector<std::string> ids, store_->RunIds("", true));
  Outbox out;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    std::set<std::string> ask;
    for (const std::string& id : ids) {
      if (active_.count(id) > 0) continue;
      auto a = std::make_unique<Active>();
      a->patient = true;
      MQ_ASSIGN_OR_RETURN(a->run, store_->FindRun(id));
      MQ_ASSIGN_OR_RETURN(const std::vector<CommandRow> rows, store_->CommandsOfRun(id));
      for (const CommandRow& row : rows) {
        v1::RunHost* host = HostOf(a.get(), row.host_id);
        if (host == nullptr || row.step >= host->steps_size() || !row.sent) continue;
        v1::HostStep* step = host->mutable_steps(row.step);
        if (ResumeManual(a.get(), row, step)) continue;
        if (row.outside) {  // Asked again only by the next probe: its step ends without it.
          if (!Final(*a, *step)) FinishProbe(a.get(), host, step, nullptr, &out);
        } else if (!row.answered) {
          Open& open = a->open[row.command_id];
          open.host_id = row.host_id;
          open.step = row.step;
          open.sent_to = row.sent_to;
          open.deadline = StepDeadline(*a, row.step);
          open.limit = StepLimit(*a, row.step);
          if (step->report().outcome() == v1::OUTCOME_UNSPECIFIED) {
            Settle(a.get(), host, step, v1::OUTCOME_UNKNOWN);
          }
          if (link_->IsOnline(row.sent_to)) ask.insert(row.sent_to);
        } else if (!Final(*a, *step)) {
          MQ_RETURN_IF_ERROR(Apply(a.get(), row, row.report, &out));
        }
      }
      for (v1::RunHost& host : *a->run.mutable_hosts()) host.set_outcome(WorstOutcome(host));
      active_[id] = std::move(a);
    }
    for (const std::string& host_id : ask) Reconcile(host_id, &out);
    for (const std::string& id : ids) {
      if (!active_[id]->ended) Advance(active_[id].get(), &out);
    }
  }
  Dispatch(std::move(out));
  return absl::OkStatus();
}

void RunEngine::OnPlanned(const std::string&, const v1::OperationPlanned& planned) {
  const std::lock_guard<std::mutex> lock(mu_);
  if (plans_wanted_.count(planned.command_id()) == 0) return;
  plans_[planned.command_id()] = planned;
  planned_.notify_all();
}

void RunEngine::AskPlans(v1::Plan* plan, const std::string& actor, absl::Duration limit) {
  struct Asked {
    std::string command_id;
    v1::PlannedHost* host;
  };
  std::vector<Asked> asked;
  for (v1::PlannedHost& host : *plan->mutable_hosts()) {
    if (!host.manual_platform().empty()) continue;  // The caller has said what a person does.
    if (!host.online()) {
      if (host.refusal().empty()) host.set_refusal("offline: it could not be asked");
      continue;
    }
    for (const v1::PlaybookStep& step : plan->playbook().steps()) {
      if (LeavesOut(step, host)) continue;
      v1::ControllerMessage message;
      v1::Command* command = message.mutable_command();
      command->set_command_id(NewId());
      command->set_host_id(host.host_id());
      *command->mutable_operation() = step.operation();
      if (step.operation().has_contain()) {
        command->mutable_operation()->mutable_contain()->set_organisation_elsewhere(
            ActsElsewhere(host));
      }
      command->set_plan_only(true);
      command->mutable_timeout()->set_seconds(step.timeout_seconds());
      command->set_requested_by(actor);
      {
        const std::lock_guard<std::mutex> lock(mu_);
        plans_wanted_.insert(command->command_id());
      }
      asked.push_back({command->command_id(), &host});
      link_->Send(host.host_id(), message);
    }
  }
  std::unique_lock<std::mutex> lock(mu_);
  planned_.wait_for(lock, absl::ToChronoMilliseconds(limit), [&] {
    for (const Asked& one : asked) {
      if (plans_.count(one.command_id) == 0) return false;
    }
    return true;
  });
  for (const Asked& one : asked) {
    const auto answer = plans_.find(one.command_id);
    if (answer == plans_.end()) {
      if (one.host->refusal().empty()) one.host->set_refusal("no answer within the time limit");
    } else {
      if (answer->second.has_refused() && one.host->refusal().empty()) {
        one.host->set_refusal(answer->second.refused().error().message());
      }
      if (answer->second.has_plan()) *one.host->add_steps() = answer->second.plan();
      plans_.erase(answer);
    }
    plans_wanted_.erase(one.command_id);
  }
}

}  // namespace mailquench::controller
