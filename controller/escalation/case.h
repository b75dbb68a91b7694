// One decision in the making, and what the guards look at.
#ifndef MAILQUENCH_CONTROLLER_ESCALATION_CASE_H_
#define MAILQUENCH_CONTROLLER_ESCALATION_CASE_H_

#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/time/time.h"
#include "controller/escalation/decide.h"
#include "controller/escalation/host_index.h"

namespace mailquench::controller {

// What a guard lowers to.
inline constexpr auto kRecord = v1::ESCALATION_ACTION_RECORD;
inline constexpr auto kPropose = v1::ESCALATION_ACTION_PROPOSE;

// A host on which something would be done.
struct Target {
  const v1::Host* host = nullptr;
  v1::EscalationHost shown;
  std::vector<bool> alerts;  // Which of the decision's mean it, by their place there.
};

struct Case {
  const Rule* rule = nullptr;
  Decision decision;
  std::vector<Target> targets;  // By name.
  bool observes = false;        // Its operations only look.

  // Not more than `ceiling`, because of what the sentence says. It is said where that is less than
  // the rule wanted; with `also_proposed` to whoever reads a proposal, too.
  void Lower(v1::EscalationAction ceiling, const std::string& sentence, bool also_proposed = false);
  void Note(const std::string& sentence) { decision.reasons.push_back(sentence); }
  bool WantsMore() const { return decision.wanted > v1::ESCALATION_ACTION_RECORD; }
  // Removes the targets of which `drop` says so; their names.
  std::vector<std::string> DropTargets(const std::function<bool(const Target&)>& drop);
  std::vector<std::string> TargetNames() const;
};

// The facts, sorted for the questions, and the decisions of this call so far.
struct Situation {
  Situation(const Rules& all_rules,
            const DecisionFacts& all_facts,
            const std::vector<v1::Alert>& firing);

  const Rules& rules;
  const DecisionFacts& facts;
  const HostIndex index;
  // Escalations that had an alert which fires now, by its fingerprint.
  std::unordered_map<std::string, std::vector<const v1::Escalation*>> by_fingerprint;
  std::vector<const v1::Escalation*> cut;      // That have more alerts than they name.
  std::vector<const v1::Escalation*> working;  // Open, and begun or proposed.
  const Budget budget;                         // Left before this call.
  std::vector<Decision> earlier;
};

// Which hosts its alerts mean (targets.cc).
void FindTargets(const Situation& situation, Case* one);

// Guards, in the order in which they are asked. Each only lowers what is done.
void LeaveWhatIsBegun(const Situation& situation, Case* one);  // In an open escalation of the rule.
void LeaveBulkMail(const Situation& situation, Case* one);
void HeedPause(const Situation& situation, Case* one);
void HeedOperations(const Situation& situation, Case* one);
void HeedHistory(const Situation& situation, Case* one);  // Cool-down, flapping, failures.
void HeedMaxHosts(const Situation& situation, Case* one);
void HeedPresence(const Situation& situation, Case* one);
void HeedOthers(const Situation& situation, Case* one);  // Other runs and other rules.
void HeedQuietHours(const Situation& situation, Case* one);
void HeedBudget(const Situation& situation, Case* one);
void HeedAccepting(const Situation& situation, Case* one);

// None of them changes anything.
bool OnlyObserves(const std::vector<v1::Operation>& operations);
// When its last run may have begun; InfinitePast: none has.
absl::Time LastStart(const v1::Escalation& escalation, absl::Time now);
// "mx1, mx2 and 3 more".
std::string Names(const std::vector<std::string>& names);
std::string Counted(std::int64_t number, const std::string& noun);  // "1 host", "2 hosts"
std::string ShortId(const std::string& id);
std::string RunName(const v1::PlanRunRequest& request);  // Of the playbook or operation.
std::string Length(absl::Duration duration);             // "1h", "12m", to the second.
std::string AlertName(const v1::Alert& alert);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_ESCALATION_CASE_H_
