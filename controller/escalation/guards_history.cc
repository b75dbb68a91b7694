// Guards of what was: begun already, just done, failed, or an alert that comes and goes. Each alert
// is asked about by itself, so that one of them does not keep the hosts of others waiting.
#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "controller/escalation/case.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

std::string StateWord(const v1::Escalation& escalation) {
  switch (escalation.state()) {
    case v1::ESCALATION_STATE_PROPOSED:
      return "waits for a person";
    case v1::ESCALATION_STATE_STARTING:
      return "is about to start";
    case v1::ESCALATION_STATE_RUNNING:
      return "is running";
    default:
      return "waits for its alerts to resolve";
  }
}

// Escalations that had this alert, as far as that is known: of more than 100 alerts only 100 are
// kept, and then the rule's hosts tell.
std::vector<const v1::Escalation*> Past(const Situation& situation,
                                        const Case& one,
                                        std::size_t number) {
  std::vector<const v1::Escalation*> past;
  const auto known = situation.by_fingerprint.find(one.decision.alerts[number].fingerprint());
  if (known != situation.by_fingerprint.end()) past = known->second;
  for (const v1::Escalation* escalation : situation.cut) {
    if (escalation->rule() != one.rule->name) continue;
    const bool shares =
        std::any_of(one.targets.begin(), one.targets.end(), [&](const Target& target) {
          return target.alerts[number] &&
                 std::any_of(escalation->hosts().begin(), escalation->hosts().end(),
                             [&](const v1::EscalationHost& host) {
                               return host.host_id() == target.host->host_id();
                             });
        });
    if (shares) past.push_back(escalation);
  }
  return past;
}

// Of one alert: what stands against it, "" for nothing. May ask for a person.
using Question = std::function<std::string(std::size_t number)>;

// Leaves out the hosts of which every alert is answered so; where none is left, it is recorded.
// True: some alert was.
bool LeaveAlerts(const Question& question, Case* one) {
  std::vector<bool> against(one->decision.alerts.size());
  std::map<std::string, std::vector<std::string>> told;  // Why: names of alerts.
  for (std::size_t i = 0; i < against.size(); ++i) {
    const std::string why = question(i);
    if (why.empty()) continue;
    against[i] = true;
    told[why].push_back(AlertName(one->decision.alerts[i]));
  }
  if (told.empty()) return false;
  const std::vector<std::string> names = one->DropTargets([&](const Target& target) {
    for (std::size_t i = 0; i < against.size(); ++i) {
      if (target.alerts[i] && !against[i]) return false;
    }
    return true;
  });
  for (auto& [why, alerts] : told) {
    alerts.erase(std::unique(alerts.begin(), alerts.end()), alerts.end());
    one->Note(absl::StrCat(Names(alerts), names.empty() ? "" : " of " + Names(names), " ", why));
  }
  if (one->targets.empty()) one->decision.taken = kRecord;
  return true;
}

}  // namespace

void LeaveWhatIsBegun(const Situation& situation, Case* one) {
  if (!one->WantsMore() || one->targets.empty()) return;
  for (const v1::Escalation* escalation : situation.working) {
    if (escalation->rule() != one->rule->name || escalation->taken() <= kRecord) continue;
    const std::vector<std::string> names = one->DropTargets([&](const Target& target) {
      return std::any_of(
          escalation->hosts().begin(), escalation->hosts().end(),
          [&](const v1::EscalationHost& host) { return host.host_id() == target.host->host_id(); });
    });
    if (!names.empty())
      one->Note(absl::StrCat(Names(names), names.size() == 1 ? " is" : " are", " in escalation ",
                             ShortId(escalation->escalation_id()), " of this rule already, which ",
                             StateWord(*escalation), ": nothing more is begun there"));
    if (one->targets.empty() || escalation->state() != v1::ESCALATION_STATE_PROPOSED ||
        escalation->group_key() != one->decision.group_key)
      continue;
    one->Lower(v1::ESCALATION_ACTION_PROPOSE,
               absl::StrCat("escalation ", ShortId(escalation->escalation_id()),
                            " of the same alerts' group waits for a person, so ",
                            Names(one->TargetNames()), " ", one->targets.size() == 1 ? "is" : "are",
                            " proposed beside it"));
  }
  for (const Decision& earlier : situation.earlier) {
    if (earlier.rule != one->rule->name || earlier.taken <= kRecord) continue;
    const std::vector<std::string> names = one->DropTargets([&](const Target& target) {
      return std::any_of(
          earlier.hosts.begin(), earlier.hosts.end(),
          [&](const v1::EscalationHost& host) { return host.host_id() == target.host->host_id(); });
    });
    if (!names.empty())
      one->Note(absl::StrCat("another group of alerts of this rule has just begun with ",
                             Names(names), ": nothing more is begun there"));
  }
  if (one->targets.empty()) one->decision.taken = kRecord;
}

