// Which rule, which hosts, what is joined.
#include <algorithm>

#include "tests/unit/escalation/fleet_fixture.h"

namespace mailquench::controller {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

TEST_F(DecideTest, StartsWhatTheRuleSays) {
  Use("", ", title: 'Flood on ${instance}'");
  const Decision decision = OnMx1();
  EXPECT_EQ(decision.rule, "flood");
  EXPECT_EQ(decision.wanted, kStart);
  EXPECT_EQ(decision.taken, kStart);
  EXPECT_THAT(
      decision.reasons,
      ElementsAre("rule flood matches 1 alert (Flood) and wants to start contain on 1 host (mx1)",
                  "contain of 1 host starts"));
  EXPECT_EQ(decision.request.playbook(), "contain");
  EXPECT_THAT(decision.request.hosts(), ElementsAre("id-mx1"));
  ASSERT_THAT(decision.hosts, SizeIs(1));
  EXPECT_EQ(decision.hosts[0].host_id(), "id-mx1");
  EXPECT_EQ(decision.hosts[0].label_name(), "instance");
  EXPECT_EQ(decision.hosts[0].label_value(), "mx1:9100");
  EXPECT_EQ(decision.title, "Flood on mx1:9100");
  EXPECT_EQ(decision.joins_escalation, "");
  EXPECT_EQ(decision.joins_incident, "");
  EXPECT_FALSE(decision.page);
}

TEST_F(DecideTest, TheFirstRuleThatMatchesIsTheOne) {
  Load(R"(rules:
- {name: special, match: [alertname=Flood, site=fra], action: record}
- {name: flood, match: [alertname=Flood], hosts: {label: instance}, action: propose, run: {playbook: contain}}
)");
  EXPECT_EQ(One({MakeAlert("Flood", "mx1", {{"site", "fra"}})}).rule, "special");
  const Decision other = One({MakeAlert("Flood", "mx1", {{"site", "ams"}})});
  EXPECT_EQ(other.rule, "flood");
  EXPECT_EQ(other.taken, kPropose);
  EXPECT_THAT(Why(other), HasSubstr("contain of 1 host is proposed"));
  EXPECT_THAT(other.request.hosts(), ElementsAre("id-mx1"));
  EXPECT_THAT(All({MakeAlert("Else", "mx1")}), IsEmpty());
  v1::Alert resolved = MakeAlert("Flood", "mx1");
  resolved.set_status(v1::ALERT_STATUS_RESOLVED);
  EXPECT_THAT(All({resolved}), IsEmpty());
}

TEST_F(DecideTest, NothingConfiguredDecidesNothing) {
  Load("");
  EXPECT_THAT(All({MakeAlert("Flood", "mx1")}), IsEmpty());
}

TEST_F(DecideTest, ARecordRuleRunsNothing) {
  Load(
      "rules: [{name: note, match: [alertname=Flood], hosts: {label: instance}, run: {playbook: "
      "contain}}]\n");
  const Decision decision = OnMx1();
  EXPECT_EQ(decision.taken, kRecord);
  EXPECT_EQ(decision.request.what_case(), v1::PlanRunRequest::WHAT_NOT_SET);
  EXPECT_THAT(HostsOf(decision), ElementsAre("mx1"));
  EXPECT_THAT(Why(decision), HasSubstr("rule note matches 1 alert (Flood) and records"));
}

TEST_F(DecideTest, AFloodIsOneDecision) {
  fleet_->clear();
  std::vector<v1::Alert> alerts;
  for (int i = 0; i < 1000; ++i) {
    const std::string name = absl::StrCat("mx", i);
    fleet_->push_back(MakeHost(name, {{"role", "edge"}}));
    alerts.push_back(MakeAlert("Flood", name));
    alerts.back().set_group_key("{}:{alertname=Flood}");
  }
  const Decision decision = One(alerts);
  EXPECT_THAT(decision.alerts, SizeIs(1000));
  EXPECT_THAT(decision.hosts, SizeIs(1000));
  // A rule that matches the whole fleet is a person's.
  EXPECT_EQ(decision.taken, kPropose);
  EXPECT_THAT(Why(decision),
              HasSubstr("it would be on 1000 hosts, and max_hosts of the rule is 10"));
  EXPECT_LE(decision.reasons.size(), 6U);
  for (const std::string& reason : decision.reasons) EXPECT_LT(reason.size(), 400U);
}

TEST_F(DecideTest, TheSameAlertAThousandTimesIsOne) {
  const std::vector<v1::Alert> alerts(1000, MakeAlert("Flood", "mx1"));
  const Decision decision = One(alerts);
  EXPECT_THAT(decision.alerts, SizeIs(1));
  EXPECT_EQ(decision.taken, kStart);
}

TEST_F(DecideTest, GroupsAreDecisions) {
  v1::Alert a = MakeAlert("Flood", "mx1"), b = MakeAlert("Flood", "mx2"),
            c = MakeAlert("Flood", "mx3");
  a.set_group_key("g2");
  b.set_group_key("g1");
  c.set_group_key("g2");
  StampTime(TestNow() - absl::Minutes(5), b.mutable_start_time());
  const std::vector<Decision> decisions = All({a, b, c});
  ASSERT_THAT(decisions, SizeIs(2));
  EXPECT_THAT(HostsOf(decisions[0]), ElementsAre("mx2"));  // Its alert is the older one.
  EXPECT_THAT(HostsOf(decisions[1]), ElementsAre("mx1", "mx3"));
  EXPECT_EQ(decisions[1].group_key, "g2");
}

// Grouped by something that each alert has of its own.
TEST_F(DecideTest, TooManyGroupsAreOneDecision) {
  std::vector<v1::Alert> alerts;
  for (int i = 0; i < 30; ++i) {
    alerts.push_back(
        MakeAlert("Flood", absl::StrCat("mx", i % 4 + 1), {{"queue", absl::StrCat(i)}}));
    alerts.back().set_alert_key(absl::StrCat("key-", i));
    alerts.back().set_group_key(absl::StrCat("g", i));
  }
  const Decision one = One(alerts);
  EXPECT_THAT(one.alerts, SizeIs(30));
  EXPECT_THAT(HostsOf(one), SizeIs(4));
}

TEST_F(DecideTest, SourcesAreDecisions) {
  v1::Alert a = MakeAlert("Flood", "mx1"), b = MakeAlert("Flood", "mx2");
  a.set_source("one");
  b.set_source("two");
  EXPECT_THAT(All({a, b}), SizeIs(2));
}

TEST_F(DecideTest, SaysWhatTheMessageLeftOut) {
  v1::Alert alert = MakeAlert("Flood", "mx1");
  alert.set_truncated(7);
  EXPECT_THAT(One({alert}).reasons, Contains(HasSubstr("left 7 alerts of this group out")));
}

TEST_F(DecideTest, OrderOfAlertsDoesNotMatter) {
  Load(R"(rules:
- {name: b, match: [alertname=B], hosts: {label: instance}, action: start, run: {playbook: contain}}
- {name: a, match: [alertname=A], hosts: {label: instance}, action: start, run: {playbook: lockdown}}
budget: {runs: 2}
)");
  std::vector<v1::Alert> alerts;
  for (const char* host : {"mx1", "mx2", "mx3", "mx4"}) {
    for (const char* name : {"A", "B"}) {
      alerts.push_back(MakeAlert(name, host));
      alerts.back().set_group_key(host);
    }
  }
  const auto text = [&] {
    std::string all;
    for (const Decision& decision : All(alerts))
      absl::StrAppend(&all, decision.rule, decision.group_key, decision.taken, Why(decision));
    return all;
  };
  const std::string first = text();
  std::reverse(alerts.begin(), alerts.end());
  EXPECT_EQ(text(), first);
  std::swap(alerts[0], alerts[5]);
  EXPECT_EQ(text(), first);
}

TEST_F(DecideTest, AHostThatNobodyKnows) {
  const Decision decision = One({MakeAlert("Flood", "elsewhere:9100")});
  EXPECT_EQ(decision.taken, kRecord);
  EXPECT_THAT(Why(decision),
              HasSubstr("an alert names the host 'elsewhere:9100' by 'instance', and "
                        "no host of the fleet goes by that"));
  EXPECT_EQ(decision.request.what_case(), v1::PlanRunRequest::WHAT_NOT_SET);
  EXPECT_THAT(Why(One({MakeAlert("Flood", "")})), HasSubstr("has no label 'instance'"));
  // Of two that are one group, the known one goes on.
  const Decision both = One({MakeAlert("Flood", "elsewhere"), MakeAlert("Flood", "mx2")});
  EXPECT_EQ(both.taken, kStart);
  EXPECT_THAT(HostsOf(both), ElementsAre("mx2"));
  EXPECT_THAT(Why(both), HasSubstr("elsewhere"));
  for (const char* name : {"mx1", "mx2"}) Host(name)->mutable_hello()->add_addresses("10.0.0.1");
  EXPECT_THAT(Why(One({MakeAlert("Flood", "10.0.0.1")})),
              HasSubstr("several go by that: mx1, mx2"));
}

TEST_F(DecideTest, ManyUnknownHostsAreFewSentences) {
  std::vector<v1::Alert> alerts;
  for (int i = 0; i < 50; ++i) alerts.push_back(MakeAlert("Flood", absl::StrCat("x", i)));
  const Decision decision = One(alerts);
  EXPECT_LE(decision.reasons.size(), 7U);
  EXPECT_THAT(Why(decision), HasSubstr("47 more"));
}

TEST_F(DecideTest, ARuleWithoutHostsRecords) {
  Load("rules: [{name: a, match: [alertname=Flood], action: start, run: {playbook: contain}}]\n");
  const Decision decision = OnMx1();
  EXPECT_EQ(decision.taken, kRecord);
  EXPECT_THAT(Why(decision), HasSubstr("names no hosts"));
}

class SelectorTest : public DecideTest {
 protected:
  SelectorTest() {
    *Host("mx3") = MakeHost("mx3", {{"role", "edge"}, {"site", "ams"}});
    *Host("mx4") = MakeHost("mx4", {{"role", "core"}, {"site", "fra"}});
    Load(R"(rules:
- name: site
  match: [alertname=Slow]
  hosts: {selector: 'role=edge,site in (${site})'}
  action: start
  run: {playbook: survey}
)");
  }
  Decision Of(const std::string& site) {
    return One({MakeAlert("Slow", "mx2:25", {{"site", site}})});
  }
};

TEST_F(SelectorTest, SelectsByTheAlertsLabel) {
  const Decision decision = Of("fra");
  EXPECT_EQ(decision.taken, kStart);
  EXPECT_THAT(HostsOf(decision), ElementsAre("mx1", "mx2"));
  // Where monitoring names one of them, the silence can.
  EXPECT_EQ(decision.hosts[0].label_name(), "");
  EXPECT_EQ(decision.hosts[1].label_value(), "mx2:25");
  const Decision nobody = Of("lon");
  EXPECT_EQ(nobody.taken, kRecord);
  EXPECT_THAT(Why(nobody), HasSubstr("selects 'role=edge,site in (lon)', and no host matches"));
}

// Whatever an alert says, it selects no host that the rule did not mean.
TEST_F(SelectorTest, HostileValuesSelectNothing) {
  for (const char* site : {"",
                           " ",
                           "fra,ams",
                           "fra)",
                           "fra),role in (edge,core",
                           "x),!nothing",
                           "fra,role!=x",
                           "(",
                           ")",
                           "=",
                           "!",
                           "${site}",
                           "${role}",
                           "fra ",
                           "fra\n",
                           "\xff",
                           "*",
                           "f r a",
                           "fra)#",
                           "'fra'",
                           "\"fra\"",
                           "ü"}) {
    const Decision decision = Of(site);
    EXPECT_EQ(decision.taken, kRecord) << site;
    EXPECT_THAT(decision.hosts, IsEmpty()) << site;
    EXPECT_THAT(Why(decision), HasSubstr("which is no plain value")) << site;
  }
  const Decision missing = One({MakeAlert("Slow", "mx2")});
  EXPECT_EQ(missing.taken, kRecord);
  EXPECT_THAT(missing.hosts, IsEmpty());
}

TEST_F(SelectorTest, TextOfAlertsIsHarmless) {
  Load(
      "rules: [{name: site, match: ['alertname=~\"(?s)Slow.*\"'], hosts: {selector: "
      "'site=${site}'}}]\n");
  v1::Alert alert =
      MakeAlert("Slow\x1b[2J", "mx2", {{"site", "\x1b]0;x\x07" + std::string(5000, 'y')}});
  Decision decision = One({alert});
  EXPECT_THAT(Why(decision), Not(HasSubstr("\x1b")));
  EXPECT_LT(Why(decision).size(), 1500U);
  EXPECT_THAT(decision.title, Not(HasSubstr("\x1b")));
  Use("", ", title: '${summary} ${missing}!'");
  decision = One({MakeAlert("Flood", "mx1", {{"summary", std::string(5000, 'x') + "\x1b"}})});
  EXPECT_LE(decision.title.size(), 200U);
  EXPECT_THAT(decision.title, HasSubstr("xxx"));
}

TEST_F(DecideTest, JoinsTheOpenEscalationOfItsGroup) {
  v1::Escalation running = MakeEscalation("e1", "flood", v1::ESCALATION_STATE_RUNNING, {"mx1"});
  running.set_incident_id("i1");
  facts_.escalations = {running};
  const Decision again = OnMx1();
  EXPECT_EQ(again.joins_escalation, "e1");
  EXPECT_EQ(again.joins_incident, "i1");
  EXPECT_EQ(again.taken, kRecord);
  EXPECT_EQ(again.request.what_case(), v1::PlanRunRequest::WHAT_NOT_SET);
  EXPECT_THAT(Why(again),
              HasSubstr("mx1 is in escalation e1 of this rule already, which is running"));
  // Only a new host needs something new.
  const Decision more = One({MakeAlert("Flood", "mx1"), MakeAlert("Flood", "mx2")});
  EXPECT_EQ(more.joins_escalation, "e1");
  EXPECT_EQ(more.taken, kStart);
  EXPECT_THAT(HostsOf(more), ElementsAre("mx2"));
  EXPECT_THAT(more.request.hosts(), ElementsAre("id-mx2"));
  // Another group is not that escalation, but its host is not worked on twice.
  v1::Alert other = MakeAlert("Flood", "mx1");
  other.set_group_key("another");
  const Decision apart = One({other});
  EXPECT_EQ(apart.joins_escalation, "");
  EXPECT_EQ(apart.joins_incident, "i1");
  EXPECT_EQ(apart.taken, kRecord);
}

TEST_F(DecideTest, AProposalThatWaitsIsJoined) {
  v1::Escalation waits = MakeEscalation("e1", "flood", v1::ESCALATION_STATE_PROPOSED, {"mx1"});
  waits.set_taken(kPropose);
  facts_.escalations = {waits};
  const Decision again = OnMx1();
  EXPECT_EQ(again.joins_escalation, "e1");
  EXPECT_EQ(again.taken, kRecord);
  EXPECT_THAT(Why(again), HasSubstr("which waits for a person"));
  const Decision more = One({MakeAlert("Flood", "mx1"), MakeAlert("Flood", "mx2")});
  EXPECT_EQ(more.taken, kPropose);
  EXPECT_THAT(HostsOf(more), ElementsAre("mx2"));
  EXPECT_THAT(Why(more), HasSubstr("waits for a person, so mx2 is proposed beside it"));
}

TEST_F(DecideTest, WhatWasOnlyRecordedIsAskedAboutAgain) {
  v1::Escalation recorded = MakeEscalation("e1", "flood", v1::ESCALATION_STATE_RECORDED, {"mx1"});
  recorded.set_taken(kRecord);
  facts_.escalations = {recorded};
  const Decision decision = OnMx1();
  EXPECT_EQ(decision.joins_escalation, "e1");
  EXPECT_EQ(decision.taken, kStart);
}

TEST_F(DecideTest, WhatHasEndedIsNotJoined) {
  facts_.escalations = {
      MakeEscalation("e1", "flood", v1::ESCALATION_STATE_RESOLVED, {"mx1"}, absl::Hours(3))};
  EXPECT_EQ(OnMx1().joins_escalation, "");
}

TEST_F(DecideTest, JoinsTheIncidentOfItsHosts) {
  facts_.incident_of = {{"id-mx1", "i1"}, {"id-mx2", "i2"}, {"id-mx3", "i2"}};
  EXPECT_EQ(OnMx1().joins_incident, "i1");
  EXPECT_EQ(One({MakeAlert("Flood", "mx1"), MakeAlert("Flood", "mx2"), MakeAlert("Flood", "mx3")})
                .joins_incident,
            "i2");
  // Else that of an open escalation of the rule.
  v1::Escalation older =
      MakeEscalation("e1", "flood", v1::ESCALATION_STATE_RUNNING, {"mx2"}, absl::Minutes(9));
  older.set_group_key("old");
  older.set_incident_id("i8");
  v1::Escalation newer =
      MakeEscalation("e2", "flood", v1::ESCALATION_STATE_RUNNING, {"mx3"}, absl::Minutes(3));
  newer.set_group_key("new");
  newer.set_incident_id("i9");
  facts_.escalations = {newer, older};
  EXPECT_EQ(One({MakeAlert("Flood", "mx4")}).joins_incident, "i9");
  EXPECT_EQ(OnMx1().joins_incident, "i1");
}

}  // namespace
}  // namespace mailquench::controller
