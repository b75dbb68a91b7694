// The whole of escalation.yaml.
#include "controller/escalation/rules.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "common/yaml/strict.h"
#include "controller/escalation/rules_reader.h"

namespace mailquench::controller {
namespace {

// The largest sensible file is far below. Matchers and rules are limited too, so that aliases
// cannot multiply what is compiled.
constexpr std::size_t kMostBytes = std::size_t{256} * 1024;
constexpr std::size_t kMostRules = 500;
constexpr std::size_t kMostMatchers = 2000;
constexpr std::size_t kMostWindows = 200;

absl::Status ReadRules(const RulesMap& root, Rules* rules) {
  std::set<std::string> names;
  std::size_t matchers = 0;
  return root.Each("rules", [&](const YAML::Node& node) -> absl::Status {
    Rule rule;
    MQ_RETURN_IF_ERROR(ReadRule(RulesMap(root.file(), node), &rule));
    if (!names.insert(rule.name).second)
      return RulesFault(root.file(), node, "there is another rule '" + rule.name + "'");
    matchers += rule.match.size();
    rules->rules.push_back(std::move(rule));
    if (names.size() > kMostRules || matchers > kMostMatchers)
      return RulesFault(
          root.file(), node,
          absl::StrCat("more than ", kMostRules, " rules or ", kMostMatchers, " matchers"));
    return absl::OkStatus();
  });
}

absl::Status ReadWindows(const RulesMap& root,
                         const std::string& key,
                         bool with_hosts,
                         std::vector<TimeWindow>* windows) {
  std::set<std::string> names;
  return root.Each(key, [&](const YAML::Node& node) -> absl::Status {
    TimeWindow window;
    MQ_RETURN_IF_ERROR(ReadWindow(RulesMap(root.file(), node), with_hosts, &window));
    if (!names.insert(window.name).second || names.size() > kMostWindows)
      return RulesFault(
          root.file(), node,
          absl::StrCat("'", window.name, "' is there already, or one of more than ", kMostWindows));
    windows->push_back(std::move(window));
    return absl::OkStatus();
  });
}

absl::Status ReadKeepAccepting(const RulesMap& root, Rules* rules) {
  return root.Each("keep_accepting", [&](const YAML::Node& node) -> absl::Status {
    const RulesMap map(root.file(), node);
    MQ_RETURN_IF_ERROR(map.Keys({"group", "at_least"}));
    KeepAccepting keep;
    MQ_RETURN_IF_ERROR(map.Text("group", &keep.label));
    if (keep.label.empty())
      return map.Fault("group", "is needed: the label whose value is a group");
    MQ_RETURN_IF_ERROR(map.Number("at_least", 1, 10000, &keep.at_least));
    const bool twice =
        std::any_of(rules->keep_accepting.begin(), rules->keep_accepting.end(),
                    [&](const KeepAccepting& other) { return other.label == keep.label; });
    if (twice) return map.Fault("group", "'" + keep.label + "' twice");
    rules->keep_accepting.push_back(std::move(keep));
    return absl::OkStatus();
  });
}

absl::Status ReadOwnWatch(const RulesMap& map, OwnWatchRules* own) {
  MQ_RETURN_IF_ERROR(map.Keys({"enabled", "queue", "agent_lost", "obligation_overdue"}));
  MQ_RETURN_IF_ERROR(map.Flag("enabled", &own->enabled));
  MQ_RETURN_IF_ERROR(
      map.Length("agent_lost", absl::Seconds(30), absl::Hours(24 * 30), &own->agent_lost));
  MQ_RETURN_IF_ERROR(map.Length("obligation_overdue", absl::Minutes(1), absl::Hours(24 * 365),
                                &own->obligation_overdue));
  if (!map.Has("queue")) return absl::OkStatus();
  const RulesMap queue = map.Map("queue");
  MQ_RETURN_IF_ERROR(queue.Keys({"above", "growth_per_minute", "for"}));
  MQ_RETURN_IF_ERROR(queue.Number("above", std::int64_t{0}, &own->queue_above));
  MQ_RETURN_IF_ERROR(queue.Number("growth_per_minute", 0.0, &own->queue_growth));
  return queue.Length("for", absl::ZeroDuration(), absl::Hours(24), &own->queue_for);
}

absl::Status ReadGuards(const RulesMap& root, Rules* rules) {
  if (root.Has("budget")) {
    const RulesMap map = root.Map("budget");
    MQ_RETURN_IF_ERROR(map.Keys({"runs", "hosts", "per"}));
    MQ_RETURN_IF_ERROR(map.Number("runs", 0, 100000, &rules->budget_runs));
    MQ_RETURN_IF_ERROR(map.Number("hosts", 0, 1000000, &rules->budget_hosts));
    MQ_RETURN_IF_ERROR(
        map.Length("per", absl::Minutes(1), absl::Hours(24 * 30), &rules->budget_per));
  }
  if (root.Has("flap")) {
    const RulesMap map = root.Map("flap");
    MQ_RETURN_IF_ERROR(map.Keys({"changes", "within"}));
    MQ_RETURN_IF_ERROR(map.Number("changes", 2, 10000, &rules->flap_changes));
    MQ_RETURN_IF_ERROR(
        map.Length("within", absl::Minutes(1), absl::Hours(24 * 7), &rules->flap_within));
  }
  if (root.Has("approval")) {
    const RulesMap map = root.Map("approval");
    MQ_RETURN_IF_ERROR(map.Keys({"expires", "other_person"}));
    MQ_RETURN_IF_ERROR(
        map.Length("expires", absl::Minutes(1), absl::Hours(24 * 7), &rules->approval_expires));
    MQ_RETURN_IF_ERROR(map.Flag("other_person", &rules->other_person));
  }
  MQ_RETURN_IF_ERROR(ReadKeepAccepting(root, rules));
  MQ_RETURN_IF_ERROR(ReadWindows(root, "quiet_hours", false, &rules->quiet_hours));
  return ReadWindows(root, "bulk_mail", true, &rules->bulk_mail);
}

absl::Status Read(const YAML::Node& document, Rules* rules) {
  MQ_RETURN_IF_ERROR(yaml::Bounded(kRules, document, rules->file));
  const RulesMap root(rules->file, document);
  MQ_RETURN_IF_ERROR(
      root.Keys({"rules", "budget", "flap", "keep_accepting", "quiet_hours", "bulk_mail",
                 "approval", "own_watch", "notifications", "alertmanagers"}));
  MQ_RETURN_IF_ERROR(ReadRules(root, rules));
  MQ_RETURN_IF_ERROR(ReadGuards(root, rules));
  if (!root.Has("own_watch")) return absl::OkStatus();
  return ReadOwnWatch(root.Map("own_watch"), &rules->own);
}

}  // namespace

absl::Duration Rules::Memory() const {
  absl::Duration longest = std::max(budget_per, flap_within);
  for (const Rule& rule : rules) longest = std::max(longest, rule.cooldown);
  return longest;
}

absl::StatusOr<Rules> ParseRules(const std::string& file, const std::string& text) {
  Rules rules;
  rules.file = file;
  rules.text = text;
  if (text.size() > kMostBytes)
    return yaml::Fault(kRules, file, YAML::Mark(), "larger than 256 KiB");
  try {  // yaml-cpp throws.
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.size() > 1)
      return RulesFault(file, documents[1], "a second document, which nobody would read");
    if (documents.empty() || documents[0].IsNull()) return rules;
    MQ_RETURN_IF_ERROR(Read(documents[0], &rules));
    return rules;
  } catch (const YAML::Exception& e) {
    return yaml::Fault(kRules, file, e.mark, e.msg);
  }
}

}  // namespace mailquench::controller
