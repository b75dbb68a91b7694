#include "controller/runs/plan_groups.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/operation/duration.h"
#include "controller/runs/group_rules.h"
#include "controller/runs/groups.h"
#include "controller/runs/operation_fields.h"

namespace mailquench::controller {
namespace {

const v1::Host* Find(const std::vector<v1::Host>& fleet, const std::string& id) {
  const auto found = std::find_if(fleet.begin(), fleet.end(),
                                  [&](const auto& one) { return one.host_id() == id; });
  return found == fleet.end() ? nullptr : &*found;
}

// What the host says of an operation; null: nothing.
const v1::Capability* Says(const v1::Host& host, const v1::Operation& operation) {
  const std::string name = OperationName(operation);
  for (const v1::Capability& one : host.hello().capabilities()) {
    if (one.operation() == name) return &one;
  }
  return nullptr;
}

bool IsWide(const v1::Host& host, const v1::Operation& operation) {
  const v1::Capability* says = Says(host, operation);
  return says != nullptr && says->organisation_wide() && !operation.has_restore();
}

// Whether the host can do what the playbook changes in its organisation. An operation that a host
// does not speak of is none of those.
bool Can(const v1::Host& host, const v1::Playbook& playbook) {
  return std::all_of(playbook.steps().begin(), playbook.steps().end(), [&](const auto& step) {
    const v1::Capability* says = Says(host, step.operation());
    const bool concerns =
        step.operation().has_contain() || (says != nullptr && says->organisation_wide());
    return !concerns || says == nullptr || says->available();
  });
}

struct Group {
  std::string word;
  std::vector<const v1::PlannedHost*> hosts;
  const v1::PlaybookStep* first = nullptr;
};

// By lockstep and key, in the order of the plan.
std::vector<Group> GroupsOf(const v1::Plan& plan) {
  std::vector<Group> groups;
  std::map<std::string, std::size_t> known;
  for (const v1::PlaybookStep& step : plan.playbook().steps()) {
    std::set<std::string> new_here;
    for (const v1::PlannedHost& host : plan.hosts()) {
      const std::string key = GroupKey(step, host);
      if (key.empty()) continue;
      const std::string id = step.lockstep() + "\n" + key;
      if (known.emplace(id, groups.size()).second) {
        groups.push_back({GroupWord(step, host), {}, &step});
        new_here.insert(id);
      }
      if (new_here.count(id) > 0) groups[known[id]].hosts.push_back(&host);
    }
  }
  return groups;
}

std::string Names(const std::vector<const v1::PlannedHost*>& hosts) {
  return absl::StrJoin(hosts, ", ", [](std::string* out, const v1::PlannedHost* host) {
    absl::StrAppend(out, host->name());
  });
}

std::string Minutes(std::int64_t seconds) {
  return absl::FormatDuration(absl::Seconds(seconds));
}

// Which mail stops, and for how long.
std::string StopOf(const v1::Playbook& playbook, const Group& group) {
  const v1::PlaybookStep* last = nullptr;
  std::int64_t limit = 0, lease = 0;
  std::string parts;
  for (const v1::PlaybookStep& step : playbook.steps()) {
    if (step.lockstep() != group.first->lockstep() || !step.operation().has_contain()) continue;
    last = &step;
    limit += step.timeout_seconds();
    absl::StrAppend(&parts, parts.empty() ? "" : ", ", step.name());
    if (step.operation().contain().until() == v1::CONTAIN_UNTIL_UNSPECIFIED) continue;
    const std::int64_t given = step.operation().contain().lease().seconds();
    lease = std::max<std::int64_t>(lease, given > 0 ? given : kPartLeaseSeconds);
  }
  if (last == nullptr)
    return absl::StrCat("group ", group.word, ": ", Names(group.hosts),
                        " end each step in lockstep before any of them begins the next");
  return absl::StrCat(
      "group ", group.word, ": ", Names(group.hosts),
      group.hosts.size() == 1 ? " stops" : " stop at the same time",
      "; no mail of the group is taken or delivered between the first stop and the last start, by "
      "plan at most ",
      Minutes(limit), " (", parts,
      "); other servers keep what they want to send and try "
      "again",
      lease == 0 ? std::string()
                 : absl::StrCat("; where a host fails or this controller is lost, it takes longer: "
                                "the lease of each stopped host, ",
                                Minutes(lease),
                                " from its last renewal, runs out first; then it sweeps, locks, "
                                "lets the others settle and starts by itself"),
      last->operation().contain().leave_stopped() ? "; they are left stopped" : "");
}

std::vector<std::string> MissingFrom(const std::vector<v1::Host>& fleet,
                                     const v1::Plan& plan,
                                     const v1::PlannedHost& host) {
  return MissingOf(fleet, host.organisation(), host.transport_group(), [&](const std::string& id) {
    return std::any_of(plan.hosts().begin(), plan.hosts().end(),
                       [&](const auto& planned) { return planned.host_id() == id; });
  });
}

// "": it would not be refused.
std::string RefusalOf(const std::vector<v1::Host>& fleet,
                      const v1::Plan& plan,
                      const v1::PlannedHost& planned) {
  const v1::Host* host = Find(fleet, planned.host_id());
  if (host == nullptr || host->has_manual()) return "";
  const bool copies = !KeepsNoCopies(plan, planned);
  const v1::PlaybookStep* unswept = Unswept(plan.playbook());
  for (const v1::PlaybookStep& step : plan.playbook().steps()) {
    if (LeavesOut(step, planned)) continue;
    if (copies && EmptiesQueue(step.operation()) && GroupUnread(*host))
      return SayUnread(planned.name(), step);
    if (IsPart(step.operation()) && planned.online() && !KnowsParts(*host))
      return SayKnowsNoParts(planned.name(), step);
  }
  if (unswept == nullptr || !copies || planned.transport_group().empty()) return "";
  std::vector<std::string> others = MissingFrom(fleet, plan, planned);
  for (const v1::PlannedHost& other : plan.hosts()) {
    if (other.host_id() != planned.host_id() &&
        other.transport_group() == planned.transport_group() &&
        other.organisation() == planned.organisation())
      others.push_back(other.name());
  }
  return others.empty() ? ""
                        : SayUnswept(planned.name(), planned.transport_group(), others, *unswept);
}

void SayWhoIsMissing(const std::vector<v1::Host>& fleet,
                     const OrganisationDebts& debts,
                     const Group& group,
                     v1::Plan* plan) {
  const v1::PlannedHost& one = *group.hosts.front();
  const std::vector<std::string> missing = MissingFrom(fleet, *plan, one);
  if (!missing.empty() && !KeepsNoCopies(*plan, one))
    plan->add_notices(
        absl::StrCat("group ", group.word, " is not whole: ", absl::StrJoin(missing, ", "),
                     missing.size() == 1 ? " is" : " are",
                     " of it and not chosen; its first step, ", group.first->name(),
                     ", will be refused and nothing stopped; choose all of the group, or "
                     "switch the copies off first with 'mailquench shadow suspend'"));
  const auto left = debts.copies_left.find(one.organisation());
  if (left != debts.copies_left.end() && !KeepsNoCopies(*plan, one))
    plan->add_notices(left->second);
  if (KeepsNoCopies(*plan, one))
    plan->add_notices(absl::StrCat(
        "group ", group.word, " need not be whole: ",
        debts.without_copies.count(one.organisation()) > 0
            ? absl::StrCat("shadow.suspend is outstanding in ", one.organisation(),
                           ", and a person said that the copies from before are gone")
            : absl::StrCat("the order says that no server of ", one.organisation(),
                           " keeps copies (without_copies); where that is wrong, the spam comes "
                           "back from those that do"),
        missing.empty() ? "" : absl::StrCat("; not chosen: ", absl::StrJoin(missing, ", "))));
}

void SayWhoActs(const v1::Plan& plan, const OrganisationDebts&, std::vector<std::string>* out) {
  for (const v1::PlannedHost& acts : plan.hosts()) {
    if (!acts.acts_for_organisation()) continue;
    std::vector<const v1::PlannedHost*> others;
    for (const v1::PlannedHost& host : plan.hosts()) {
      if (host.organisation() == acts.organisation() && host.host_id() != acts.host_id())
        others.push_back(&host);
    }
    if (others.empty()) continue;
    out->push_back(absl::StrCat("what all hosts of the organisation ", acts.organisation(),
                                " share is changed once, by ", acts.name(), "; not by ",
                                Names(others)));
  }
}

// Records are put back by whoever holds them.
void SayWhoHolds(const std::vector<v1::Host>& fleet,
                 const OrganisationDebts& debts,
                 v1::Plan* plan) {
  const bool restores =
      std::any_of(plan->playbook().steps().begin(), plan->playbook().steps().end(),
                  [](const auto& step) { return step.operation().has_restore(); });
  if (!restores) return;
  std::set<std::string> ids, organisations;
  for (const v1::PlannedHost& host : plan->hosts()) {
    ids.insert(host.host_id());
    if (!host.organisation().empty()) organisations.insert(host.organisation());
  }
  for (const std::string& organisation : organisations) {
    const auto holders = debts.holders.find(organisation);
    if (holders == debts.holders.end()) continue;
    for (const std::string& id : holders->second) {
      const v1::Host* host = Find(fleet, id);
      if (ids.count(id) > 0 || host == nullptr) continue;
      plan->add_notices(absl::StrCat("what the organisation ", organisation,
                                     " shares stays changed: ", host->name(),
                                     " holds the record of it and is not chosen"));
    }
  }
}

}  // namespace

v1::PlannedHost Planned(const v1::Playbook& playbook, const v1::Host& host) {
  v1::PlannedHost planned;
  planned.set_host_id(host.host_id());
  planned.set_name(host.name());
  if (host.has_manual()) {
    planned.set_wave(1);
    planned.set_manual_platform(host.manual().platform());
    return planned;
  }
  planned.set_online(host.online());
  planned.set_transport_group(host.hello().transport_group());
  planned.set_organisation(host.hello().organisation());
  for (const v1::PlaybookStep& step : playbook.steps()) {
    const auto label = host.labels().find(step.lockstep());
    if (step.lockstep() == kTransportLockstep || label == host.labels().end()) continue;
    (*planned.mutable_label_groups())[step.lockstep()] = label->second;
  }
  return planned;
}

std::vector<std::vector<v1::PlannedHost>> UnitsOf(const v1::Playbook& playbook,
                                                  const std::vector<v1::PlannedHost>& hosts) {
  std::vector<std::size_t> unit(hosts.size());
  for (std::size_t i = 0; i < hosts.size(); ++i) unit[i] = i;
  for (const v1::PlaybookStep& step : playbook.steps()) {
    std::map<std::string, std::size_t> seen;
    for (std::size_t i = 0; i < hosts.size(); ++i) {
      const std::string key = GroupKey(step, hosts[i]);
      if (key.empty()) continue;
      const std::size_t with = seen.emplace(key, unit[i]).first->second, mine = unit[i];
      // The unit is named by its first host, whose place in the order it has.
      for (std::size_t& one : unit) {
        if (one == mine || one == with) one = std::min(mine, with);
      }
      for (auto& entry : seen) {
        if (entry.second == mine || entry.second == with) entry.second = std::min(mine, with);
      }
    }
  }
  std::vector<std::vector<v1::PlannedHost>> units;
  std::map<std::size_t, std::size_t> place;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    if (place.emplace(unit[i], units.size()).second) units.emplace_back();
    units[place[unit[i]]].push_back(hosts[i]);
  }
  return units;
}

