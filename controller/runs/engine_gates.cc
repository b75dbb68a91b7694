// What a step of one host waits for on other hosts: its group, and its organisation.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/operation/names.h"
#include "common/status/error.h"
#include "controller/runs/alone.h"
#include "controller/runs/engine.h"
#include "controller/runs/group_rules.h"
#include "controller/runs/groups.h"
#include "controller/runs/lockstep.h"
#include "controller/runs/organisation.h"
#include "controller/runs/plan_groups.h"

namespace mailquench::controller {
namespace {

const v1::Capability* Says(const v1::Hello& hello, const v1::Operation& operation) {
  const std::string name = OperationName(operation);
  for (const v1::Capability& one : hello.capabilities()) {
    if (one.operation() == name) return &one;
  }
  return nullptr;
}

bool SameGroup(const v1::RunHost& a, const v1::RunHost& b) {
  return !a.transport_group().empty() && a.transport_group() == b.transport_group() &&
         a.organisation() == b.organisation() && !IsManual(a) && !IsManual(b);
}

// A contain was sent to some host of this one's group.
bool ContainBegun(const v1::Run& run, const v1::RunHost& host) {
  return std::any_of(run.hosts().begin(), run.hosts().end(), [&](const v1::RunHost& other) {
    return SameGroup(host, other) &&
           std::any_of(other.steps().begin(), other.steps().end(), [&](const v1::HostStep& step) {
             return step.sent() && run.playbook().steps(step.step()).operation().has_contain();
           });
  });
}

bool Older(const v1::Run& a, const v1::Run& b) {
  return a.start_time().seconds() != b.start_time().seconds()
             ? a.start_time().seconds() < b.start_time().seconds()
             : a.run_id() < b.run_id();
}

}  // namespace

std::vector<std::string> RunEngine::MissingOf(const v1::Run& run, const v1::RunHost& host) {
  if (host.transport_group().empty()) return {};
  return controller::MissingOf(
      *hosts_->Fleet(), host.organisation(), host.transport_group(), [&](const std::string& id) {
        return std::any_of(run.hosts().begin(), run.hosts().end(), [&](const auto& other) {
          return other.host_id() == id && SameGroup(host, other);
        });
      });
}

// The other run that contains the host's group, or that was to before this one; "": there is none.
std::string RunEngine::BusyWith(const Active& a, const v1::RunHost& host) {
  for (const auto& [id, other] : active_) {
    if (other.get() == &a || other->ended) continue;
    const v1::Run& run = other->run;
    for (const v1::RunHost& one : run.hosts()) {
      if (!SameGroup(host, one) || (!ContainBegun(run, one) && !Older(run, a.run))) continue;
      for (const v1::HostStep& step : one.steps()) {
        if (run.playbook().steps(step.step()).operation().has_contain() && !Final(*other, step))
          return id;
      }
    }
  }
  return "";
}

// Why the host must not begin the step, whatever the others of its group do; OK: nothing is known
// against it.
absl::Status RunEngine::Hindered(const Active& a,
                                 const v1::RunHost& host,
                                 const v1::PlaybookStep& step) {
  const auto refused = [](const char* reason, const std::string& why) {
    return Error(absl::StatusCode::kFailedPrecondition, reason, why);
  };
  const bool empties = EmptiesQueue(step.operation());
  if (IsManual(host) || (!empties && step.lockstep() != kTransportLockstep))
    return absl::OkStatus();
  const absl::StatusOr<v1::Host> found = hosts_->Find(host.host_id());
  if (IsPart(step.operation()) && found.ok() && link_->IsOnline(host.host_id()) &&
      !KnowsParts(*found))
    return refused("CONTAIN_PARTS_UNKNOWN", SayKnowsNoParts(host.name(), step));
  if (ContainBegun(a.run, host)) return absl::OkStatus();
  const std::string busy = BusyWith(a, host);
  if (!busy.empty())
    return refused("LOCKSTEP_BUSY",
                   absl::StrCat("the run ", busy, " contains the group ", host.transport_group(),
                                " of ", host.name(), " and has not ended; the step ", step.name(),
                                " was not begun, and nothing was stopped by this run; wait for "
                                "that one, or cancel it, and start again"));
  if (!empties || !found.ok() || KeepsNoCopies(a.run, host)) return absl::OkStatus();
  if (GroupUnread(*found)) return refused("TRANSPORT_GROUP_UNKNOWN", SayUnread(host.name(), step));
  const v1::Hello& now = found->hello();
  if (now.transport_group().empty() || (now.transport_group() == host.transport_group() &&
                                        now.organisation() == host.organisation()))
    return absl::OkStatus();
  return refused(
      "LOCKSTEP_INCOMPLETE",
      absl::StrCat(host.name(), " keeps copies of mail in the group ", now.transport_group(),
                   ", which it did not when the run was planned; the step ", step.name(),
                   " was not begun, and nothing was stopped; start a new run"));
}

std::string RunEngine::CopiesLeft(const v1::RunHost& host) {
  const absl::StatusOr<std::vector<v1::Incident>> open = store_->AllIncidents(false);
  if (!open.ok()) return "";
  OrganisationDebts debts = DebtsOf(*open);
  if (!debts.suspended.empty()) LookAtDrift(*hosts_->Fleet(), &debts);
  const auto left = debts.copies_left.find(host.organisation());
  return left == debts.copies_left.end() ? "" : left->second;
}

OrganisationView RunEngine::ViewOf(const Active& a) {
  OrganisationView view;
  view.final = [this, &a](const v1::HostStep& step) { return Final(a, step); };
  view.asked = [this](const v1::HostStep& step) {
    return step.sent() && leaving_.count(step.command_id()) == 0;
  };
  view.online = [this](const std::string& id) { return link_->IsOnline(id); };
  view.wide = [this](const std::string& id, const v1::Operation& operation) {
    const absl::StatusOr<v1::Host> host = hosts_->Find(id);
    const v1::Capability* says = host.ok() ? Says(host->hello(), operation) : nullptr;
    return says != nullptr && says->organisation_wide();
  };
  view.able = [this](const std::string& id, const v1::Operation& operation) {
    const absl::StatusOr<v1::Host> host = hosts_->Find(id);
    const v1::Capability* says = host.ok() ? Says(host->hello(), operation) : nullptr;
    return says != nullptr && says->available();
  };
  return view;
}

// Settles the step where it is not for this host to do. True: the host waits for another one.
bool RunEngine::Held(Active* a, v1::RunHost* host, v1::HostStep* step) {
  const v1::PlaybookStep& said = a->run.playbook().steps(step->step());
  const auto wait = [&](const std::string& why) {
    if (step->progress() != why) {
      step->set_progress(why);
      a->text = absl::StrCat(host->name(), " ", why);
      a->changed = true;  // In memory only: a restart finds it again.
    }
    return true;
  };
  const auto end = [&](v1::Outcome outcome, const char* reason, const std::string& why) {
    step->clear_progress();
    *step->mutable_report()->mutable_error() =
        ToProto(Error(absl::StatusCode::kFailedPrecondition, reason, why));
    PassOn(a, host, step);
    Settle(a, host, step, outcome);
    return false;
  };
  const auto unchanged = [&](const std::string& why) {
    step->clear_progress();
    step->set_notice(why);
    Settle(a, host, step, v1::OUTCOME_UNCHANGED);
    return false;
  };
  if (LeavesOut(said, *host))
    return unchanged("left out: the host does not do this step with others");
  const absl::Status hindered = Hindered(*a, *host, said);
  if (!hindered.ok())
    return end(v1::OUTCOME_REFUSED, ReasonOf(hindered).c_str(), std::string(hindered.message()));
  const OrganisationView view = ViewOf(*a);
  BarrierView barrier;
  barrier.final = view.final;
  barrier.online = view.online;
  barrier.missing = [&](const v1::RunHost& one) { return MissingOf(a->run, one); };
  barrier.hindered = [&](const v1::RunHost& one) {
    return std::string(Hindered(*a, one, said).message());
  };
  barrier.copies = [this](const v1::RunHost& one) { return CopiesLeft(one); };
  const Barrier group = LookAtBarrier(a->run, *host, step->step(), barrier);
  switch (group.kind) {
    case Barrier::Kind::kWait:
      return wait(group.why);
    case Barrier::Kind::kBroken:
      return end(v1::OUTCOME_CANCELLED, "LOCKSTEP_BROKEN", group.why);
    case Barrier::Kind::kIncomplete:
      return end(v1::OUTCOME_REFUSED, "LOCKSTEP_INCOMPLETE", group.why);
    case Barrier::Kind::kOpen:
      break;
  }
  const Share share = LookAtShare(a->run, *host, step->step(), view);
  switch (share.kind) {
    case Share::Kind::kWait:
      // The elected one may wait for this one's group, and it for its own time to come.
      if (!view.online(host->host_id()) && !GroupKey(said, *host).empty()) return false;
      a->again = true;
      return wait(share.why);
    case Share::Kind::kElsewhere:
      return unchanged(share.why);
    case Share::Kind::kLeft:
      return end(v1::OUTCOME_CANCELLED, "ORGANISATION_NOT_CHANGED", share.why);
    case Share::Kind::kOwn:
      break;
  }
  step->clear_progress();
  step->set_notice(share.why);
  return false;
}

// The host was never asked to do the step: what it was to do for its organisation is another one's
// from now on, and the journal knows it before anybody is asked.
void RunEngine::PassOn(Active* a, v1::RunHost* host, v1::HostStep* step) {
  if (!host->acts_for_organisation() || a->run.cancel_requested()) return;
  const OrganisationView view = ViewOf(*a);
  if (!ConcernsOrganisation(a->run, *host, step->step(), view)) return;
  v1::RunHost* next = HostOf(a, NextToAct(a->run, *host, step->step(), view));
  if (next == nullptr) {
    step->set_notice(
        absl::StrCat("what all of ", host->organisation(),
                     " share was for this host, and no other one was left to do it: it "
                     "was not changed; start the run again"));
    return;
  }
  host->set_acts_for_organisation(false);
  next->set_acts_for_organisation(true);
  if (!KeepRun(a).ok()) {  // Not in the journal: then nobody does it.
    host->set_acts_for_organisation(true);
    next->set_acts_for_organisation(false);
    return;
  }
  step->set_notice(absl::StrCat(next->name(), " does in its place what all of ",
                                host->organisation(), " share"));
  a->text = absl::StrCat(host->name(), ": ", step->notice());
  a->changed = true;
}

// A run that ends in the middle of a contain in parts leaves hosts stopped for a while: it says so.
void RunEngine::SayWhatStays(Active* a, const v1::RunHost& host, v1::HostStep* step) {
  if (!a->run.playbook().steps(step->step()).operation().has_contain()) return;
  const bool said = std::any_of(host.steps().begin(), host.steps().end(), [&](const auto& one) {
    return one.step() < step->step() && one.report().outcome() == v1::OUTCOME_CANCELLED;
  });
  const std::string stopped = said ? "" : StaysStopped(a->run, host);
  if (!stopped.empty())
    step->set_notice(
        absl::StrCat(stopped, "; run contain again before then: ", ContainAgain(a->run, host)));
  else if (const std::string did = said ? "" : WhatItDidAlone(a->run, host); !did.empty())
    step->set_notice(did);
}

bool RunEngine::Renews(const CommandRow& row) {
  const auto ask = [&](const v1::Run& run) {
    for (const v1::RunHost& host : run.hosts()) {
      if (host.host_id() == row.host_id) return RenewsLease(run, host, row.step);
    }
    return true;
  };
  {
    const std::lock_guard<std::mutex> lock(mu_);
    const auto found = active_.find(row.run_id);
    if (found != active_.end()) return ask(found->second->run);
  }
  const absl::StatusOr<v1::Run> run = store_->FindRun(row.run_id);
  return !run.ok() || ask(*run);
}

}  // namespace mailquench::controller
