// escalation.yaml, read strictly.
#include "controller/escalation/rules.h"

#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "gmock/gmock.h"

namespace mailquench::controller {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

TEST(Rules, AllKeys) {
  const absl::StatusOr<Rules> rules = ParseRules("e.yaml", R"(
rules:
  - name: flood
    match: ['alertname="MailQueueFlood"', 'severity=~"critical|page"']
    hosts: {label: instance}
    action: start
    run: {playbook: contain, parameters: {mode: closed, samples: 3}}
    title: 'Flood on ${instance}'
    max_hosts: 3
    cooldown: 90m
    verify: 20m
    retry_after: 1m
    silence: false
  - name: look
    match: [alertname=MailSlow]
    hosts: {selector: 'role=edge,site=${site}'}
    action: propose
    run: {operation: {queue.watch: {samples: 7, interval: 3s}}}
  - name: rest
    match: ['alertname=~".+"']
budget: {runs: 2, hosts: 9, per: 2h}
flap: {changes: 6, within: 20m}
keep_accepting: [{group: mx, at_least: 2}]
quiet_hours:
  - {name: night, days: [mon, wed:fri], from: '22:00', to: '06:00', time_zone: Europe/Berlin}
bulk_mail:
  - {name: news, hosts: 'role=bulk', begin: '2026-03-01T08:00:00+01:00', end: '2026-03-01T09:00:00+01:00'}
  - {name: weekend, days: [Saturday, sun]}
approval: {expires: 10m, other_person: false}
own_watch: {enabled: false, queue: {above: 5, growth_per_minute: 1.5, for: 1m}, agent_lost: 1m, obligation_overdue: 1d}
notifications: {anything: [goes]}
alertmanagers: null
)");
  ASSERT_TRUE(rules.ok()) << rules.status();
  ASSERT_EQ(rules->rules.size(), 3U);
  const Rule& flood = rules->rules[0];
  EXPECT_EQ(flood.name, "flood");
  ASSERT_EQ(flood.match.size(), 2U);
  EXPECT_EQ(flood.match[1].text(), "severity=~\"critical|page\"");
  EXPECT_EQ(flood.host_label, "instance");
  EXPECT_EQ(flood.action, v1::ESCALATION_ACTION_START);
  EXPECT_EQ(flood.run.playbook(), "contain");
  EXPECT_EQ(flood.run.parameters().at("samples"), "3");
  EXPECT_EQ(flood.title, "Flood on ${instance}");
  EXPECT_EQ(flood.max_hosts, 3);
  EXPECT_EQ(flood.cooldown, absl::Minutes(90));
  EXPECT_EQ(flood.verify, absl::Minutes(20));
  EXPECT_EQ(flood.retry_after, absl::Minutes(1));
  EXPECT_FALSE(flood.silence);
  const Rule& look = rules->rules[1];
  EXPECT_EQ(look.selector, "role=edge,site=${site}");
  EXPECT_EQ(look.run.operation().queue_watch().samples(), 7);
  EXPECT_EQ(look.run.operation().queue_watch().interval().seconds(), 3);
  EXPECT_TRUE(look.silence);
  EXPECT_EQ(rules->rules[2].action, v1::ESCALATION_ACTION_RECORD);
  EXPECT_EQ(rules->budget_runs, 2);
  EXPECT_EQ(rules->budget_hosts, 9);
  EXPECT_EQ(rules->budget_per, absl::Hours(2));
  EXPECT_EQ(rules->flap_changes, 6);
  EXPECT_EQ(rules->flap_within, absl::Minutes(20));
  ASSERT_EQ(rules->keep_accepting.size(), 1U);
  EXPECT_EQ(rules->keep_accepting[0].at_least, 2);
  ASSERT_EQ(rules->quiet_hours.size(), 1U);
  EXPECT_THAT(rules->quiet_hours[0].days, ElementsAre(1, 3, 4, 5));
  EXPECT_EQ(rules->quiet_hours[0].from_minute, 22 * 60);
  EXPECT_EQ(rules->quiet_hours[0].zone.name(), "Europe/Berlin");
  ASSERT_EQ(rules->bulk_mail.size(), 2U);
  EXPECT_TRUE(rules->bulk_mail[0].once);
  EXPECT_EQ(rules->bulk_mail[0].selector, "role=bulk");
  EXPECT_THAT(rules->bulk_mail[1].days, ElementsAre(6, 7));
  EXPECT_EQ(rules->approval_expires, absl::Minutes(10));
  EXPECT_FALSE(rules->other_person);
  EXPECT_FALSE(rules->own.enabled);
  EXPECT_EQ(rules->own.queue_above, 5);
  EXPECT_EQ(rules->own.queue_growth, 1.5);
  EXPECT_EQ(rules->own.queue_for, absl::Minutes(1));
  EXPECT_EQ(rules->own.agent_lost, absl::Minutes(1));
  EXPECT_EQ(rules->own.obligation_overdue, absl::Hours(24));
  EXPECT_EQ(rules->Memory(), absl::Hours(2));
}

TEST(Rules, NothingConfiguredStartsNothing) {
  for (const char* text :
       {"", "# only a comment\n", "---\n", "rules:\n", "rules: []\nbudget: {runs: 9}\n"}) {
    const absl::StatusOr<Rules> rules = ParseRules("e.yaml", text);
    ASSERT_TRUE(rules.ok()) << text << rules.status();
    EXPECT_TRUE(rules->rules.empty());
    EXPECT_TRUE(rules->other_person);
  }
}

// A rule of the least that is allowed, with `more` in it.
std::string WithRule(const std::string& more) {
  return absl::StrCat("rules:\n- {name: a, match: [x=y]", more, "}\n");
}

TEST(Rules, Faults) {
  const struct {
    std::string text;
    const char* begins;
    const char* says;
  } kCases[] = {
      {"ruels: []\n", "e.yaml:1:1: ", "unknown key 'ruels'"},
      {"rules: []\nrules: []\n", "e.yaml:2:1: ", "'rules' twice"},
      {"- a\n", "e.yaml:1:1: ", "a map is wanted"},
      {"rules: {}\n", "e.yaml:1:8: ", "is a list"},
      {"rules: [a]\n", "e.yaml:1:9: ", "a map is wanted"},
      {"rules:\n- {name: a}\n", "e.yaml:2:3: ", "at least one matcher"},
      {"rules:\n- {name: a, match: []}\n", "e.yaml:2:20: ", "at least one matcher"},
      {"rules:\n- {match: [x=y]}\n", "e.yaml:2:3: ", "'name' is needed"},
      {"rules:\n- {name: 'a b', match: [x=y]}\n", "e.yaml:2:10: ", "'name' is needed"},
      {"rules:\n- {name: a, match: [x]}\n", "e.yaml:2:21: ", "is missing behind the label"},
      {"rules:\n- {name: a, match: [[x]]}\n", "e.yaml:2:21: ", "a matcher is a text"},
      {"rules:\n- {name: a, match: [x=y]}\n- {name: a, match: [x=y]}\n",
       "e.yaml:3:3: ", "another rule 'a'"},
      {WithRule(", action: begin"), "e.yaml:2:35: ", "record, propose or start"},
      {WithRule(", action: start"), "e.yaml:2:3: ", "'run' is needed"},
      {WithRule(", hosts: {}"), "e.yaml:", "either 'label'"},
      {WithRule(", hosts: {label: a, selector: b}"), "e.yaml:", "either 'label'"},
      {WithRule(", hosts: {label: 'a b'}"), "e.yaml:", "name of a label"},
      {WithRule(", hosts: {selector: ''}"), "e.yaml:", "text of 1 to"},
      {WithRule(", hosts: {selector: ' '}"), "e.yaml:", "would be every host"},
      {WithRule(", hosts: {selector: 'site=('}"), "e.yaml:", "wrong at column"},
      {WithRule(", hosts: {selector: 'site=${site'}"), "e.yaml:", "has no '}'"},
      {WithRule(", hosts: {selector: 'site=${a b}'}"), "e.yaml:", "names no label"},
      {WithRule(", hosts: {selector: '${key}=a'}"), "e.yaml:", "is no value that hosts must have"},
      {WithRule(", hosts: {selector: 'role=a,${key}'}"), "e.yaml:", "no value that hosts must"},
      {WithRule(", hosts: {selector: '!${key}'}"), "e.yaml:", "no value that hosts must have"},
      {WithRule(", hosts: {selector: 'site!=${site}'}"), "e.yaml:", "no value that hosts must"},
      {WithRule(", hosts: {selector: 'site notin (a,${site})'}"), "e.yaml:", "no value that hosts"},
      {WithRule(", title: '${'"), "e.yaml:2:34: ", "'title' is wrong"},
      {WithRule(", run: {}"), "e.yaml:", "either 'playbook' or 'operation'"},
      {WithRule(", run: {playbook: a, operation: {queue.survey: {}}}"), "e.yaml:", "either"},
      {WithRule(", run: {operation: {queue.survy: {}}}"),
       "e.yaml:2:45: ", "no operation 'queue.survy', but there is 'queue.survey'; the"},
      {WithRule(", run: {operation: {queue.watch: {sample: 3}}}"),
       "e.yaml:2:59: ", "no 'sample' in QueueWatch; the rules were not taken"},
      {WithRule(", run: {operation: queue.survey}"), "e.yaml:", "is one operation"},
      {WithRule(", run: {operation: {queue.survey: {}, queue.watch: {}}}"), "e.yaml:", "is one op"},
      {WithRule(", run: {operation: {queue.survey: {}}, parameters: {a: b}}"),
       "e.yaml:", "goes with 'playbook'"},
      {WithRule(", run: {playbook: a, parameters: {a: b, a: c}}"), "e.yaml:", "'a' twice"},
      {WithRule(", run: {playbook: a, parameters: {a: [b]}}"), "e.yaml:", "a single value"},
      {WithRule(", max_hosts: 0"), "e.yaml:2:38: ", "whole number from 1"},
      {WithRule(", max_hosts: many"), "e.yaml:", "whole number"},
      {WithRule(", cooldown: 5"), "e.yaml:2:37: ", "is a length of time from 0 to 720h"},
      {WithRule(", cooldown: -5m"), "e.yaml:", "length of time"},
      {WithRule(", cooldown: [5m]"), "e.yaml:", "length of time"},
      {WithRule(", verify: 0"), "e.yaml:", "length of time"},
      {WithRule(", silence: perhaps"), "e.yaml:2:36: ", "true or false"},
      {WithRule(", silence: ~"), "e.yaml:", "true or false"},
      {"budget: 3\n", "e.yaml:1:9: ", "a map is wanted"},
      {"budget: {runs: -1}\n", "e.yaml:1:16: ", "whole number from 0"},
      {"budget: {run: 1}\n", "e.yaml:1:10: ", "unknown key 'run'"},
      {"budget: {runs: 99999999999999999999}\n", "e.yaml:1:16: ", "whole number"},
      {"flap: {changes: 1}\n", "e.yaml:1:17: ", "from 2"},
      {"keep_accepting: [{at_least: 2}]\n", "e.yaml:1:18: ", "'group' is needed"},
      {"keep_accepting: [{group: a, at_least: 0}]\n", "e.yaml:1:39: ", "from 1"},
      {"keep_accepting: [{group: a}, {group: a}]\n", "e.yaml:1:38: ", "'a' twice"},
      {"quiet_hours: [{from: '22:00', to: '06:00'}]\n", "e.yaml:1:15: ", "'name' is needed"},
      {"quiet_hours: [{name: a}]\n", "e.yaml:1:22: ", "no times"},
      {"quiet_hours: [{name: a, from: '22:00'}]\n", "e.yaml:1:31: ", "goes with"},
      {"quiet_hours: [{name: a, from: '24:00', to: '06:00'}]\n",
       "e.yaml:1:31: ", "time of the day"},
      {"quiet_hours: [{name: a, from: '22:60', to: '06:00'}]\n",
       "e.yaml:1:31: ", "time of the day"},
      {"quiet_hours: [{name: a, from: '22:00', to: '24:01'}]\n", "e.yaml:", "time of the day"},
      {"quiet_hours: [{name: a, from: '+1:00', to: '06:00'}]\n", "e.yaml:", "time of the day"},
      {"quiet_hours: [{name: a, from: 9pm, to: '06:00'}]\n", "e.yaml:", "time of the day"},
      {"quiet_hours: [{name: a, days: [mo]}]\n", "e.yaml:1:32: ", "a day is mon"},
      {"quiet_hours: [{name: a, days: ['fri:mon']}]\n", "e.yaml:1:32: ", "a day is mon"},
      {"quiet_hours: [{name: a, days: []}]\n", "e.yaml:1:31: ", "names no day"},
      {"quiet_hours: [{name: a, days: mon}]\n", "e.yaml:1:31: ", "is a list"},
      {"quiet_hours: [{name: a, days: [mon], time_zone: Berlin}]\n", "e.yaml:", "is not known"},
      {"quiet_hours: [{name: a, days: [mon], time_zone: /etc/passwd}]\n",
       "e.yaml:", "is not known"},
      {"quiet_hours: [{name: a, days: [mon], time_zone: a/../../x}]\n", "e.yaml:", "is not known"},
      {"quiet_hours: [{name: a, days: [mon]}, {name: a, days: [tue]}]\n",
       "e.yaml:1:39: ", "already"},
      {"quiet_hours: [{name: a, days: [mon], hosts: b}]\n", "e.yaml:", "unknown key 'hosts'"},
      {"bulk_mail: [{name: a, days: [mon], hosts: 'b='}]\n", "e.yaml:1:43: ", "wrong at column"},
      {"bulk_mail: [{name: a, begin: '2026-03-01T08:00:00Z'}]\n", "e.yaml:", "'end' is a time"},
      {"bulk_mail: [{name: a, begin: '2026-03-01 08:00', end: x}]\n", "e.yaml:", "with its offset"},
      {"bulk_mail: [{name: a, begin: '2026-03-01T08:00:00Z', end: infinite-future}]\n",
       "e.yaml:", "with its offset"},
      {"bulk_mail: [{name: a, begin: '2026-03-01T08:00:00Z', end: '2026-03-01T08:00:00Z'}]\n",
       "e.yaml:", "is after 'begin'"},
      {"bulk_mail: [{name: a, begin: '2026-03-01T08:00:00Z', end: '2026-03-02T08:00:00Z', days: "
       "[mon]}]\n",
       "e.yaml:", "one time only"},
      {"approval: {expires: 1s}\n", "e.yaml:1:21: ", "from 1m"},
      {"own_watch: {queue: {growth_per_minute: nan}}\n", "e.yaml:1:40: ", "is a number"},
      {"own_watch: {queue: {above: -1}}\n", "e.yaml:1:28: ", "0 or more"},
      {"rules: []\n---\nrules: []\n", "e.yaml:", "a second document"},
      {"rules: [\n", "e.yaml:", "the rules were not taken"},
      {"rules: *nobody\n", "e.yaml:1:8: ", "the rules were not taken"},
  };
  for (const auto& one : kCases) {
    const absl::StatusOr<Rules> rules = ParseRules("e.yaml", one.text);
    ASSERT_FALSE(rules.ok()) << one.text;
    EXPECT_EQ(rules.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(ReasonOf(rules.status()), "BAD_RULES") << one.text;
    const std::string message(rules.status().message());
    EXPECT_THAT(message, StartsWith(one.begins)) << one.text;
    EXPECT_THAT(message, HasSubstr(one.says)) << one.text;
    EXPECT_THAT(message, testing::EndsWith("; the rules were not taken")) << one.text;
  }
}

std::string Refusal(const std::string& text) {
  const absl::StatusOr<Rules> rules = ParseRules("e.yaml", text);
  return rules.ok() ? "" : std::string(rules.status().message());
}

TEST(Rules, HostileFilesAreRefusedSoon) {
  EXPECT_THAT(Refusal("# " + std::string(256 * 1024, 'x')), HasSubstr("larger than 256 KiB"));
  // An alias that stands for itself.
  EXPECT_THAT(
      Refusal(WithRule(", run: {operation: {queue.quarantine: {filter: &f {except: *f}}}}")),
      HasSubstr("with what aliases stand for"));
  // Aliases of aliases, in a section that is not even read here.
  std::string bomb = "notifications:\n  - &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    absl::StrAppend(&bomb, "  - &a", i, " [");
    for (int n = 0; n < 10; ++n) absl::StrAppend(&bomb, "*a", i - 1, ", ");
    bomb += "x]\n";
  }
  EXPECT_THAT(Refusal(bomb), HasSubstr("with what aliases stand for"));
  EXPECT_THAT(Refusal("notifications: " + std::string(100, '[') + std::string(100, ']')),
              HasSubstr("more than 64 levels"));
  EXPECT_NE(Refusal("rules: " + std::string(250000, '[')), "");
  EXPECT_NE(Refusal("rules: " + std::string(250000, '{')), "");
  std::string deep;
  for (int i = 0; i < 600; ++i) deep += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
  EXPECT_NE(Refusal(deep), "");
  // One regular expression, many times.
  std::string many = "rules:\n- {name: r, match: &m ['a=~\"(x|y){200}\"', 'b=~\"(x|y){200}\"']}\n";
  for (int i = 0; i < 5000; ++i) absl::StrAppend(&many, "- {name: r", i, ", match: *m}\n");
  EXPECT_THAT(Refusal(many), HasSubstr("more than 500 rules"));
  EXPECT_NE(Refusal(std::string("rules: \0x\n", 10)), "");
}

// Anchors that stand for what they are for are welcome.
TEST(Rules, Aliases) {
  const absl::StatusOr<Rules> rules = ParseRules("e.yaml", R"(
rules:
  - {name: a, match: [x=y], hosts: &h {label: instance}}
  - {name: b, match: [x=z], hosts: *h}
)");
  ASSERT_TRUE(rules.ok()) << rules.status();
  EXPECT_EQ(rules->rules[1].host_label, "instance");
}

TEST(Rules, TheShippedExampleStartsNothing) {
  std::ifstream file(std::string(MAILQUENCH_ROOT) + "/deploy/escalation/escalation.yaml");
  std::ostringstream text;
  text << file.rdbuf();
  ASSERT_FALSE(text.str().empty());
  const absl::StatusOr<Rules> rules = ParseRules("escalation.yaml", text.str());
  ASSERT_TRUE(rules.ok()) << rules.status();
  EXPECT_GE(rules->rules.size(), 3U);
  for (const Rule& rule : rules->rules)
    EXPECT_LT(rule.action, v1::ESCALATION_ACTION_START) << rule.name;
  EXPECT_TRUE(rules->other_person);
  // What it says beside each value is what is so without it.
  const Rules defaults;
  EXPECT_EQ(rules->budget_runs, defaults.budget_runs);
  EXPECT_EQ(rules->budget_hosts, defaults.budget_hosts);
  EXPECT_EQ(rules->flap_changes, defaults.flap_changes);
  EXPECT_EQ(rules->flap_within, defaults.flap_within);
  EXPECT_EQ(rules->approval_expires, defaults.approval_expires);
  EXPECT_EQ(rules->own.queue_above, defaults.own.queue_above);
  EXPECT_EQ(rules->own.obligation_overdue, defaults.own.obligation_overdue);
}

}  // namespace
}  // namespace mailquench::controller
