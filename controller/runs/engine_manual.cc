// Steps of hosts without an agent: a person does them and says so. What was asked of whom is in the
// journal like a command that was sent, so that a restart waits on for the same person.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/status/error.h"
#include "controller/manual/confirmation.h"
#include "controller/runs/engine.h"
#include "controller/runs/operation_fields.h"
#include "controller/store/ids.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

std::string What(const v1::Run& run, const v1::RunHost& host, const v1::HostStep& step) {
  return absl::StrCat(OperationName(run.playbook().steps(step.step()).operation()), " on ",
                      host.name());
}

std::string HowToSaySo(const v1::Run& run) {
  return absl::StrCat("where it was done all the same, say so with 'mailquench run confirm ",
                      run.run_id(), "'");
}

}  // namespace

bool RunEngine::BeginManual(Active* a, v1::RunHost* host, v1::HostStep* step, Outbox* out) {
  const v1::PlaybookStep& said = a->run.playbook().steps(step->step());
  // What the controller does itself needs no agent.
  if (said.operation().has_blacklist_clear() || said.operation().has_antivirus_clear())
    return Begin(a, host, step, out);
  if (said.operation().has_relay_probe() && said.operation().relay_probe().targets_size() == 0 &&
      !said.vantage().empty() && ProbeManual(a, host, step, out))
    return true;
  return WaitForHand(a, host, step);
}

// The view from inside that an agent would give first: nothing was seen.
bool RunEngine::ProbeManual(Active* a, v1::RunHost* host, v1::HostStep* step, Outbox* out) {
  CommandRow row;
  row.command_id = NewId();
  row.run_id = a->run.run_id();
  row.host_id = row.sent_to = host->host_id();
  row.step = step->step();
  row.sent = row.answered = true;
  row.report.set_command_id(row.command_id);
  row.report.set_operation("relay.probe");
  row.report.set_outcome(v1::OUTCOME_SUCCEEDED);
  row.report.mutable_result()->mutable_relay_probe();
  StampTime(clock_->Now(), row.report.mutable_start_time());
  step->set_command_id(row.command_id);
  step->set_sent(true);
  const absl::Status kept = KeepCommand(a, row, *step);
  return kept.ok() && AskOutside(a, *host, *step, out);
}

bool RunEngine::WaitForHand(Active* a, v1::RunHost* host, v1::HostStep* step) {
  const v1::Operation& operation = a->run.playbook().steps(step->step()).operation();
  const std::string what = What(a->run, *host, *step);
  const auto end = [&](v1::Outcome outcome, absl::StatusCode code, const char* reason,
                       const std::string& why) {
    *step->mutable_report()->mutable_error() = ToProto(Error(code, reason, why));
    Settle(a, host, step, outcome);
    return false;
  };
  const std::string why_not =
      options_.guide == nullptr
          ? "this controller has no instructions"
          : options_.guide->WhyNot(host->manual_platform(), OperationName(operation));
  if (!why_not.empty()) {
    return end(v1::OUTCOME_REFUSED, absl::StatusCode::kUnimplemented, "NOT_BY_HAND",
               absl::StrCat(what, " cannot be done by hand: ", why_not, "; nothing was done"));
  }
  if (a->run.no_input()) {
    return end(v1::OUTCOME_UNREACHABLE, absl::StatusCode::kUnavailable, "NOBODY_ASKED",
               absl::StrCat(what,
                            " is for a person, and the run was started with --no-input; "
                            "nothing was done there; start it again without, for this host"));
  }
  CommandRow row;
  row.command_id = NewId();
  row.run_id = a->run.run_id();
  row.host_id = row.sent_to = host->host_id();
  row.step = step->step();
  row.sent = true;
  const absl::Time until = clock_->Now() + options_.manual_patience;
  step->set_command_id(row.command_id);
  step->set_sent(true);
  StampTime(clock_->Now(), step->mutable_manual_since_time());
  StampTime(until, step->mutable_manual_until_time());
  const absl::Status kept = KeepCommand(a, row, *step);
  if (!kept.ok()) {  // What is not in the journal is asked of nobody.
    step->set_sent(false);
    step->clear_manual_since_time();
    step->clear_manual_until_time();
    *step->mutable_report()->mutable_error() = ToProto(kept);
    Settle(a, host, step, v1::OUTCOME_FAILED);
    return false;
  }
  Open open;
  open.host_id = open.sent_to = host->host_id();
  open.step = row.step;
  open.by_hand = true;
  open.deadline = until;
  a->open[row.command_id] = open;
  a->text = absl::StrCat(what, " waits for a person");
  return true;
}

bool RunEngine::Withdrawn(const Active& a, const Open& open) const {
  return open.by_hand && (a.run.cancel_requested() || !hosts_->IsActive(open.host_id));
}

