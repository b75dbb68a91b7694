#include "controller/runs/lockstep.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "common/operation/names.h"
#include "common/status/error.h"
#include "controller/runs/alone.h"
#include "controller/runs/engine.h"
#include "controller/runs/group_rules.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

constexpr char kIncomplete[] = "LOCKSTEP_INCOMPLETE";
constexpr char kBusy[] = "LOCKSTEP_BUSY";
constexpr char kRuns[] = "COMPONENT_INACTIVE";  // Of a contain: it runs, and takes no mail.

// It has ended the contain, or given it up: only a mail system out of reach is tried again.
bool LeaseIsOver(const v1::LeaseEnd& end) {
  return end.ended() ||
         (end.has_last() && !WentWell(end.last().outcome()) &&
          end.last().error().code() != static_cast<int>(absl::StatusCode::kUnavailable));
}

Barrier Wait(const v1::RunHost& other, const std::string& what) {
  return {Barrier::Kind::kWait, absl::StrCat("waits for ", other.name(), " (", what, ")")};
}

std::string ReasonOf(const v1::HostStep& step) {
  return mailquench::ReasonOf(FromProto(step.report().error()));
}

// The group was never whole, so that no continue_on_failure goes past it.
bool WasRefused(const v1::HostStep& step) {
  const std::string reason = ReasonOf(step);
  return step.report().outcome() == v1::OUTCOME_REFUSED &&
         (reason == kIncomplete || reason == kBusy);
}

std::string Broken(const v1::Run& run,
                   const v1::RunHost& host,
                   const v1::RunHost& other,
                   const v1::HostStep& failed) {
  const v1::PlaybookStep& step = run.playbook().steps(failed.step());
  const std::string stopped = StaysStopped(run, host);
  const std::string alone = WhatItDidAlone(run, host);
  std::string rest = absl::StrCat("what ", host.name(), " did before stands; mend ", other.name(),
                                  " and start the run again");
  if (!stopped.empty())
    rest = absl::StrCat(stopped, "; copies of its mail that ", other.name(),
                        " still holds are then sent again from there; mend ", other.name(),
                        " and run contain again before then: ", ContainAgain(run, host));
  else if (!alone.empty())
    rest = absl::StrCat(alone, "; copies of its mail that ", other.name(),
                        " still holds may be sent again from there; mend ", other.name(),
                        " and run contain again: ", ContainAgain(run, host));
  return absl::StrCat(other.name(), " did not end the step ", step.name(), " (",
                      OutcomeName(failed.report().outcome()), "), so that ", host.name(),
                      " of the same group ", GroupWord(step, host), " goes no further; ", rest);
}

std::string CopiesLeft(const v1::RunHost& host, const BarrierView& view) {
  const std::string left = view.copies ? view.copies(host) : "";
  return left.empty() ? "" : "; " + left;
}

std::string Incomplete(const v1::PlaybookStep& step,
                       const std::string& group,
                       const std::string& who,
                       bool transport,
                       const std::string& copies) {
  return absl::StrCat(
      "the group ", group, " is not whole: ", who, "; the step ", step.name(),
      " was not begun, and nothing was stopped, on any of its hosts; ",
      transport
          ? "what they keep of each other's mail would come back: choose all of them while "
            "all are online, evict one that is gone for good and take it out of its group in "
            "Exchange, or switch the copies off first with 'mailquench shadow suspend' (where that "
            "finds them off already and none are left, give --without-copies)" +
                copies
          : "start the run again when all of them are online, or without the one that is not");
}

// The group's first step, which nobody of it has begun.
Barrier LookAtFirst(const v1::Run& run,
                    const v1::RunHost& host,
                    int number,
                    const BarrierView& view) {
  if (!view.online(host.host_id())) return {};  // It has its own time to come.
  const v1::PlaybookStep& step = run.playbook().steps(number);
  const bool transport = step.lockstep() == kTransportLockstep;
  const std::string key = GroupKey(step, host);
  const bool may_lack = transport && KeepsNoCopies(run, host);
  std::vector<std::string> lacking;
  if (transport && !may_lack) {
    for (const std::string& name : view.missing(host))
      lacking.push_back(absl::StrCat(name, " is not in the run"));
  }
  Barrier wait;
  std::string told;  // Another one was refused: for the same cause.
  for (const v1::RunHost& other : run.hosts()) {
    if (other.host_id() == host.host_id() || GroupKey(step, other) != key) continue;
    const v1::HostStep& its = other.steps(number);
    if (view.final(its)) {
      if (WentWell(its.report().outcome())) continue;
      if (WasRefused(its))
        told = its.report().error().message();
      else
        lacking.push_back(absl::StrCat(other.name(), " is ", OutcomeName(its.report().outcome())));
      continue;
    }
    const std::string hindered = view.hindered(other);
    if (!hindered.empty())
      lacking.push_back(absl::StrCat(other.name(), " cannot (", hindered, ")"));
    for (int before = 0; before < number; ++before) {
      if (!view.final(other.steps(before))) wait = Wait(other, run.playbook().steps(before).name());
    }
    if (!view.online(other.host_id())) wait = Wait(other, "offline");
  }
  if (may_lack) return wait;
  if (!lacking.empty())
    return {Barrier::Kind::kIncomplete,
            Incomplete(step, GroupWord(step, host), absl::StrJoin(lacking, ", "), transport,
                       CopiesLeft(host, view))};
  if (!told.empty()) return {Barrier::Kind::kIncomplete, told};
  return wait;
}

