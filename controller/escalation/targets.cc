// Which hosts the alerts of a decision mean.
#include <algorithm>
#include <map>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "controller/escalation/case.h"
#include "controller/escalation/label_text.h"
#include "controller/fleet/selectors.h"

namespace mailquench::controller {
namespace {

class Finder {
 public:
  Finder(const Situation& situation, Case* one) : situation_(situation), case_(one) {}

  void Find() {
    const Rule& rule = *case_->rule;
    if (rule.host_label.empty() && rule.selector.empty()) {
      case_->Lower(v1::ESCALATION_ACTION_RECORD,
                   "the rule names no hosts, so it can only record; add 'hosts' to it");
      return;
    }
    for (std::size_t i = 0; i < case_->decision.alerts.size(); ++i) {
      const v1::Alert& alert = case_->decision.alerts[i];
      const std::string problem = rule.selector.empty() ? ByLabel(alert, i) : BySelector(alert, i);
      if (!problem.empty()) ++problems_[problem];
    }
    Select();
    Conclude();
  }

 private:
  std::string ByLabel(const v1::Alert& alert, std::size_t number) {
    const std::string& name = case_->rule->host_label;
    const std::string value = LabelOf(alert, name);
    if (value.empty()) return absl::StrCat("has no label '", name, "' that would name a host");
    const std::vector<const v1::Host*> found = situation_.index.Find(value);
    if (found.size() == 1) {
      Target& target = TargetOf(found.front());
      target.alerts[number] = true;
      Know(&target, name, value);
      return "";
    }
    if (found.empty())
      return absl::StrCat("names the host '", Shown(value), "' by '", name,
                          "', and no host of the fleet goes by that");
    std::vector<std::string> names;
    for (const v1::Host* host : found) names.push_back(host->name());
    return absl::StrCat("names the host '", Shown(value), "' by '", name,
                        "', and several go by that: ", Names(names));
  }

  std::string BySelector(const v1::Alert& alert, std::size_t number) {
    const std::string& text = case_->rule->selector;
    // A value that the selector's grammar would read on in could select more than was meant.
    for (const std::string& label : LabelsIn(text)) {
      const std::string value = LabelOf(alert, label);
      if (!IsPlainValue(value))
        return absl::StrCat("has ", label, "='", Shown(value), "', which is no plain value, so '",
                            text, "' means no host");
    }
    const std::string expanded =
        ExpandLabels(text, [&](const std::string& label) { return LabelOf(alert, label); });
    selecting_[expanded].push_back(number);
    return "";
  }

  // The alerts of a flood are alike, so each selector is asked once.
  void Select() {
    for (const auto& [text, alerts] : selecting_) {
      const absl::StatusOr<Selector> selector = Selector::Parse(text);
      bool any = false;
      for (const HostIndex::Entry& entry : situation_.index.all()) {
        // One that names nothing would be every host; ParseRules has refused it.
        if (!selector.ok() || selector->Keys().empty() || !selector->Matches(entry.labels))
          continue;
        any = true;
        for (const std::size_t number : alerts) TargetOf(entry.host).alerts[number] = true;
      }
      if (!any)
        problems_[absl::StrCat("selects '", text, "', and no host matches")] +=
            static_cast<int>(alerts.size());
    }
    // By which label monitoring knows them: for the silence.
    for (const v1::Alert& alert : case_->decision.alerts) {
      const std::string instance = LabelOf(alert, "instance");
      const std::vector<const v1::Host*> named = situation_.index.Find(instance);
      if (named.size() == 1 && found_.count(named.front()->host_id()) > 0)
        Know(&TargetOf(named.front()), "instance", instance);
    }
  }

  Target& TargetOf(const v1::Host* host) {
    const auto [entry, is_new] = found_.try_emplace(host->host_id());
    if (!is_new) return entry->second;
    entry->second.host = host;
    entry->second.alerts.resize(case_->decision.alerts.size());
    entry->second.shown.set_host_id(host->host_id());
    entry->second.shown.set_name(host->name());
    return entry->second;
  }

  static void Know(Target* target, const std::string& label, const std::string& value) {
    if (!target->shown.label_name().empty()) return;
    target->shown.set_label_name(label);
    target->shown.set_label_value(value);
  }

  void Conclude() {
    for (auto& [id, target] : found_) case_->targets.push_back(std::move(target));
    std::sort(case_->targets.begin(), case_->targets.end(), [](const Target& a, const Target& b) {
      return std::forward_as_tuple(a.shown.name(), a.shown.host_id()) <
             std::forward_as_tuple(b.shown.name(), b.shown.host_id());
    });
    constexpr std::size_t kMost = 3;
    std::size_t told = 0;
    for (const auto& [problem, count] : problems_) {
      if (++told > kMost) break;
      case_->Note(
          absl::StrCat(count == 1 ? "an alert " : absl::StrCat(count, " alerts: each "), problem));
    }
    if (problems_.size() > kMost)
      case_->Note(
          absl::StrCat(problems_.size() - kMost, " more of its alerts' names of hosts mean none"));
    if (!case_->targets.empty()) return;
    case_->Lower(v1::ESCALATION_ACTION_RECORD,
                 "so there is no host to do anything on, and it is recorded; look at the labels "
                 "of the alert and of 'mailquench host list'");
  }

  const Situation& situation_;
  Case* const case_;
  std::map<std::string, Target> found_;                        // By host id.
  std::map<std::string, int> problems_;                        // How many alerts have it.
  std::map<std::string, std::vector<std::size_t>> selecting_;  // Selector: alerts.
};

}  // namespace

void FindTargets(const Situation& situation, Case* one) {
  Finder(situation, one).Find();
}

}  // namespace mailquench::controller
