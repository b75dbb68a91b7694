#include "cli/output/escalation.h"

#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/core/duration.h"
#include "cli/core/operation_text.h"

namespace mailquench::cli {
namespace {

constexpr char kAlertName[] = "alertname";
constexpr int kHostsInATitle = 4;

std::map<std::string, std::string> Sorted(
    const google::protobuf::Map<std::string, std::string>& labels) {
  return {labels.begin(), labels.end()};
}

std::string LabelOf(const v1::Alert& alert, const char* name) {
  const auto found = alert.labels().find(name);
  return found == alert.labels().end() ? "" : found->second;
}

template <class Hosts>
std::string HostNames(const Hosts& hosts) {
  std::vector<std::string> names;
  for (const v1::EscalationHost& host : hosts) {
    if (static_cast<int>(names.size()) == kHostsInATitle && hosts.size() > kHostsInATitle + 1) {
      names.push_back(absl::StrCat("and ", hosts.size() - kHostsInATitle, " more"));
      break;
    }
    names.push_back(host.name().empty() ? host.host_id() : host.name());
  }
  return absl::StrJoin(names, ", ");
}

std::string Or(const std::string& text, const std::string& otherwise) {
  return text.empty() ? otherwise : text;
}

void SilenceRows(const v1::Silence& silence, Table* table) {
  std::string text =
      absl::StrCat(EnumWord(v1::Silence::State_Name(silence.state()), "STATE_"), " at ",
                   silence.alertmanager(), " until ", HumanTime(silence.end_time()));
  if (!silence.silence_id().empty()) absl::StrAppend(&text, ", ", silence.silence_id());
  if (!silence.error().empty())
    absl::StrAppend(&text, "; try ", silence.tries(), " failed: ", silence.error());
  table->rows.push_back({"silence", text});
}

}  // namespace

std::string WordOf(v1::EscalationState state) {
  return EnumWord(v1::EscalationState_Name(state), "ESCALATION_STATE_");
}
std::string WordOf(v1::EscalationAction action) {
  return EnumWord(v1::EscalationAction_Name(action), "ESCALATION_ACTION_");
}
std::string WordOf(v1::AlertStatus status) {
  return EnumWord(v1::AlertStatus_Name(status), "ALERT_STATUS_");
}
std::string WordOf(v1::SourceKind kind) {
  return EnumWord(v1::SourceKind_Name(kind), "SOURCE_KIND_");
}

std::string LabelText(const google::protobuf::Map<std::string, std::string>& labels) {
  std::string out;
  for (const auto& [key, value] : Sorted(labels)) {
    if (key != kAlertName) absl::StrAppend(&out, out.empty() ? "" : ", ", key, "=", value);
  }
  return out.empty() ? "" : absl::StrCat("{", out, "}");
}

std::string NameOf(const v1::Alert& alert) {
  const std::string labels = LabelText(alert.labels());
  return absl::StrCat(Or(LabelOf(alert, kAlertName), "(no name)"), labels.empty() ? "" : " ",
                      labels);
}

std::string WhatOf(const v1::PlanRunRequest& request) {
  if (request.has_operation())
    return absl::StrCat("operation ", Or(NameOf(request.operation()), "(unknown)"));
  if (request.playbook().empty()) return "nothing";
  std::vector<std::string> given;
  for (const auto& [key, value] : Sorted(request.parameters()))
    given.push_back(absl::StrCat(key, "=", value));
  return absl::StrCat("playbook ", request.playbook(),
                      given.empty() ? "" : absl::StrCat(" (", absl::StrJoin(given, ", "), ")"));
}

std::string TitleOf(const v1::Escalation& one) {
  const std::string hosts = HostNames(one.hosts());
  return absl::StrCat(WhatOf(one.request()), hosts.empty() ? "" : " on ", hosts, " (",
                      one.rule().empty()
                          ? absl::StrCat("proposed by ", Or(one.requested_by(), "a person"))
                          : absl::StrCat("rule ", one.rule()),
                      ")");
}

std::string NextStep(const v1::Escalation& one) {
  const std::string& id = one.escalation_id();
  const std::string incident =
      one.incident_id().empty()
          ? ""
          : absl::StrCat("`mailquench incident show ", one.incident_id(), "`");
  switch (one.state()) {
    case v1::ESCALATION_STATE_PROPOSED:
      return absl::StrCat("`mailquench escalation approve ", id,
                          "` or `mailquench escalation reject ", id, " --reason TEXT`, before ",
                          HumanTime(one.expire_time()));
    case v1::ESCALATION_STATE_STARTING:
      return one.has_next_try_time()
                 ? absl::StrCat("nothing: it is tried again at ", HumanTime(one.next_try_time()))
                 : "nothing: it begins now";
    case v1::ESCALATION_STATE_RUNNING:
      return one.run_ids_size() == 0
                 ? "nothing: it runs"
                 : absl::StrCat("`mailquench run watch ", one.run_ids(one.run_ids_size() - 1), "`");
    case v1::ESCALATION_STATE_VERIFYING:
      return absl::StrCat("nothing: the alerts have until ", HumanTime(one.verify_until_time()),
                          " to resolve, then a person is paged");
    case v1::ESCALATION_STATE_RESOLVED:
      return incident.empty() ? ""
                              : absl::StrCat("release and restore are a person's: ", incident,
                                             " says what is owed");
    case v1::ESCALATION_STATE_FAILED:
      return absl::StrCat(
          "a person is needed, nothing more is tried: ",
          one.run_ids_size() == 0
              ? ""
              : absl::StrCat("`mailquench run show ", one.run_ids(one.run_ids_size() - 1), "`",
                             incident.empty() ? "" : ", "),
          one.run_ids_size() == 0 && incident.empty() ? "look at its hosts" : incident);
    case v1::ESCALATION_STATE_REJECTED:
    case v1::ESCALATION_STATE_EXPIRED:
      return "where it is wanted after all: `mailquench escalation propose PLAYBOOK ...`";
    default:
      return "";
  }
}

Table EscalationsTable(const v1::ListEscalationsResponse& all, bool wide) {
  Table table{{"ESCALATION", "STATE", "RULE", "WHAT", "ALERTS", "HOSTS", "SINCE"}, {}};
  if (wide) {
    for (const char* more : {"SOURCE", "WANTED", "TAKEN", "INCIDENT", "RUNS", "BY", "EXPIRES"})
      table.header.emplace_back(more);
  }
  for (const v1::Escalation& one : all.escalations()) {
    table.rows.push_back({one.escalation_id(), WordOf(one.state()), Or(one.rule(), "-"),
                          WhatOf(one.request()),
                          absl::StrCat(one.firing_count(), "/", one.alert_count()),
                          Or(HostNames(one.hosts()), "-"), HumanTime(one.create_time())});
    if (!wide) continue;
    auto& row = table.rows.back();
    row.insert(row.end(), {Or(one.source(), "-"), WordOf(one.wanted()), WordOf(one.taken()),
                           Or(one.incident_id(), "-"), Or(absl::StrJoin(one.run_ids(), ","), "-"),
                           Or(one.requested_by(), "-"), HumanTime(one.expire_time())});
  }
  return table;
}

Table StoryTable(const v1::Escalation& one) {
  Table table;
  const auto add = [&table](const std::string& name, const std::string& text) {
    if (!text.empty()) table.rows.push_back({name, text});
  };
  add("escalation", one.escalation_id());
  add("state", absl::StrCat(WordOf(one.state()), one.paged() ? ", a person was paged" : ""));
  add("rule", one.rule().empty() ? "none: a person proposed it" : one.rule());
  add("source", one.source());
  add("wanted", WordOf(one.wanted()));
  add("allowed", WordOf(one.taken()));
  for (const std::string& reason : one.reasons()) add("because", reason);
  for (const v1::Alert& alert : one.alerts()) {
    add("alert", absl::StrCat(WordOf(alert.status()), " since ", HumanTime(alert.start_time()),
                              ": ", NameOf(alert)));
  }
  if (one.alert_count() > one.alerts_size())
    add("alert", absl::StrCat("and ", one.alert_count() - one.alerts_size(), " more"));
  for (const v1::EscalationHost& host : one.hosts()) {
    add("host", absl::StrCat(Or(host.name(), host.host_id()),
                             host.label_name().empty() ? ""
                                                       : absl::StrCat(" (", host.label_name(), "=",
                                                                      host.label_value(), ")")));
  }
  add("runs", WhatOf(one.request()));
  add("incident", one.incident_id());
  add("created", absl::StrCat(HumanTime(one.create_time()),
                              one.requested_by().empty() ? "" : " by ", one.requested_by()));
  add("approved by", one.approved_by());
  if (one.has_start_time()) add("started", HumanTime(one.start_time()));
  for (const std::string& run : one.run_ids()) add("run", run);
  if (one.has_silence()) SilenceRows(one.silence(), &table);
  if (one.has_end_time()) add("ended", HumanTime(one.end_time()));
  for (const auto& entry : one.timeline())
    add(HumanTime(entry.time()), absl::StrCat(entry.actor(), ": ", entry.text()));
  add("next", NextStep(one));
  return table;
}

Table AlertsTable(const v1::ListAlertsResponse& all, bool wide) {
  Table table{
      {"NUMBER", "RECEIVED", "STATUS", "SOURCE", "ESCALATION", "ALERT", "WHAT BECAME OF IT"}, {}};
  if (wide) table.header.insert(table.header.end() - 1, {"FINGERPRINT", "BEGAN"});
  for (const v1::AlertRecord& one : all.alerts()) {
    std::vector<std::string> row = {
        std::to_string(one.sequence()), HumanTime(one.alert().receive_time()),
        WordOf(one.alert().status()),   one.alert().source(),
        Or(one.escalation_id(), "-"),   NameOf(one.alert())};
    if (wide) {
      row.push_back(Or(one.alert().fingerprint(), "-"));
      row.push_back(HumanTime(one.alert().start_time()));
    }
    row.push_back(one.done() ? Or(one.note(), "-") : "waits for its turn");
    table.rows.push_back(row);
  }
  return table;
}

Table DecisionsTable(const v1::TestAlertsResponse& tested) {
  Table table;
  const auto add = [&table](const std::string& name, const std::string& text) {
    if (!text.empty()) table.rows.push_back({name, text});
  };
  for (const v1::TestedDecision& one : tested.decisions()) {
    const std::string hosts = HostNames(one.hosts());
    add(absl::StrCat("rule ", Or(one.rule(), "(none)")),
        absl::StrCat("would ", WordOf(one.taken()), ": ", WhatOf(one.request()),
                     hosts.empty() ? "" : " on ", hosts, " (", one.alert_count(),
                     one.alert_count() == 1 ? " alert)" : " alerts)"));
    if (one.wanted() != one.taken())
      add("", absl::StrCat("the rule wants ", WordOf(one.wanted()), ", and the guards leave ",
                           WordOf(one.taken())));
    for (const std::string& reason : one.reasons()) add("", reason);
    if (!one.joins().empty()) add("", absl::StrCat("it would join ", one.joins()));
  }
  for (const std::string& one : tested.unmatched()) add("no rule", one);
  if (tested.paused()) add("paused", "nothing starts by itself; what would is proposed");
  return table;
}

}  // namespace mailquench::cli
