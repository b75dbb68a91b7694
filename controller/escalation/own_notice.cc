#include "controller/escalation/own_notice.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/identity/secrets.h"
#include "controller/escalation/label_text.h"
#include "controller/escalation/own_signals.h"

namespace mailquench::controller {
namespace {

constexpr std::size_t kMostNamed = 10;

struct Words {
  const char* kind;
  const char* of_many;  // "$": how many.
  const char* next;     // Of many.
};

const std::map<std::string, Words>& Kinds() {
  static const auto* const kinds = new std::map<std::string, Words>{
      {kListedAlert, {"listing", "$ listings on blacklists began", "mailquench delist list"}},
      {kAgentLostAlert,
       {"agent-lost", "nothing is heard of $ agents any more", "mailquench host list"}},
      {kObligationOverdueAlert,
       {"obligation-overdue", "what $ incidents changed is not put back",
        "mailquench incident list"}},
      {kSettingDriftAlert,
       {"drift", "settings of $ hosts that a change set were changed since by somebody else",
        "mailquench host list"}},
      {kRelayOpenAlert,
       {"relay-open", "$ hosts relay for strangers, as probes found", "mailquench host list"}}};
  return *kinds;
}

// What a person knows it by.
std::string NameOf(const v1::Alert& alert) {
  const std::string name = LabelOf(alert, "alertname");
  if (name == kObligationOverdueAlert) return LabelOf(alert, "incident_id");
  if (name == kListedAlert)
    return absl::StrCat(LabelOf(alert, "subject"), " (", LabelOf(alert, "list_operator"), ")");
  return LabelOf(alert, "host");
}

void TellOne(const v1::Alert& alert, v1::Notice* notice) {
  const auto text = alert.annotations().find("summary");
  if (text != alert.annotations().end()) notice->set_text(text->second);
  const std::string name = LabelOf(alert, "alertname");
  const std::string host = LabelOf(alert, "host");
  if (name == kObligationOverdueAlert) {
    notice->set_incident_id(LabelOf(alert, "incident_id"));
    notice->set_next("mailquench incident show " + notice->incident_id());
  } else if (name == kListedAlert) {
    notice->set_next("mailquench delist list");
  } else if (!host.empty()) {
    notice->set_next("mailquench host show " + host);
  }
}

void TellMany(const Words& words, const std::vector<v1::Alert>& alerts, v1::Notice* notice) {
  std::set<std::string> names;
  for (const v1::Alert& alert : alerts) names.insert(NameOf(alert));
  std::vector<std::string> named;
  for (const std::string& name : names) {
    if (named.size() < kMostNamed) named.push_back(name);
  }
  const std::size_t rest = names.size() - named.size();
  std::string text = words.of_many;
  text.replace(text.find('$'), 1, absl::StrCat(alerts.size()));
  notice->set_text(absl::StrCat(text, ": ", absl::StrJoin(named, ", "),
                                rest > 0 ? absl::StrCat(" and ", rest, " more") : ""));
  notice->set_next(words.next);
}

}  // namespace

std::string KindOfOwnNotice(const std::string& alertname) {
  const auto found = Kinds().find(alertname);
  return found == Kinds().end() ? "" : found->second.kind;
}

v1::Notice OwnNotice(const std::vector<v1::Alert>& alerts) {
  const Words& words = Kinds().at(LabelOf(alerts.front(), "alertname"));
  v1::Notice notice;
  notice.set_kind(words.kind);
  *notice.mutable_time() = alerts.front().start_time();
  std::set<std::string> keys, hosts;
  for (const v1::Alert& alert : alerts) {
    keys.insert(alert.alert_key());
    if (const std::string host = LabelOf(alert, "host"); !host.empty()) hosts.insert(host);
  }
  for (const std::string& host : hosts) notice.add_hosts(host);
  const std::string key =
      keys.size() == 1 ? *keys.begin() : identity::Sha256Hex(absl::StrJoin(keys, " "));
  notice.set_notice_id(absl::StrCat(words.kind, ":", key));
  if (alerts.size() == 1)
    TellOne(alerts.front(), &notice);
  else
    TellMany(words, alerts, &notice);
  return notice;
}

}  // namespace mailquench::controller
