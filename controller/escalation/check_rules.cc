// What is wrong with rules for this fleet and these playbooks.
#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "controller/escalation/host_index.h"
#include "controller/escalation/label_text.h"
#include "controller/escalation/rules.h"
#include "controller/fleet/selectors.h"

namespace mailquench::controller {
namespace {

class Checker {
 public:
  Checker(const Rules& rules, const std::vector<v1::Host>& hosts, const OperationsOf& operations)
      : rules_(rules), hosts_(hosts), operations_(operations) {
    for (const HostIndex::Entry& entry : hosts_.all()) {
      for (const auto& [key, value] : entry.labels) ++groups_[key][value];
    }
  }

  RuleFindings Check() {
    for (std::size_t i = 0; i < rules_.rules.size(); ++i) {
      CheckRun(rules_.rules[i]);
      CheckHosts(rules_.rules[i]);
      CheckHidden(i);
    }
    for (const TimeWindow& window : rules_.bulk_mail) {
      if (!window.selector.empty())
        CheckSelector("bulk_mail '" + window.name + "'", window.selector);
    }
    CheckKeepAccepting();
    return findings_;
  }

 private:
  void Wrong(const Rule& rule, const std::string& what) {
    findings_.errors.push_back(absl::StrCat("rule '", rule.name, "': ", what));
  }
  void Warn(const std::string& where, const std::string& what) {
    findings_.warnings.push_back(absl::StrCat(where, ": ", what));
  }

  void CheckRun(const Rule& rule) {
    if (rule.run.what_case() == v1::PlanRunRequest::WHAT_NOT_SET || !operations_) return;
    const absl::StatusOr<std::vector<v1::Operation>> operations = operations_(rule.run);
    if (!operations.ok()) return Wrong(rule, std::string(operations.status().message()));
    if (rule.action != v1::ESCALATION_ACTION_START) return;
    const absl::Status alone = MayStartAlone(*operations);
    if (!alone.ok()) Wrong(rule, std::string(alone.message()));
  }

  void CheckHosts(const Rule& rule) {
    const std::string where = absl::StrCat("rule '", rule.name, "'");
    if (rule.action != v1::ESCALATION_ACTION_RECORD && rule.host_label.empty() &&
        rule.selector.empty())
      Warn(where, "it names no hosts, so it can only record; add 'hosts'");
    if (rule.action == v1::ESCALATION_ACTION_START &&
        (rules_.budget_runs < 1 || rules_.budget_hosts < 1))
      Warn(where, "the budget lets nothing start by itself: whatever it matches is proposed");
    if (!rule.selector.empty()) CheckSelector(where, rule.selector);
  }

  // With ${label} in it, only whether there are hosts with its keys.
  void CheckSelector(const std::string& where, const std::string& text) {
    const absl::StatusOr<Selector> selector =
        Selector::Parse(ExpandLabels(text, [](const std::string&) { return "x"; }));
    if (!selector.ok()) return;  // ParseRules has refused it.
    for (const std::string& key : selector->Keys()) {
      if (groups_.count(key) == 0)
        return Warn(where, absl::StrCat("no host has the label '", key, "' of '", text, "'"));
    }
    if (!LabelsIn(text).empty()) return;
    const bool any =
        std::any_of(hosts_.all().begin(), hosts_.all().end(),
                    [&](const HostIndex::Entry& entry) { return selector->Matches(entry.labels); });
    if (!any) Warn(where, absl::StrCat("no host matches '", text, "' now"));
  }

  void CheckHidden(std::size_t number) {
    const Rule& rule = rules_.rules[number];
    for (std::size_t i = 0; i < number; ++i) {
      const Rule& above = rules_.rules[i];
      const bool hidden =
          std::all_of(above.match.begin(), above.match.end(),
                      [&](const Matcher& matcher) { return matcher.FollowsFrom(rule.match); });
      if (hidden)
        return Warn(absl::StrCat("rule '", rule.name, "'"),
                    absl::StrCat("it is never asked, because rule '", above.name,
                                 "' above it takes all that it matches; move it up"));
    }
  }

  void CheckKeepAccepting() {
    for (const KeepAccepting& keep : rules_.keep_accepting) {
      const std::string where = absl::StrCat("keep_accepting '", keep.label, "'");
      const auto groups = groups_.find(keep.label);
      if (groups == groups_.end()) {
        Warn(where, "no host has this label, so it keeps nothing");
        continue;
      }
      for (const auto& [value, count] : groups->second) {
        if (count <= keep.at_least)
          Warn(where, absl::StrCat("group '", value, "' has ", count, " host",
                                   count == 1 ? "" : "s", " and ", keep.at_least,
                                   " are to go on accepting, so nothing starts there by itself"));
      }
    }
  }

  const Rules& rules_;
  const HostIndex hosts_;
  const OperationsOf& operations_;
  std::map<std::string, std::map<std::string, int>> groups_;  // Hosts by label and value.
  RuleFindings findings_;
};

}  // namespace

RuleFindings CheckRules(const Rules& rules,
                        const std::vector<v1::Host>& hosts,
                        const OperationsOf& operations) {
  return Checker(rules, hosts, operations).Check();
}

}  // namespace mailquench::controller