void Elect(const std::vector<v1::Host>& fleet, const OrganisationDebts& debts, v1::Plan* plan) {
  using Rank = std::tuple<bool, bool, bool, int>;  // The least is elected, the first by name.
  std::map<std::string, std::pair<Rank, v1::PlannedHost*>> best;
  for (v1::PlannedHost& planned : *plan->mutable_hosts()) {
    const v1::Host* host = Find(fleet, planned.host_id());
    if (planned.organisation().empty() || host == nullptr) continue;
    const bool concerns = std::any_of(
        plan->playbook().steps().begin(), plan->playbook().steps().end(), [&](const auto& step) {
          return step.operation().has_contain() ? !LeavesOut(step, planned)
                                                : IsWide(*host, step.operation());
        });
    if (!concerns) continue;
    const auto holders = debts.holders.find(planned.organisation());
    const bool holds =
        holders != debts.holders.end() && holders->second.count(planned.host_id()) > 0;
    const Rank rank{!Can(*host, plan->playbook()), !planned.online(), !holds, planned.wave()};
    const auto known = best.find(planned.organisation());
    if (known == best.end() || rank < known->second.first)
      best[planned.organisation()] = {rank, &planned};
  }
  for (const auto& one : best) one.second.second->set_acts_for_organisation(true);
}

