#include "controller/runs/organisation.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "common/operation/names.h"
#include "controller/runs/engine.h"
#include "controller/runs/groups.h"

namespace mailquench::controller {
namespace {

bool Shares(const v1::RunHost& a, const v1::RunHost& b) {
  return !IsManual(a) && !IsManual(b) && !a.organisation().empty() &&
         a.organisation() == b.organisation();
}

const v1::RunHost* ElectedFor(const v1::Run& run, const v1::RunHost& host) {
  for (const v1::RunHost& other : run.hosts()) {
    if (other.acts_for_organisation() && Shares(other, host)) return &other;
  }
  return nullptr;
}

bool IsContain(const v1::Run& run, int step) {
  return run.playbook().steps(step).operation().has_contain();
}

// The host was asked to contain: its part in the organisation is settled for this run.
bool ContainSent(const v1::Run& run, const v1::RunHost& host) {
  return std::any_of(host.steps().begin(), host.steps().end(), [&](const v1::HostStep& step) {
    return step.sent() && IsContain(run, step.step());
  });
}

bool ContainOver(const v1::Run& run, const v1::RunHost& host, const OrganisationView& view) {
  return std::all_of(host.steps().begin(), host.steps().end(), [&](const v1::HostStep& step) {
    return view.final(step) || !IsContain(run, step.step());
  });
}

bool Wide(const v1::RunHost& host, const v1::Operation& operation, const OrganisationView& view) {
  return !IsManual(host) && !host.organisation().empty() && !operation.has_contain() &&
         !operation.has_restore() && view.wide(host.host_id(), operation);
}

Share LookAtContain(const v1::Run& run,
                    const v1::RunHost& host,
                    const v1::RunHost& elected,
                    const OrganisationView& view) {
  if (ContainSent(run, host) || elected.wave() > host.wave()) return {};
  const bool asked = std::any_of(
      elected.steps().begin(), elected.steps().end(),
      [&](const v1::HostStep& step) { return view.asked(step) && IsContain(run, step.step()); });
  if (!asked && !ContainOver(run, elected, view))
    return {Share::Kind::kWait,
            absl::StrCat("waits for ", elected.name(), ", which contains for all of ",
                         host.organisation(), ", to begin")};
  if (!ContainSent(run, elected) ||
      std::any_of(elected.steps().begin(), elected.steps().end(), [&](const v1::HostStep& step) {
        return IsContain(run, step.step()) && view.final(step) &&
               !WentWell(step.report().outcome());
      }))
    return {Share::Kind::kOwn,
            absl::StrCat("what all of ", host.organisation(), " share was for ", elected.name(),
                         ", whose contain did not go well: whether it was changed is to be seen "
                         "there; run contain on it again")};
  return {};
}

}  // namespace

Share LookAtShare(const v1::Run& run,
                  const v1::RunHost& host,
                  int number,
                  const OrganisationView& view) {
  const v1::RunHost* elected = ElectedFor(run, host);
  if (elected == nullptr || host.acts_for_organisation()) return {};
  if (IsContain(run, number)) return LookAtContain(run, host, *elected, view);
  const v1::Operation& operation = run.playbook().steps(number).operation();
  if (!Wide(host, operation, view)) return {};
  const std::string name = OperationName(operation);
  const std::string all = absl::StrCat("for all of the organisation ", host.organisation());
  const v1::HostStep& its = elected->steps(number);
  if (view.final(its)) {
    const v1::Outcome outcome = its.report().outcome();
    if (WentWell(outcome))
      return {Share::Kind::kElsewhere, absl::StrCat(elected->name(), " did it ", all)};
    return {Share::Kind::kLeft,
            absl::StrCat(name, " was for ", elected->name(), " to do ", all, ", where it is ",
                         OutcomeName(outcome), "; nothing was done on ", host.name(),
                         ", since a second host would record the changed values as the original "
                         "ones; see to ",
                         elected->name(), ", then run it again")};
  }
  if (elected->wave() > host.wave())
    return {Share::Kind::kElsewhere,
            absl::StrCat(elected->name(), " does it ", all, " in wave ", elected->wave())};
  return {Share::Kind::kWait, absl::StrCat("waits for ", elected->name(), " (",
                                           run.playbook().steps(number).name(), ")")};
}

bool ConcernsOrganisation(const v1::Run& run,
                          const v1::RunHost& host,
                          int number,
                          const OrganisationView& view) {
  if (host.organisation().empty()) return false;
  for (int i = number; i < run.playbook().steps_size(); ++i) {
    const v1::PlaybookStep& step = run.playbook().steps(i);
    if (IsContain(run, i) ? !ContainSent(run, host) && !LeavesOut(step, host)
                          : Wide(host, step.operation(), view))
      return true;
  }
  return false;
}

std::string NextToAct(const v1::Run& run,
                      const v1::RunHost& host,
                      int number,
                      const OrganisationView& view) {
  if (!ConcernsOrganisation(run, host, number, view)) return "";
  const v1::RunHost* best = nullptr;
  const v1::PlaybookStep& step = run.playbook().steps(number);
  // A group that lacks one of its hosts may not begin at all.
  const auto rank = [&](const v1::RunHost& other) {
    const std::string key = GroupKey(step, other);
    bool able = true;
    for (int i = number; i < run.playbook().steps_size(); ++i) {
      const v1::Operation& operation = run.playbook().steps(i).operation();
      able &= !Wide(other, operation, view) || view.able(other.host_id(), operation);
    }
    return std::make_tuple(!able, !key.empty() && key == GroupKey(step, host), other.wave());
  };
  for (const v1::RunHost& other : run.hosts()) {
    if (other.host_id() == host.host_id() || !Shares(other, host)) continue;
    if (!view.online(other.host_id()) || view.final(other.steps(number)) ||
        other.steps(number).sent() || !ConcernsOrganisation(run, other, number, view))
      continue;
    if (best == nullptr || rank(other) < rank(*best)) best = &other;
  }
  return best == nullptr ? "" : best->host_id();
}

}  // namespace mailquench::controller