void HeedHistory(const Situation& situation, Case* one) {
  if (!one->WantsMore() || one->targets.empty()) return;
  const DecisionFacts& facts = situation.facts;
  const Rules& rules = situation.rules;
  const absl::Duration cooldown = one->rule->cooldown;
  LeaveAlerts(
      [&](std::size_t number) -> std::string {
        for (const v1::Escalation* escalation : Past(situation, *one, number)) {
          const absl::Time start = LastStart(*escalation, facts.now);
          if (facts.now - start >= cooldown) continue;
          return absl::StrCat(
              "was answered ", Length(facts.now - start), " ago by escalation ",
              ShortId(escalation->escalation_id()), ", within the cool-down of ", Length(cooldown),
              ": it is recorded only; look at why it is back, or start it yourself");
        }
        return "";
      },
      one);
  // A sender decides what is the same alert. Whatever it says, a host is not worked on again and
  // again by itself.
  std::vector<std::string> just_done;
  for (const Target& target : one->targets) {
    for (const v1::Escalation& escalation : facts.escalations) {
      if (escalation.rule() != one->rule->name || escalation.escalation_id() == facts.retried ||
          facts.now - LastStart(escalation, facts.now) >= cooldown ||
          std::none_of(escalation.hosts().begin(), escalation.hosts().end(),
                       [&](const v1::EscalationHost& host) {
                         return host.host_id() == target.host->host_id();
                       }))
        continue;
      just_done.push_back(target.host->name());
      break;
    }
  }
  if (!just_done.empty())
    one->Lower(v1::ESCALATION_ACTION_PROPOSE,
               absl::StrCat(Names(just_done), just_done.size() == 1 ? " was" : " were",
                            " worked on by this rule for another alert within the cool-down of ",
                            Length(cooldown), "; a person approves it"));
  const bool flapping = LeaveAlerts(
      [&](std::size_t number) -> std::string {
        const auto changes = facts.changes.find(one->decision.alerts[number].fingerprint());
        if (changes == facts.changes.end()) return "";
        const auto recent =
            std::count_if(changes->second.begin(), changes->second.end(), [&](absl::Time change) {
              return facts.now - change <= rules.flap_within;  // Also by a clock that is ahead.
            });
        if (recent < rules.flap_changes) return "";
        return absl::StrCat("flaps, with ", recent, " changes within ", Length(rules.flap_within),
                            " where ", rules.flap_changes,
                            " are too many: it is recorded only, and a person looks at the cause");
      },
      one);
  const bool failed = LeaveAlerts(
      [&](std::size_t number) -> std::string {
        for (const v1::Escalation* escalation : Past(situation, *one, number)) {
          if (escalation->rule() != one->rule->name ||
              escalation->state() != v1::ESCALATION_STATE_FAILED ||
              facts.now - TimeOf(escalation->end_time()) > rules.Memory())
            continue;
          return absl::StrCat("is back after escalation ", ShortId(escalation->escalation_id()),
                              " failed: nothing more is tried, and a person takes over");
        }
        return "";
      },
      one);
  one->decision.page = one->decision.page || flapping || failed;
}

}  // namespace mailquench::controller