void SayNotices(const std::vector<v1::Host>& fleet,
                const OrganisationDebts& debts,
                v1::Plan* plan) {
  for (const Group& group : GroupsOf(*plan)) {
    plan->add_notices(StopOf(plan->playbook(), group));
    if (group.first->lockstep() == kTransportLockstep) SayWhoIsMissing(fleet, debts, group, plan);
  }
  std::vector<std::string> acts;
  SayWhoActs(*plan, debts, &acts);
  for (const std::string& one : acts) plan->add_notices(one);
  SayWhoHolds(fleet, debts, plan);
}

void SayOffline(v1::Plan* plan) {
  for (const Group& group : GroupsOf(*plan)) {
    std::vector<const v1::PlannedHost*> away;
    for (const v1::PlannedHost* host : group.hosts) {
      if (!host->online()) away.push_back(host);
    }
    if (away.empty()) continue;
    const bool lacks =
        group.first->lockstep() == kTransportLockstep && KeepsNoCopies(*plan, *group.hosts.front());
    plan->add_notices(absl::StrCat(
        "group ", group.word, ": ", Names(away), away.size() == 1 ? " is" : " are", " not online; ",
        lacks ? "the others go on without"
              : absl::StrCat("unless that changes, the step ", group.first->name(),
                             " will be refused and nothing stopped on any host of the group")));
  }
}

void SayRefusals(const std::vector<v1::Host>& fleet, v1::Plan* plan) {
  for (v1::PlannedHost& host : *plan->mutable_hosts()) {
    const std::string why = RefusalOf(fleet, *plan, host);
    if (why.empty()) continue;
    host.set_refusal(why);
    plan->add_notices(absl::StrCat(host.name(), " will be refused: ", why));
  }
}

}  // namespace mailquench::controller
