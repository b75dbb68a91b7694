// What an agent did alone at the end of a lease belongs to the run that took the lease.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "controller/runs/alone.h"
#include "controller/runs/engine.h"
#include "controller/runs/group_rules.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

// The agent names such commands after the one that took the lease, and numbers its further tries:
// "ID.lease-swept", "ID.lease-contain-2".
constexpr char kOfLease[] = ".lease-";

bool IsTryOf(absl::string_view name, absl::string_view wanted) {
  return name == wanted || absl::StartsWith(name, absl::StrCat(wanted, "-"));
}

// Reports come again, and a part that renewed its lease makes it end once more: what was first
// stands, but for the last word.
void Note(absl::string_view name, const v1::OperationReport& report, v1::LeaseEnd* end) {
  const bool rest = IsTryOf(name, "contain");
  if ((!rest && !IsTryOf(name, "swept")) || end->ended()) return;
  if (rest && (!end->has_begin_time() || TimeOf(report.start_time()) < TimeOf(end->begin_time())))
    *end->mutable_begin_time() = report.start_time();
  if (!rest && WentWell(report.outcome()) && !end->has_swept_time())
    *end->mutable_swept_time() = report.end_time();
  *end->mutable_last() = report;
  end->set_ended(rest && WentWell(report.outcome()));
}

bool SameLock(const v1::Contain& a, const v1::Contain& b) {
  return a.mode() == b.mode() &&
         std::equal(a.clients().begin(), a.clients().end(), b.clients().begin(), b.clients().end());
}

}  // namespace

bool RunEngine::AnswerOfLease(const std::string& from,
                              const v1::OperationReport& report,
                              Outbox* out) {
  const std::size_t at = report.command_id().rfind(kOfLease);
  if (at == std::string::npos || at == 0) return false;
  const auto again = [&] {
    out->calls.push_back([this, from] { AskAgain(from); });
    return true;
  };
  const absl::StatusOr<CommandRow> row = store_->FindCommand(report.command_id().substr(0, at));
  if (!row.ok()) return absl::IsNotFound(row.status()) ? false : again();
  if (row->sent_to != from || row->outside) return false;
  std::unique_ptr<Active> loaded;
  const absl::StatusOr<Active*> of = ActiveOf(row->run_id, &loaded);
  if (!of.ok()) return absl::IsNotFound(of.status()) ? false : again();
  Active* a = *of;
  v1::RunHost* host = HostOf(a, row->host_id);
  if (host == nullptr || row->step >= host->steps_size()) return false;
  v1::HostStep* step = host->mutable_steps(row->step);
  if (IsPart(a->run.playbook().steps(row->step).operation())) {
    Note(absl::string_view(report.command_id()).substr(at + sizeof(kOfLease) - 1), report,
         step->mutable_lease_end());
    MarkEndedAlone(step);
    const std::string did = WhatItDidAlone(a->run, *host);
    if (!did.empty()) step->set_notice(did);
    if (!Save(a, row->host_id, *step).ok()) return again();
    if (!a->ended) Advance(a, out);
    Publish(a, out);
  }
  out->calls.push_back([this, run = a->run, host_id = row->host_id, report, from] {
    if (!listener_->OnStepReport(run, host_id, nullptr, report).ok()) AskAgain(from);
  });
  return true;
}

// It stands stopped no more.
void RunEngine::MarkEndedAlone(v1::HostStep* step) {
  if (step->lease_end().ended() && WentWell(step->report().outcome()))
    step->mutable_report()->mutable_result()->mutable_contain()->set_ended_alone(true);
}

// A part, or the rest, of a contain that the host was not there for, or that was lost on its way:
// where its agent has ended that same contain alone, the step is done, and what the agent reported
// is its result. False: it has not.
bool RunEngine::TakeFromLease(Active* a, v1::RunHost* host, v1::HostStep* step, Outbox* out) {
  const v1::HostStep* ended = EndedAlone(*host);
  const v1::Operation& operation = a->run.playbook().steps(step->step()).operation();
  if (ended == nullptr || ended->step() >= step->step() || !operation.has_contain() ||
      !SameLock(operation.contain(), a->run.playbook().steps(ended->step()).operation().contain()))
    return false;
  v1::OperationReport report = ended->lease_end().last();
  report.set_command_id(step->command_id());
  report.mutable_result()->mutable_contain()->set_ended_alone(true);
  *step->mutable_report() = report;
  step->clear_progress();
  step->set_notice(absl::StrCat("it was not asked for this: ", WhatItDidAlone(a->run, *host)));
  Settle(a, host, step, v1::OUTCOME_UNCHANGED);
  out->calls.push_back([this, run = a->run, id = host->host_id(), operation, report] {
    // Not lost by a failure here: the report of the lease's end said the same.
    listener_->OnStepReport(run, id, &operation, report).IgnoreError();
  });
  return true;
}

}  // namespace mailquench::controller
