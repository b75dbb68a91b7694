#include "controller/escalation/case.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/operation/names.h"
#include "controller/escalation/label_text.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

// Something is begun or proposed, and it goes on.
bool IsWorking(const v1::Escalation& escalation) {
  switch (escalation.state()) {
    case v1::ESCALATION_STATE_PROPOSED:
    case v1::ESCALATION_STATE_STARTING:
    case v1::ESCALATION_STATE_RUNNING:
    case v1::ESCALATION_STATE_VERIFYING:
      return !escalation.has_end_time();
    default:
      return false;
  }
}

}  // namespace

void Case::Lower(v1::EscalationAction ceiling, const std::string& sentence, bool also_proposed) {
  decision.taken = std::min(decision.taken, ceiling);
  const bool proposed = also_proposed && decision.wanted == v1::ESCALATION_ACTION_PROPOSE;
  if (ceiling < decision.wanted || proposed) Note(sentence);
}

std::vector<std::string> Case::DropTargets(const std::function<bool(const Target&)>& drop) {
  std::vector<std::string> names;
  std::vector<Target> left;
  for (Target& target : targets) {
    if (drop(target)) {
      names.push_back(target.host->name());
    } else {
      left.push_back(std::move(target));
    }
  }
  targets = std::move(left);
  return names;
}

std::vector<std::string> Case::TargetNames() const {
  std::vector<std::string> names;
  for (const Target& target : targets) names.push_back(target.host->name());
  return names;
}

Situation::Situation(const Rules& all_rules,
                     const DecisionFacts& all_facts,
                     const std::vector<v1::Alert>& firing)
    : rules(all_rules),
      facts(all_facts),
      index(*all_facts.hosts),
      budget(BudgetLeft(all_rules, all_facts.escalations, all_facts.now)) {
  for (const v1::Alert& alert : firing) by_fingerprint[alert.fingerprint()];
  for (const v1::Escalation& escalation : facts.escalations) {
    if (escalation.escalation_id() == facts.retried) continue;
    for (const v1::Alert& alert : escalation.alerts()) {
      const auto asked = by_fingerprint.find(alert.fingerprint());
      if (asked != by_fingerprint.end()) asked->second.push_back(&escalation);
    }
    if (escalation.alert_count() > escalation.alerts_size()) cut.push_back(&escalation);
    if (IsWorking(escalation)) working.push_back(&escalation);
  }
}

absl::Time LastStart(const v1::Escalation& escalation, absl::Time now) {
  const bool begun = escalation.tries() > 0 || escalation.has_start_time();
  const bool about_to = escalation.taken() == v1::ESCALATION_ACTION_START && IsWorking(escalation);
  if (!begun && !about_to) return absl::InfinitePast();
  // The second try has no time of its own: it was between the first and the end.
  if (escalation.tries() > 1)
    return escalation.has_end_time() ? TimeOf(escalation.end_time()) : now;
  return TimeOf(escalation.has_start_time() ? escalation.start_time() : escalation.create_time());
}

std::string Names(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 5;
  if (names.size() <= kMost) return absl::StrJoin(names, ", ");
  return absl::StrCat(absl::StrJoin(names.begin(), names.begin() + kMost, ", "), " and ",
                      names.size() - kMost, " more");
}

std::string Counted(std::int64_t number, const std::string& noun) {
  return absl::StrCat(number, " ", noun, number == 1 ? "" : "s");
}

std::string ShortId(const std::string& id) {
  return id.substr(0, 8);
}

std::string RunName(const v1::PlanRunRequest& request) {
  if (!request.playbook().empty()) return request.playbook();
  return request.has_operation() ? OperationName(request.operation()) : "";
}

std::string Length(absl::Duration duration) {
  return absl::FormatDuration(absl::Trunc(duration, absl::Seconds(1)));
}

std::string AlertName(const v1::Alert& alert) {
  const auto name = alert.labels().find("alertname");
  return Shown(name == alert.labels().end() ? alert.fingerprint() : name->second);
}

}  // namespace mailquench::controller
