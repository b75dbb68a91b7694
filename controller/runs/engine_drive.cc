// What a run does next: its steps, its waves, its end.
#include <algorithm>

#include "common/status/error.h"
#include "controller/runs/engine.h"
#include "controller/runs/lockstep.h"
#include "controller/store/ids.h"

namespace mailquench::controller {
namespace {

// Whether what became of the host speaks against going on with others: it failed, or its group
// broke off in the middle. What nobody can do by hand on this platform does not.
bool CountsAsFailure(const v1::Run& run, const v1::RunHost& host) {
  return std::any_of(host.steps().begin(), host.steps().end(), [&](const v1::HostStep& step) {
    if (run.playbook().steps(step.step()).continue_on_failure()) return false;
    const v1::Outcome outcome = step.report().outcome();
    const std::string reason = ReasonOf(FromProto(step.report().error()));
    if (reason == kAntivirusBlocks) return false;  // Its own matter.
    if (WentWrong(outcome)) return !(IsManual(host) && reason == "NOT_BY_HAND");
    const bool lost = outcome == v1::OUTCOME_UNKNOWN || outcome == v1::OUTCOME_UNREACHABLE;
    return reason == "LOCKSTEP_BROKEN" || (lost && GroupBegun(run, host, step.step()));
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

absl::Time RunEngine::StepDeadline(const Active& a, int step) const {
  return clock_->Now() + absl::Seconds(a.run.playbook().steps(step).timeout_seconds()) +
         options_.grace;
}

// Twice the time: it may have waited in the agent's queue behind another change.
absl::Time RunEngine::StepLimit(const Active& a, int step) const {
  return StepDeadline(a, step) + absl::Seconds(a.run.playbook().steps(step).timeout_seconds());
}

// How long a host may be away. One whose group has begun has the time of the step: for a short loss
// of its link the others of the group would stay stopped.
absl::Duration RunEngine::PatienceWith(const Active& a, const v1::RunHost& host, int step) const {
  const absl::Duration usual = a.patient ? options_.resume_patience : options_.patience;
  if (!GroupBegun(a.run, host, step)) return usual;
  return std::max(usual, absl::Seconds(a.run.playbook().steps(step).timeout_seconds()));
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
  const absl::Status kept = KeepCommand(a, row, *step);
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
      if (rest == v1::OUTCOME_UNSPECIFIED && Held(a, host, &step)) return false;
      if (rest == v1::OUTCOME_UNSPECIFIED && !Final(*a, step)) {
        if (IsManual(*host)) {
          if (BeginManual(a, host, &step, out)) return false;
        } else if (link_->IsOnline(host->host_id())) {
          a->patience.erase(host->host_id());
          if (Begin(a, host, &step, out)) return false;
        } else {
          const auto until = a->patience.emplace(
              host->host_id(), clock_->Now() + PatienceWith(*a, *host, step.step()));
          if (clock_->Now() < until.first->second) return false;
          if (!TakeFromLease(a, host, &step, out)) rest = v1::OUTCOME_UNREACHABLE;
        }
      }
      if (!Final(*a, step)) {
        step.clear_progress();
        PassOn(a, host, &step);
        SayWhatStays(a, *host, &step);
        Settle(a, host, &step, rest);
      }
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

// True: no host with an agent is left to wait for. What one host has ended may let one before it go
// on, so that it is looked at again until nothing changes.
bool RunEngine::DriveWave(Active* a, int wave, bool* by_hand, Outbox* out) {
  const bool before = a->changed;
  bool done = true, waits = false, changed = false;
  do {
    a->changed = false;
    done = true;
    waits = false;
    for (v1::RunHost& host : *a->run.mutable_hosts()) {
      if (host.wave() != wave || Drive(a, &host, out)) continue;
      waits |= IsManual(host);
      done &= IsManual(host);
    }
    changed |= a->changed;
  } while (a->changed && !done);
  a->changed = before || changed;
  *by_hand |= waits;
  return done;
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
    const bool done = DriveWave(a, wave, &by_hand, out);
    int failures = 0, by_hand_failures = 0;
    for (const v1::RunHost& host : a->run.hosts()) {
      if (host.wave() > wave) continue;
      (IsManual(host) ? by_hand_failures : failures) += CountsAsFailure(a->run, host);
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
  if (!a->run.has_end_time())
    a->run.mutable_end_time()->set_seconds(absl::ToUnixSeconds(clock_->Now()));
  KeepRun(a).IgnoreError();  // A restart concludes again from the steps.
  a->ended = a->changed = true;
  Publish(a, out);
  out->calls.push_back([this, run = a->run] { listener_->OnRunEnded(run); });
}

}  // namespace mailquench::controller
