// Guards of how the fleet is now: how many hosts, who is there, who is busy, who goes on accepting.
#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/operation/names.h"
#include "controller/escalation/case.h"

namespace mailquench::controller {
namespace {

bool IsHeld(const v1::Escalation& escalation) {
  return escalation.state() == v1::ESCALATION_STATE_STARTING ||
         escalation.state() == v1::ESCALATION_STATE_RUNNING;
}

// Ids of hosts that runs work on, or are about to.
std::set<std::string> Occupied(const Situation& situation) {
  std::set<std::string> ids;
  for (const auto& [id, run] : situation.facts.busy) ids.insert(id);
  for (const v1::Escalation* escalation : situation.working) {
    if (!IsHeld(*escalation)) continue;
    for (const v1::EscalationHost& host : escalation->hosts()) ids.insert(host.host_id());
  }
  for (const Decision& earlier : situation.earlier) {
    if (earlier.taken != v1::ESCALATION_ACTION_START) continue;
    for (const v1::EscalationHost& host : earlier.hosts) ids.insert(host.host_id());
  }
  return ids;
}

}  // namespace

bool OnlyObserves(const std::vector<v1::Operation>& operations) {
  return std::all_of(operations.begin(), operations.end(), [](const v1::Operation& operation) {
    return ClassOf(operation) == v1::OPERATION_CLASS_OBSERVE;
  });
}

void HeedMaxHosts(const Situation& situation, Case* one) {
  // Those that the rule works on already count, or alerts in small groups would go round it.
  std::set<std::string> ids;
  for (const v1::Escalation* escalation : situation.working) {
    if (escalation->rule() != one->rule->name || escalation->taken() != v1::ESCALATION_ACTION_START)
      continue;
    for (const v1::EscalationHost& host : escalation->hosts()) ids.insert(host.host_id());
  }
  for (const Decision& earlier : situation.earlier) {
    if (earlier.rule != one->rule->name || earlier.taken != v1::ESCALATION_ACTION_START) continue;
    for (const v1::EscalationHost& host : earlier.hosts) ids.insert(host.host_id());
  }
  const std::size_t already = ids.size();
  const std::size_t all = already + one->targets.size();
  if (all <= static_cast<std::size_t>(one->rule->max_hosts)) return;
  one->Lower(kPropose,
             absl::StrCat("it would be on ", all, " hosts,",
                          already == 0 ? "" : absl::StrCat(" ", already, " of them begun already,"),
                          " and max_hosts of the rule is ", one->rule->max_hosts,
                          "; a person approves it"),
             true);
}

void HeedPresence(const Situation&, Case* one) {
  if (!one->WantsMore() || one->targets.empty()) return;
  std::vector<std::string> away;
  for (const Target& target : one->targets) {
    if (target.host->has_manual()) {
      away.push_back(target.host->name() + " (no agent)");
    } else if (!target.host->online()) {
      away.push_back(target.host->name() + " (offline)");
    }
  }
  if (away.empty()) return;
  if (away.size() < one->targets.size()) {
    one->Note(absl::StrCat(Names(away), " cannot be reached now; the run waits for ",
                           away.size() == 1 ? "it" : "them", " as for any other host"));
    return;
  }
  one->Lower(kPropose,
             absl::StrCat("no host of it can be reached: ", Names(away),
                          "; a person sees to them, or approves it once they are back"),
             true);
}

void HeedOthers(const Situation& situation, Case* one) {
  if (!one->WantsMore()) return;
  std::map<std::string, std::vector<std::string>> held;  // By whom: names.
  for (const Target& target : one->targets) {
    const std::string& id = target.host->host_id();
    const auto is_it = [&](const v1::EscalationHost& host) { return host.host_id() == id; };
    bool named = false;  // An escalation says more than its run.
    for (const v1::Escalation* escalation : situation.working) {
      if (std::none_of(escalation->hosts().begin(), escalation->hosts().end(), is_it)) continue;
      const std::string whose =
          escalation->rule().empty() ? "which a person proposed" : "of rule " + escalation->rule();
      held[absl::StrCat("escalation ", ShortId(escalation->escalation_id()), " ", whose, " (",
                        RunName(escalation->request()), ")")]
          .push_back(target.host->name());
      named = true;
    }
    for (const Decision& earlier : situation.earlier) {
      if (earlier.taken < kPropose ||
          std::none_of(earlier.hosts.begin(), earlier.hosts.end(), is_it))
        continue;
      held[absl::StrCat("rule ", earlier.rule, " (", RunName(earlier.request),
                        "), whose alert came at the same time")]
          .push_back(target.host->name());
      named = true;
    }
    const auto run = situation.facts.busy.find(id);
    if (run != situation.facts.busy.end() && !named)
      held["run " + ShortId(run->second)].push_back(target.host->name());
  }
  for (const auto& [who, names] : held)
    one->Lower(kPropose,
               absl::StrCat(Names(names), names.size() == 1 ? " is" : " are", " held by ", who,
                            ", and two may want opposite things; a person decides which goes on"),
               true);
}

void HeedAccepting(const Situation& situation, Case* one) {
  if (!one->WantsMore() || one->targets.empty() || one->observes) return;
  std::set<std::string> gone = Occupied(situation);
  for (const Target& target : one->targets) gone.insert(target.host->host_id());
  for (const KeepAccepting& keep : situation.rules.keep_accepting) {
    std::set<std::string> groups;
    for (const Target& target : one->targets) {
      const auto label = target.host->labels().find(keep.label);
      if (label != target.host->labels().end()) groups.insert(label->second);
    }
    for (const std::string& group : groups) {
      int members = 0, now = 0, left = 0;
      for (const HostIndex::Entry& entry : situation.index.all()) {
        const auto label = entry.labels.find(keep.label);
        if (label == entry.labels.end() || label->second != group) continue;
        ++members;
        if (!IsAccepting(*entry.host)) continue;
        ++now;
        if (gone.count(entry.host->host_id()) == 0) ++left;
      }
      if (left >= keep.at_least) continue;
      one->Lower(
          kPropose,
          absl::StrCat("of ", Counted(members, "host"), " with ", keep.label, "=", group, ", ", now,
                       " accept mail now and ", left, " would go on, and keep_accepting wants ",
                       keep.at_least, "; bring others back or approve it"),
          true);
    }
  }
}

}  // namespace mailquench::controller