// Nobody has said anything, and nobody is waited for any more. It never reads as done.
void RunEngine::GiveUpHand(Active* a, v1::RunHost* host, v1::HostStep* step) {
  const std::string what = What(a->run, *host, *step);
  v1::Outcome outcome = v1::OUTCOME_UNREACHABLE;
  std::string why;
  if (a->run.cancel_requested()) {
    outcome = v1::OUTCOME_CANCELLED;
    why = absl::StrCat("the run was cancelled before anybody said what became of ", what);
  } else if (!hosts_->IsActive(host->host_id())) {
    why = absl::StrCat(host->name(),
                       " was taken out of the fleet before anybody said what became "
                       "of ",
                       what);
  } else {
    why = absl::StrCat("nobody said within ", absl::FormatDuration(options_.manual_patience),
                       " what became of ", what);
  }
  *step->mutable_report()->mutable_error() = ToProto(Error(
      absl::StatusCode::kUnavailable, "NOBODY_CONFIRMED",
      absl::StrCat(why, "; whether anything was done there is not known; ", HowToSaySo(a->run))));
  Settle(a, host, step, outcome);
}

bool RunEngine::ResumeManual(Active* a, const CommandRow& row, v1::HostStep* step) {
  v1::RunHost* host = HostOf(a, row.host_id);
  if (!IsManual(*host)) return false;
  if (step->has_manual_since_time()) {
    // Of the same step, the question to a vantage that came before is over.
    if (row.outside || row.command_id != step->command_id() || Final(*a, *step)) return true;
    if (row.answered) return false;
    Open open;
    open.host_id = open.sent_to = row.host_id;
    open.step = row.step;
    open.by_hand = true;
    open.deadline = TimeOf(step->manual_until_time());
    a->open[row.command_id] = open;
    return true;
  }
  if (row.outside || row.answered || Final(*a, *step)) return false;
  // What the controller did itself for this host ended with it, and no agent can be asked.
  *step->mutable_report()->mutable_error() = ToProto(
      Error(absl::StatusCode::kUnavailable, "INTERRUPTED",
            absl::StrCat(What(a->run, *host, *step),
                         " was under way when the controller ended; nothing was changed; start it "
                         "again")));
  Settle(a, host, step, v1::OUTCOME_UNREACHABLE);
  return true;
}

absl::StatusOr<v1::Run> RunEngine::Confirm(const std::string& run_id,
                                           const std::string& host_id,
                                           int number,
                                           const v1::Operation& operation,
                                           const v1::OperationReport& report,
                                           const std::function<absl::Status()>& before) {
  const std::lock_guard<std::mutex> one_at_a_time(confirm_mu_);
  v1::Run run;
  CommandRow row;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    std::unique_ptr<Active> loaded;
    MQ_ASSIGN_OR_RETURN(Active * a, ActiveOf(run_id, &loaded));
    run = a->run;
    const v1::RunHost* host = HostOf(a, host_id);
    if (host == nullptr || number < 0 || number >= host->steps_size()) {
      return Error(absl::StatusCode::kNotFound, "STEP_NOT_FOUND",
                   absl::StrCat("the run ", run_id, " has no such step; nothing was recorded"));
    }
    const v1::HostStep& step = host->steps(number);
    if (!step.has_manual_since_time()) {
      return Error(absl::StatusCode::kFailedPrecondition, "NOT_BY_HAND",
                   absl::StrCat(What(run, *host, step),
                                IsManual(*host) ? " does not wait for a person, and never did"
                                                : " is done by the host's agent",
                                "; nothing was recorded; 'mailquench run manual ", run_id,
                                "' shows what waits"));
    }
    if (step.report().has_manual()) {
      const v1::ManualConfirmation& known = step.report().manual();
      if (SameConfirmation(known, report.manual())) return run;
      return Error(absl::StatusCode::kFailedPrecondition, "ALREADY_CONFIRMED",
                   absl::StrCat(known.confirmed_by(), " has said already what became of ",
                                What(run, *host, step), ": ", InWords(known),
                                "; nothing was recorded; add what is to be corrected with "
                                "'mailquench incident note'"));
    }
    MQ_ASSIGN_OR_RETURN(row, store_->FindCommand(step.command_id()));
  }
  MQ_RETURN_IF_ERROR(before());
  // As it will be, for those that draw conclusions.
  for (v1::RunHost& host : *run.mutable_hosts()) {
    if (host.host_id() != host_id) continue;
    *host.mutable_steps(number)->mutable_report() = report;
    host.set_outcome(WorstOutcome(host));
  }
  MQ_RETURN_IF_ERROR(
      Prepend(listener_->OnStepReport(run, host_id, &operation, report),
              "the confirmation was not recorded, and the step still waits; say it again"));
  Outbox out;
  v1::Run shown;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    std::unique_ptr<Active> loaded;
    MQ_ASSIGN_OR_RETURN(Active * a, ActiveOf(run_id, &loaded));
    v1::OperationReport timed = report;
    v1::RunHost* host = HostOf(a, host_id);
    const v1::HostStep untold = host->steps(number);
    const std::map<std::string, Open> open = a->open;
    *timed.mutable_start_time() = untold.manual_since_time();
    const absl::Status kept = store_->Transaction([&] { return Apply(a, row, timed, &out); });
    if (!kept.ok()) {  // As if nobody had said anything: the same person is waited for.
      *host->mutable_steps(number) = untold;
      host->set_outcome(WorstOutcome(*host));
      a->open = open;
      return Prepend(kept,
                     "the confirmation was not recorded, and the step still waits; say it again");
    }
    if (a->ended)
      Conclude(a, &out);
    else
      Advance(a, &out);
    shown = a->run;
  }
  Dispatch(std::move(out));
  return shown;
}

}  // namespace mailquench::controller