// A step of the playbook sweeps one host while others that keep copies of its mail are not swept.
// Said before the first step that stops anything.
Barrier LookAtSweeps(const v1::Run& run,
                     const v1::RunHost& host,
                     const v1::PlaybookStep& step,
                     const BarrierView& view) {
  if ((!EmptiesQueue(step.operation()) && step.lockstep() != kTransportLockstep) ||
      host.transport_group().empty() || KeepsNoCopies(run, host))
    return {};
  const v1::PlaybookStep* unswept = Unswept(run.playbook());
  if (unswept == nullptr) return {};
  std::vector<std::string> others = view.missing(host);
  for (const v1::RunHost& other : run.hosts()) {
    if (other.host_id() != host.host_id() && other.transport_group() == host.transport_group() &&
        other.organisation() == host.organisation())
      others.push_back(other.name());
  }
  if (others.empty()) return {};
  return {Barrier::Kind::kIncomplete,
          absl::StrCat(SayUnswept(host.name(), host.transport_group(), others, *unswept),
                       CopiesLeft(host, view))};
}

}  // namespace

Barrier LookAtBarrier(const v1::Run& run,
                      const v1::RunHost& host,
                      int number,
                      const BarrierView& view) {
  const v1::PlaybookStep& step = run.playbook().steps(number);
  const std::string key = GroupKey(step, host);
  Barrier wait;
  bool first = true;
  for (int before = 0; before < number; ++before) {
    const v1::PlaybookStep& earlier = run.playbook().steps(before);
    const std::string group = GroupKey(earlier, host);
    if (group.empty()) continue;
    bool same = group == key && earlier.lockstep() == step.lockstep();
    first = first && !same;
    // However it is bound: nothing is swept or started beside a group that broke off.
    same |= earlier.lockstep() == kTransportLockstep && EmptiesQueue(step.operation());
    const bool goes_on = earlier.lockstep() == kTransportLockstep && KeepsNoCopies(run, host);
    for (const v1::RunHost& other : run.hosts()) {
      if (GroupKey(earlier, other) != group) continue;
      const v1::HostStep& its = other.steps(before);
      if (!view.final(its)) {
        wait = Wait(other, earlier.name());
      } else if (same && WasRefused(its)) {
        return {Barrier::Kind::kIncomplete, its.report().error().message()};
      } else if (same && !goes_on && !earlier.continue_on_failure() &&
                 !WentWell(its.report().outcome()) && other.host_id() != host.host_id()) {
        return {Barrier::Kind::kBroken, Broken(run, host, other, its)};
      }
    }
  }
  if (Barrier sweeps = LookAtSweeps(run, host, step, view); sweeps.kind != Barrier::Kind::kOpen)
    return sweeps;
  if (wait.kind != Barrier::Kind::kOpen) return wait;
  // A part starts nothing, and by its answer the agent tells what it did alone.
  const bool bound = step.lockstep() == kTransportLockstep || EmptiesQueue(step.operation());
  if (bound && !IsPart(step.operation()) && !KeepsNoCopies(run, host)) {
    const std::string early = StartedTooEarly(run, host, number);
    if (!early.empty()) return {Barrier::Kind::kBroken, early};
  }
  if (key.empty()) return {};
  if (!first) return {};
  bool begun = false;
  for (const v1::RunHost& other : run.hosts())
    begun |= GroupKey(step, other) == key && other.steps(number).sent();
  if (!begun) return LookAtFirst(run, host, number, view);
  if (step.lockstep() == kTransportLockstep && KeepsNoCopies(run, host)) return {};
  // It comes late, and nothing was touched here: where the step went wrong for another one, it had
  // better stay so.
  for (const v1::RunHost& other : run.hosts()) {
    const v1::HostStep& its = other.steps(number);
    if (other.host_id() != host.host_id() && GroupKey(step, other) == key && view.final(its) &&
        !WentWell(its.report().outcome()))
      return {Barrier::Kind::kBroken, Broken(run, host, other, its)};
  }
  return {};
}

