// One rule of escalation.yaml.
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/operation/names.h"
#include "common/status/error.h"
#include "common/text/suggest.h"
#include "controller/escalation/label_text.h"
#include "controller/escalation/rules_reader.h"
#include "controller/runs/operation_fields.h"

namespace mailquench::controller {
namespace {

constexpr int kMostMatchersOfRule = 32;

absl::Status ReadHosts(const RulesMap& map, Rule* rule) {
  MQ_RETURN_IF_ERROR(map.Keys({"label", "selector"}));
  if (map.Has("label") == map.Has("selector"))
    return RulesFault(map.file(), map.Get(map.Has("label") ? "selector" : "label"),
                      "'hosts' has either 'label', the alert's label that names the host, or "
                      "'selector'");
  MQ_RETURN_IF_ERROR(map.Text("label", &rule->host_label));
  MQ_RETURN_IF_ERROR(map.Text("selector", &rule->selector));
  if (map.Has("label") && !WrongLabelText("${" + rule->host_label + "}").empty())
    return map.Fault("label", "is the name of a label, such as instance");
  if (!map.Has("selector")) return absl::OkStatus();
  const std::string wrong = WrongSelector(rule->selector);
  return wrong.empty() ? absl::OkStatus() : map.Fault("selector", "is wrong: " + wrong);
}

absl::Status ReadAction(const RulesMap& map, Rule* rule) {
  std::string action = "record";
  MQ_RETURN_IF_ERROR(map.Text("action", &action));
  if (action == "record") {
    rule->action = v1::ESCALATION_ACTION_RECORD;
  } else if (action == "propose") {
    rule->action = v1::ESCALATION_ACTION_PROPOSE;
  } else if (action == "start") {
    rule->action = v1::ESCALATION_ACTION_START;
  } else {
    return map.Fault("action", absl::StrCat("is record, propose or start, not '", action, "'"));
  }
  return absl::OkStatus();
}

absl::Status ReadParameters(const RulesMap& map, v1::PlanRunRequest* run) {
  const YAML::Node parameters = map.Get("parameters");
  if (!parameters.IsDefined()) return absl::OkStatus();
  if (!parameters.IsMap()) return map.Fault("parameters", "is a map of names and values");
  for (const auto& entry : parameters) {
    if (!entry.first.IsScalar() || !entry.second.IsScalar())
      return RulesFault(map.file(), entry.second, "a parameter has a name and a single value");
    if (!run->mutable_parameters()->insert({entry.first.Scalar(), entry.second.Scalar()}).second)
      return RulesFault(map.file(), entry.first, "'" + entry.first.Scalar() + "' twice");
  }
  return absl::OkStatus();
}

absl::Status ReadOperation(const RulesMap& map, v1::PlanRunRequest* run) {
  const YAML::Node node = map.Get("operation");
  if (!node.IsMap() || node.size() != 1 || !node.begin()->first.IsScalar())
    return map.Fault("operation", "is one operation with its fields, such as {queue.survey: {}}");
  const YAML::Node name = node.begin()->first, fields = node.begin()->second;
  if (!SetOperation(name.Scalar(), run->mutable_operation())) {
    const std::string near = Nearest(name.Scalar(), AllOperationNames());
    return RulesFault(map.file(), name,
                      absl::StrCat("there is no operation '", name.Scalar(), "'",
                                   near.empty() ? "" : ", but there is '" + near + "'"));
  }
  if (fields.IsNull()) return absl::OkStatus();
  absl::Status filled = FillFromYaml(fields, map.file(), run->mutable_operation());
  if (filled.ok()) return filled;
  return Error(absl::StatusCode::kInvalidArgument, "BAD_RULES",  // It names the place already.
               absl::StrCat(absl::StripSuffix(filled.message(), "; nothing was done"),
                            "; the rules were not taken"));
}

absl::Status ReadRun(const RulesMap& map, Rule* rule) {
  MQ_RETURN_IF_ERROR(map.Keys({"playbook", "parameters", "operation"}));
  if (map.Has("playbook") == map.Has("operation"))
    return RulesFault(map.file(), map.Get(map.Has("playbook") ? "operation" : "playbook"),
                      "'run' has either 'playbook' or 'operation'");
  if (map.Has("operation")) {
    if (map.Has("parameters"))
      return map.Fault("parameters", "goes with 'playbook'; an operation has its fields");
    return ReadOperation(map, &rule->run);
  }
  std::string playbook;
  MQ_RETURN_IF_ERROR(map.Text("playbook", &playbook));
  rule->run.set_playbook(playbook);
  return ReadParameters(map, &rule->run);
}

absl::Status ReadMatchers(const RulesMap& map, Rule* rule) {
  MQ_RETURN_IF_ERROR(map.Each("match", [&](const YAML::Node& node) -> absl::Status {
    if (!node.IsScalar()) return RulesFault(map.file(), node, "a matcher is a text");
    absl::StatusOr<Matcher> matcher = Matcher::Parse(node.Scalar());
    if (!matcher.ok()) return RulesFault(map.file(), node, std::string(matcher.status().message()));
    rule->match.push_back(*std::move(matcher));
    if (rule->match.size() > kMostMatchersOfRule)
      return RulesFault(map.file(), node,
                        absl::StrCat("more than ", kMostMatchersOfRule, " matchers"));
    return absl::OkStatus();
  }));
  // One that was forgotten would be a rule for everything.
  if (rule->match.empty())
    return map.Fault("match", "has at least one matcher; alertname=~\".+\" takes every alert");
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadRule(const RulesMap& map, Rule* rule) {
  MQ_RETURN_IF_ERROR(map.Keys({"name", "match", "hosts", "action", "run", "title", "max_hosts",
                               "cooldown", "verify", "retry_after", "silence"}));
  MQ_RETURN_IF_ERROR(map.Text("name", &rule->name));
  if (!IsRuleName(rule->name))
    return map.Fault("name", "is needed: 1 to 64 letters, digits, '.', '-', '_'");
  MQ_RETURN_IF_ERROR(ReadMatchers(map, rule));
  if (map.Has("hosts")) MQ_RETURN_IF_ERROR(ReadHosts(map.Map("hosts"), rule));
  MQ_RETURN_IF_ERROR(ReadAction(map, rule));
  if (map.Has("run")) MQ_RETURN_IF_ERROR(ReadRun(map.Map("run"), rule));
  if (rule->action != v1::ESCALATION_ACTION_RECORD && !map.Has("run"))
    return map.Fault("run", "is needed where 'action' is propose or start");
  MQ_RETURN_IF_ERROR(map.Text("title", &rule->title));
  const std::string wrong = WrongLabelText(rule->title);
  if (!wrong.empty()) return map.Fault("title", "is wrong: " + wrong);
  MQ_RETURN_IF_ERROR(map.Number("max_hosts", 1, 10000, &rule->max_hosts));
  MQ_RETURN_IF_ERROR(
      map.Length("cooldown", absl::ZeroDuration(), absl::Hours(24 * 30), &rule->cooldown));
  MQ_RETURN_IF_ERROR(map.Length("verify", absl::Seconds(1), absl::Hours(24), &rule->verify));
  MQ_RETURN_IF_ERROR(
      map.Length("retry_after", absl::Seconds(1), absl::Hours(24), &rule->retry_after));
  return map.Flag("silence", &rule->silence);
}

}  // namespace mailquench::controller
