// From alerts to decisions: the first rule that matches, groups, what is joined, and the guards in
// their order.
#include "controller/escalation/decide.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "common/text/harmless.h"
#include "controller/escalation/case.h"
#include "controller/escalation/label_text.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

// Of one rule in one call; more are put together.
constexpr std::size_t kMostGroups = 10;
constexpr const char* kAllGroups = "all groups";

// Of one source: its Alertmanager is asked what became of them.
struct Group {
  const Rule* rule = nullptr;
  std::string source;
  std::string key;
  std::vector<const v1::Alert*> alerts;
};

bool Before(const v1::Alert* a, const v1::Alert* b) {
  const absl::Time a_start = TimeOf(a->start_time()), b_start = TimeOf(b->start_time());
  return std::tie(a_start, a->fingerprint(), a->alert_key()) <
         std::tie(b_start, b->fingerprint(), b->alert_key());
}

std::vector<Group> Grouped(const Rules& rules, const std::vector<v1::Alert>& firing) {
  std::map<std::tuple<std::size_t, std::string, std::string>, Group> groups;
  std::map<std::size_t, std::size_t> groups_of;
  std::set<std::string> seen;
  for (const v1::Alert& alert : firing) {
    if (alert.status() == v1::ALERT_STATUS_RESOLVED) continue;
    if (!alert.alert_key().empty() && !seen.insert(alert.alert_key()).second) continue;
    const Rule* const rule = RuleFor(rules, alert);
    if (rule == nullptr) continue;
    const auto number = static_cast<std::size_t>(rule - rules.rules.data());
    const auto [group, is_new] = groups.try_emplace({number, alert.source(), alert.group_key()});
    if (is_new) ++groups_of[number];
    group->second.rule = rule;
    group->second.source = alert.source();
    group->second.key = alert.group_key();
    group->second.alerts.push_back(&alert);
  }
  std::map<std::tuple<std::size_t, std::string, std::string>, Group> fewer;
  for (auto& [key, group] : groups) {
    const auto& [number, source, name] = key;
    if (groups_of[number] > kMostGroups) group.key = kAllGroups;
    const auto [kept, is_new] = fewer.try_emplace({number, source, group.key}, group);
    if (!is_new)
      kept->second.alerts.insert(kept->second.alerts.end(), group.alerts.begin(),
                                 group.alerts.end());
  }
  std::vector<Group> sorted;
  for (auto& [key, group] : fewer) {
    std::sort(group.alerts.begin(), group.alerts.end(), Before);
    sorted.push_back(std::move(group));
  }
  // The map has them by rule and key; within a rule the first alert counts.
  std::stable_sort(sorted.begin(), sorted.end(), [](const Group& a, const Group& b) {
    return a.rule != b.rule ? a.rule < b.rule
                            : TimeOf(a.alerts[0]->start_time()) < TimeOf(b.alerts[0]->start_time());
  });
  return sorted;
}

// The newest open escalation of its rule, of its group or of any; null: none.
const v1::Escalation* OpenOf(const Situation& situation, const Decision& decision, bool any_group) {
  const v1::Escalation* newest = nullptr;
  for (const v1::Escalation& one : situation.facts.escalations) {
    if (one.has_end_time() || one.rule() != decision.rule) continue;
    if (one.escalation_id() == situation.facts.retried) continue;
    if (!any_group &&
        (one.group_key() != decision.group_key || one.source() != decision.alerts.front().source()))
      continue;
    if (newest == nullptr || TimeOf(newest->create_time()) <= TimeOf(one.create_time()))
      newest = &one;
  }
  return newest;
}

// Ids say nothing of age: of several incidents the one that most of its hosts are in.
std::string IncidentOf(const Situation& situation, const std::vector<Target>& targets) {
  std::map<std::string, int> hosts;
  std::string most;
  for (const Target& target : targets) {
    const auto incident = situation.facts.incident_of.find(target.host->host_id());
    if (incident != situation.facts.incident_of.end() && !incident->second.empty())
      ++hosts[incident->second];
  }
  for (const auto& [incident, count] : hosts) {
    if (most.empty() || count > hosts[most]) most = incident;
  }
  return most;
}

std::string Join(const Situation& situation, const Case& one, Decision* decision) {
  // A person may have closed its incident: what comes now is a new one's.
  const auto open = [&](const std::string& incident) {
    return !incident.empty() && (!situation.facts.is_open || situation.facts.is_open(incident))
               ? incident
               : "";
  };
  const v1::Escalation* same = OpenOf(situation, *decision, false);
  if (same != nullptr) {
    decision->joins_escalation = same->escalation_id();
    decision->joins_incident = open(same->incident_id());
  }
  if (decision->joins_incident.empty())
    decision->joins_incident = IncidentOf(situation, one.targets);
  const v1::Escalation* like = OpenOf(situation, *decision, true);
  if (decision->joins_incident.empty() && like != nullptr)
    decision->joins_incident = open(like->incident_id());
  if (same != nullptr)
    return absl::StrCat("its alerts join escalation ", ShortId(same->escalation_id()),
                        " of the same rule and group, which is open");
  return decision->joins_incident.empty()
             ? ""
             : absl::StrCat("it joins the open incident ", ShortId(decision->joins_incident));
}