bool GroupBegun(const v1::Run& run, const v1::RunHost& host, int number) {
  const v1::PlaybookStep& step = run.playbook().steps(number);
  const std::string key = GroupKey(step, host);
  if (key.empty()) return false;
  const bool alone = step.lockstep() == kTransportLockstep && KeepsNoCopies(run, host);
  for (int i = 0; i <= number; ++i) {
    const v1::PlaybookStep& one = run.playbook().steps(i);
    if (one.lockstep() != step.lockstep()) continue;
    for (const v1::RunHost& other : run.hosts()) {
      if (GroupKey(one, other) == key && other.steps(i).sent() &&
          (!alone || other.host_id() == host.host_id()))
        return true;
    }
  }
  return false;
}

const v1::HostStep* HeldBy(const v1::Run& run, const v1::RunHost& host) {
  const v1::HostStep* held = nullptr;
  for (const v1::HostStep& step : host.steps()) {
    const v1::Operation& operation = run.playbook().steps(step.step()).operation();
    if (!operation.has_contain() || !step.sent()) continue;
    const bool part = operation.contain().until() != v1::CONTAIN_UNTIL_UNSPECIFIED;
    const bool stands = part && WentWell(step.report().outcome()) &&
                        !step.report().result().contain().ended_alone() &&
                        !LeaseIsOver(step.lease_end());
    held = stands ? &step : nullptr;
  }
  return held;
}

const v1::HostStep* LeftForGood(const v1::Run& run, const v1::RunHost& host) {
  const v1::HostStep* left = nullptr;
  for (const v1::HostStep& step : host.steps()) {
    const v1::Operation& operation = run.playbook().steps(step.step()).operation();
    if (WentWell(step.report().outcome()) &&
        (operation.has_contain() || operation.has_service_start()))
      left = nullptr;
    const v1::LeaseEnd& end = step.lease_end();
    if (!end.ended() && LeaseIsOver(end) &&
        mailquench::ReasonOf(FromProto(end.last().error())) != kRuns)
      left = &step;
  }
  return left;
}

std::string ContainAgain(const v1::Run& run, const v1::RunHost& host) {
  std::vector<std::string> names;
  for (const v1::RunHost& other : run.hosts()) {
    const bool same = other.host_id() == host.host_id() ||
                      (!host.transport_group().empty() && other.manual_platform().empty() &&
                       other.transport_group() == host.transport_group() &&
                       other.organisation() == host.organisation());
    if (same) names.push_back(other.name());
  }
  // The agent takes no other lock for what it has begun, and one that it has ended stays as wide
  // as it was asked for.
  v1::Contain contain;
  for (const v1::HostStep& step : host.steps()) {
    const v1::Operation& operation = run.playbook().steps(step.step()).operation();
    if (operation.has_contain() && step.sent()) contain = operation.contain();
  }
  std::string lock;
  if (contain.mode() == v1::RELAY_MODE_AUTHENTICATED_ONLY) lock = " --mode authenticated-only";
  if (contain.mode() == v1::RELAY_MODE_LISTED)
    lock = absl::StrCat(" --mode listed --allow-client ", absl::StrJoin(contain.clients(), ","));
  return absl::StrCat("mailquench run contain --incident ", run.incident_id(), " --hosts ",
                      absl::StrJoin(names, ","), lock, " --reason TEXT");
}

std::string StaysStopped(const v1::Run& run, const v1::RunHost& host) {
  const v1::HostStep* held = HeldBy(run, host);
  if (held == nullptr) return "";
  const v1::ContainResult& result = held->report().result().contain();
  const std::string until =
      result.has_lease_end_time()
          ? absl::StrCat(" (by its last report at ",
                         absl::FormatTime("%H:%M:%S UTC", TimeOf(result.lease_end_time()),
                                          absl::UTCTimeZone()),
                         ")")
          : "";
  return absl::StrCat(host.name(), " stays stopped until its lease ends", until,
                      ", and then sweeps, locks",
                      run.playbook().steps(held->step()).operation().contain().leave_stopped()
                          ? " by itself and stays stopped"
                          : " and starts by itself");
}

bool RenewsLease(const v1::Run& run, const v1::RunHost& host, int number) {
  if (number < 0 || number >= host.steps_size()) return true;
  const v1::Operation& operation = run.playbook().steps(number).operation();
  if (!IsPart(operation)) return true;
  if (run.state() != v1::RUN_STATE_RUNNING) return false;
  for (int i = number; i < host.steps_size(); ++i) {
    const v1::Outcome outcome = host.steps(i).report().outcome();
    const bool open = outcome == v1::OUTCOME_UNSPECIFIED || outcome == v1::OUTCOME_UNKNOWN;
    if (open && run.playbook().steps(i).operation().has_contain()) return true;
  }
  return false;
}

}  // namespace mailquench::controller
