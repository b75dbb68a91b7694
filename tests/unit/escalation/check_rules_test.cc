// What is wrong with rules for a fleet, and what may start without a person.
#include "common/operation/names.h"
#include "common/status/error.h"
#include "tests/unit/escalation/fleet_fixture.h"

namespace mailquench::controller {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

RuleFindings Find(const std::string& text) {
  const absl::StatusOr<Rules> rules = ParseRules("e.yaml", text);
  EXPECT_TRUE(rules.ok()) << rules.status();
  if (!rules.ok()) return {};
  const std::vector<v1::Host> hosts = {MakeHost("mx1", {{"role", "edge"}, {"mx", "a"}}),
                                       MakeHost("mx2", {{"role", "edge"}, {"mx", "a"}})};
  return CheckRules(*rules, hosts, BuiltInOperations);
}

std::string RuleThat(const std::string& more) {
  return "rules:\n- {name: a, match: [x=y], " + more + "}\n";
}

TEST(CheckRules, Good) {
  const RuleFindings findings =
      Find(RuleThat("hosts: {label: instance}, action: start, run: {playbook: contain}") +
           "keep_accepting: [{group: mx, at_least: 1}]\nbulk_mail: [{name: n, hosts: role=edge, "
           "days: [mon]}]\n");
  EXPECT_THAT(findings.errors, IsEmpty());
  EXPECT_THAT(findings.warnings, IsEmpty());
}

TEST(CheckRules, Errors) {
  const struct {
    const char* rule;
    const char* says;
  } kCases[] = {
      {"hosts: {label: i}, action: propose, run: {playbook: contian}", "contian"},
      {"hosts: {label: i}, run: {playbook: contian}", "contian"},
      {"hosts: {label: i}, action: start, run: {playbook: contain, parameters: {no: x}}", "'no'"},
      {"hosts: {label: i}, action: start, run: {playbook: restore}", "a person's to start"},
      {"hosts: {label: i}, action: start, run: {operation: {quarantine.discard: {}}}",
       "quarantine.discard cannot be undone"},
  };
  for (const auto& one : kCases) {
    const RuleFindings findings = Find(RuleThat(one.rule));
    EXPECT_THAT(findings.errors, ElementsAre(HasSubstr(one.says))) << one.rule;
    EXPECT_THAT(findings.errors, ElementsAre(HasSubstr("rule 'a'")));
  }
  // A person may start what gives back.
  EXPECT_THAT(Find(RuleThat("hosts: {label: i}, action: propose, run: {playbook: restore}")).errors,
              IsEmpty());
}

TEST(CheckRules, Warnings) {
  const std::string start = "action: start, run: {playbook: contain}";
  const struct {
    std::string text;
    const char* says;
  } kCases[] = {
      {RuleThat(start), "names no hosts"},
      {RuleThat(start + ", hosts: {selector: role=core}"), "no host matches 'role=core'"},
      {RuleThat(start + ", hosts: {selector: rule=edge}"), "no host has the label 'rule'"},
      {RuleThat(start + ", hosts: {selector: 'sight=${site}'}"), "no host has the label 'sight'"},
      {RuleThat(start + ", hosts: {label: i}") + "budget: {runs: 0}\n", "the budget lets nothing"},
      {"keep_accepting: [{group: pool}]\n", "no host has this label"},
      {"keep_accepting: [{group: mx, at_least: 2}]\n", "group 'a' has 2 hosts and 2 are to go on"},
      {"bulk_mail: [{name: n, hosts: role=bulk, days: [mon]}]\n", "no host matches 'role=bulk'"},
      {"rules: [{name: a, match: [x=y]}, {name: b, match: [x=y, z=w]}]\n",
       "rule 'b': it is never asked, because rule 'a'"},
      {"rules: [{name: a, match: ['x=~\"y|z\"']}, {name: b, match: [x=y]}]\n",
       "rule 'b': it is never"},
      {"rules: [{name: a, match: ['x!=\"w\"']}, {name: b, match: [x=y]}]\n",
       "rule 'b': it is never"},
  };
  for (const auto& one : kCases) {
    const RuleFindings findings = Find(one.text);
    EXPECT_THAT(findings.warnings, Contains(HasSubstr(one.says))) << one.text;
    EXPECT_THAT(findings.errors, IsEmpty()) << one.text;
  }
  EXPECT_THAT(Find("rules: [{name: a, match: [x=y, z=w]}, {name: b, match: [x=y]}]\n").warnings,
              IsEmpty());
}

// Every operation of the contract, so that a new one is decided about by a person.
TEST(MayStartAlone, EachOperation) {
  const std::map<std::string, bool> kMay = {
      {"service.status", true},
      {"service.stop", true},
      {"service.start", false},
      {"queue.survey", true},
      {"queue.quarantine", true},
      {"quarantine.list", true},
      {"quarantine.analyse", true},
      {"quarantine.release", false},
      {"quarantine.discard", false},
      {"relay.lock", true},
      {"ndr.silence", true},
      {"sender.block", true},
      {"sender.unblock", false},
      {"restore", false},
      {"relay.probe", true},
      {"queue.watch", true},
      {"contain", true},
      {"quarantine.move", true},
      {"delist.fetch", false},
      {"mail.blockers", true},
      {"blacklist.clear", true},
      {"shadow.suspend", true},
      {"antivirus.status", true},
      {"antivirus.update", true},
      {"antivirus.scan", true},
      {"quarantine.scan", true},
      {"antivirus.clear", true},
      {"egress.set", false},
  };
  for (const std::string& name : AllOperationNames()) {
    ASSERT_EQ(kMay.count(name), 1U) << name;
    const v1::Operation operation = *MakeOperation(name, "");
    EXPECT_EQ(MayStartAlone({operation}).ok(), kMay.at(name)) << name;
    EXPECT_TRUE(kMay.at(name) || ClassOf(operation) != v1::OPERATION_CLASS_OBSERVE) << name;
    EXPECT_FALSE(kMay.at(name) && ClassOf(operation) == v1::OPERATION_CLASS_IRREVERSIBLE) << name;
  }
}

TEST(MayStartAlone, OneOfSeveral) {
  const v1::Operation contain = *MakeOperation("contain", "");
  EXPECT_TRUE(MayStartAlone({contain, *MakeOperation("queue.watch", "")}).ok());
  const absl::Status refused = MayStartAlone({contain, *MakeOperation("quarantine.release", "")});
  EXPECT_EQ(ReasonOf(refused), "PERSON_NEEDED");
  EXPECT_THAT(std::string(refused.message()), HasSubstr("quarantine.release gives back"));
  EXPECT_FALSE(MayStartAlone({*MakeOperation("antivirus.scan", "{\"remove\":true}")}).ok());
  EXPECT_FALSE(MayStartAlone({}).ok());
  EXPECT_FALSE(MayStartAlone({v1::Operation()}).ok());
}

}  // namespace
}  // namespace mailquench::controller