std::string TitleOf(const Case& one, const std::vector<std::string>& hosts) {
  const v1::Alert& first = one.decision.alerts.front();
  const std::string& written = one.rule->title;
  constexpr std::size_t kMost = 200;
  std::string title =
      written.empty() ? absl::StrCat(AlertName(first), hosts.empty() ? "" : " on " + Names(hosts))
                      : ExpandLabels(written, [&](const std::string& label) {
                          const auto value = first.labels().find(label);
                          return value == first.labels().end() ? "" : Shown(value->second);
                        });
  if (title.size() > kMost) {
    title.resize(kMost);
    title.resize(kMost - CutAtEnd(title));
  }
  return title;
}

std::string WantedText(const Case& one) {
  const Decision& decision = one.decision;
  std::string text = absl::StrCat(
      "rule ", decision.rule, " matches ",
      Counted(static_cast<std::int64_t>(decision.alerts.size()), "alert"), " (",
      AlertName(decision.alerts.front()), decision.alerts.size() > 1 ? ", ..." : "", ")");
  if (!one.WantsMore()) return text + " and records";
  absl::StrAppend(&text, " and wants to ",
                  decision.wanted == v1::ESCALATION_ACTION_START ? "start " : "propose ",
                  RunName(one.rule->run));
  if (one.targets.empty()) return text;
  const std::vector<std::string> names = one.TargetNames();
  return absl::StrCat(text, " on ", Counted(static_cast<std::int64_t>(names.size()), "host"), " (",
                      Names(names), ")");
}

std::string TakenText(const Case& one) {
  const std::string what =
      absl::StrCat(RunName(one.rule->run), " of ",
                   Counted(static_cast<std::int64_t>(one.targets.size()), "host"));
  switch (one.decision.taken) {
    case v1::ESCALATION_ACTION_START:
      return what + " starts";
    case v1::ESCALATION_ACTION_PROPOSE:
      return what + " is proposed";
    default:
      return "it is recorded and nothing is run";
  }
}

void Fill(Case* one, const std::vector<Target>& targets) {
  Decision& decision = one->decision;
  for (const Target& target : targets) decision.hosts.push_back(target.shown);
  if (decision.taken == v1::ESCALATION_ACTION_RECORD) return;
  decision.request = one->rule->run;
  for (const Target& target : targets) decision.request.add_hosts(target.host->host_id());
}

Decision DecideOne(const Situation& situation, const Group& group) {
  Case one;
  one.rule = group.rule;
  Decision& decision = one.decision;
  decision.rule = group.rule->name;
  decision.group_key = group.key;
  for (const v1::Alert* alert : group.alerts) decision.alerts.push_back(*alert);
  decision.wanted = decision.taken = group.rule->action;

  FindTargets(situation, &one);
  decision.reasons.insert(decision.reasons.begin(), WantedText(one));
  const std::vector<Target> all = one.targets;
  decision.title = TitleOf(one, one.TargetNames());
  const std::string joined = Join(situation, one, &decision);
  if (!joined.empty()) one.Note(joined);
  std::int64_t left_out = 0;
  for (const v1::Alert& alert : decision.alerts) left_out = std::max(left_out, alert.truncated());
  if (left_out > 0)
    one.Note(absl::StrCat("Alertmanager left ", Counted(left_out, "alert"),
                          " of this group out of its message (max_alerts there): more hosts may be "
                          "meant than are named here"));

  for (const auto guard :
       {LeaveWhatIsBegun, LeaveBulkMail, HeedPause, HeedOperations, HeedHistory, HeedMaxHosts,
        HeedPresence, HeedOthers, HeedQuietHours, HeedBudget, HeedAccepting}) {
    // What is left of it is nothing: no more is to be said.
    if (one.WantsMore() && one.targets.empty()) break;
    guard(situation, &one);
  }
  one.Note(TakenText(one));

  const v1::Escalation* same = OpenOf(situation, decision, false);
  if (same != nullptr && same->paged()) decision.page = false;
  Fill(&one, decision.taken == v1::ESCALATION_ACTION_RECORD ? all : one.targets);
  return std::move(one.decision);
}

}  // namespace

const Rule* RuleFor(const Rules& rules, const v1::Alert& alert) {
  for (const Rule& one : rules.rules) {
    if (std::all_of(one.match.begin(), one.match.end(),
                    [&](const Matcher& matcher) { return matcher.Matches(alert.labels()); }))
      return &one;
  }
  return nullptr;
}

std::vector<Decision> Decide(const Rules& rules,
                             const std::vector<v1::Alert>& firing,
                             const DecisionFacts& facts) {
  Situation situation(rules, facts, firing);
  for (const Group& group : Grouped(rules, firing))
    situation.earlier.push_back(DecideOne(situation, group));
  return std::move(situation.earlier);
}

}  // namespace mailquench::controller
