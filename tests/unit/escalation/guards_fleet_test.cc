// How many hosts, who is there, who is busy, who goes on accepting mail.
#include "tests/unit/escalation/fleet_fixture.h"

namespace mailquench::controller {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

std::vector<v1::Alert> Floods(const std::vector<std::string>& hosts) {
  std::vector<v1::Alert> alerts;
  for (const std::string& host : hosts) alerts.push_back(MakeAlert("Flood", host));
  return alerts;
}

TEST_F(DecideTest, MoreHostsThanTheRuleMayTake) {
  Use("", ", max_hosts: 2");
  EXPECT_EQ(One(Floods({"mx1", "mx2"})).taken, kStart);
  const Decision decision = One(Floods({"mx1", "mx2", "mx3"}));
  EXPECT_EQ(decision.taken, kPropose);
  EXPECT_THAT(decision.request.hosts(), SizeIs(3));
  EXPECT_THAT(Why(decision), HasSubstr("it would be on 3 hosts, and max_hosts of the rule is 2"));
}

// Groups of one host each do not go round it, neither at once nor one after the other.
TEST_F(DecideTest, MaxHostsCountsWhatIsBegun) {
  Use("", ", max_hosts: 2");
  std::vector<v1::Alert> alerts = Floods({"mx1", "mx2", "mx3"});
  for (v1::Alert& alert : alerts) alert.set_group_key(alert.fingerprint());
  const std::vector<Decision> decisions = All(alerts);
  ASSERT_THAT(decisions, SizeIs(3));
  EXPECT_EQ(decisions[1].taken, kStart);
  EXPECT_EQ(decisions[2].taken, kPropose);
  facts_.escalations = {
      MakeEscalation("e1", "flood", v1::ESCALATION_STATE_RUNNING, {"mx3", "mx4"})};
  const Decision next = OnMx1();
  EXPECT_EQ(next.taken, kPropose);
  EXPECT_THAT(Why(next),
              HasSubstr("3 hosts, 2 of them begun already, and max_hosts of the rule is 2"));
}

TEST_F(DecideTest, HostsThatAreAway) {
  Host("mx1")->set_online(false);
  const Decision alone = OnMx1();
  EXPECT_EQ(alone.taken, kPropose);
  EXPECT_THAT(Why(alone), HasSubstr("no host of it can be reached: mx1 (offline)"));
  Host("mx2")->mutable_manual()->set_platform("appliance");
  const Decision both = One(Floods({"mx1", "mx2"}));
  EXPECT_EQ(both.taken, kPropose);
  EXPECT_THAT(Why(both), HasSubstr("mx2 (no agent)"));
  // One that is there is enough, and the others stay in.
  const Decision three = One(Floods({"mx1", "mx2", "mx3"}));
  EXPECT_EQ(three.taken, kStart);
  EXPECT_THAT(HostsOf(three), ElementsAre("mx1", "mx2", "mx3"));
  EXPECT_THAT(Why(three), HasSubstr("mx1 (offline), mx2 (no agent) cannot be reached now"));
}

TEST_F(DecideTest, ABusyHost) {
  facts_.busy["id-mx1"] = "r1";
  const Decision decision = OnMx1();
  EXPECT_EQ(decision.taken, kPropose);
  EXPECT_THAT(Why(decision), HasSubstr("mx1 is held by run r1"));
}

TEST_F(DecideTest, TwoAlertsThatWantOppositeThings) {
  v1::Escalation other = MakeEscalation("e7", "give-back", v1::ESCALATION_STATE_PROPOSED, {"mx1"});
  other.set_taken(kPropose);
  other.mutable_request()->set_playbook("restore");
  facts_.escalations = {other};
  facts_.busy["id-mx1"] = "r1";
  const Decision decision = OnMx1();
  EXPECT_EQ(decision.taken, kPropose);
  EXPECT_THAT(Why(decision), HasSubstr("mx1 is held by escalation e7 of rule give-back (restore)"));
  EXPECT_EQ(decision.joins_escalation, "");
  for (const auto state : {v1::ESCALATION_STATE_STARTING, v1::ESCALATION_STATE_RUNNING,
                           v1::ESCALATION_STATE_VERIFYING}) {
    facts_.escalations = {MakeEscalation("e7", "give-back", state, {"mx1"})};
    EXPECT_EQ(OnMx1().taken, kPropose) << state;
  }
  facts_.escalations = {MakeEscalation("e7", "", v1::ESCALATION_STATE_PROPOSED, {"mx1"})};
  EXPECT_THAT(Why(OnMx1()), HasSubstr("escalation e7 which a person proposed"));
  // One that only records holds nothing, nor does one of other hosts.
  facts_.busy.clear();
  facts_.escalations = {MakeEscalation("e7", "give-back", v1::ESCALATION_STATE_RECORDED, {"mx1"}),
                        MakeEscalation("e8", "give-back", v1::ESCALATION_STATE_RUNNING, {"mx2"})};
  EXPECT_EQ(OnMx1().taken, kStart);
}

TEST_F(DecideTest, TwoAlertsThatWantOppositeThingsAtOnce) {
  Load(R"(rules:
- {name: flood, match: [alertname=Flood], hosts: {label: instance}, action: start, run: {playbook: contain}}
- {name: quiet, match: [alertname=Quiet], hosts: {label: instance}, action: propose, run: {playbook: restore}}
- {name: relay, match: [alertname=Relay], hosts: {label: instance}, action: start, run: {playbook: lockdown}}
)");
  const std::vector<Decision> decisions =
      All({MakeAlert("Relay", "mx1"), MakeAlert("Quiet", "mx1"), MakeAlert("Flood", "mx1")});
  ASSERT_THAT(decisions, SizeIs(3));
  EXPECT_EQ(decisions[0].rule, "flood");
  EXPECT_EQ(decisions[0].taken, kStart);
  EXPECT_EQ(decisions[1].taken, kPropose);
  // Whoever reads the proposal is told.
  EXPECT_THAT(Why(decisions[1]),
              HasSubstr("mx1 is held by rule flood (contain), whose alert came at the "
                        "same time"));
  EXPECT_EQ(decisions[2].taken, kPropose);
  EXPECT_THAT(Why(decisions[2]), HasSubstr("two may want opposite things"));
}

TEST_F(DecideTest, TwoGroupsOfOneRuleBeginOnce) {
  v1::Alert a = MakeAlert("Flood", "mx1"), b = MakeAlert("Flood", "mx1:9100");
  a.set_group_key("a");
  b.set_group_key("b");
  const std::vector<Decision> decisions = All({a, b});
  ASSERT_THAT(decisions, SizeIs(2));
  EXPECT_EQ(decisions[0].taken, kStart);
  EXPECT_EQ(decisions[1].taken, kRecord);
  EXPECT_THAT(Why(decisions[1]), HasSubstr("has just begun with mx1"));
}

class KeepAcceptingTest : public DecideTest {
 protected:
  KeepAcceptingTest() {
    for (v1::Host& host : *fleet_) (*host.mutable_labels())["mx"] = "a";
    Keep(2);
  }
  void Keep(int at_least) {
    Use(absl::StrCat("keep_accepting: [{group: mx, at_least: ", at_least, "}]\n"));
  }
};

TEST_F(KeepAcceptingTest, CountsLiveHealth) {
  EXPECT_EQ(One(Floods({"mx1", "mx2"})).taken, kStart);
  const Decision three = One(Floods({"mx1", "mx2", "mx3"}));
  EXPECT_EQ(three.taken, kPropose);
  EXPECT_THAT(Why(three),
              HasSubstr("of 4 hosts with mx=a, 4 accept mail now and 1 would go on, and "
                        "keep_accepting wants 2"));
  Host("mx4")->mutable_heartbeat()->set_mail_service(v1::MAIL_SERVICE_STATE_STOPPED);
  EXPECT_EQ(One(Floods({"mx1", "mx2"})).taken, kPropose);
  EXPECT_EQ(OnMx1().taken, kStart);
  facts_.busy["id-mx3"] = "r1";
  EXPECT_EQ(OnMx1().taken, kPropose);
}

TEST_F(KeepAcceptingTest, AGroupThatIsBelowAlready) {
  Keep(4);
  // mx1 is down as it is: taking it makes nothing worse, and still a person decides.
  Host("mx1")->set_online(false);
  Host("mx2")->set_online(false);
  EXPECT_EQ(One(Floods({"mx1", "mx2", "mx3"})).taken, kPropose);
}

TEST_F(KeepAcceptingTest, OtherGroupsAreNotCounted) {
  for (const char* name : {"mx3", "mx4"}) (*Host(name)->mutable_labels())["mx"] = "b";
  EXPECT_EQ(OnMx1().taken, kPropose);
  Host("mx1")->mutable_labels()->erase("mx");  // In no group.
  EXPECT_EQ(OnMx1().taken, kStart);
}

TEST_F(KeepAcceptingTest, CountsWhatIsAboutToBegin) {
  Keep(1);
  std::vector<v1::Alert> alerts = Floods({"mx1", "mx2", "mx3", "mx4"});
  for (v1::Alert& alert : alerts) alert.set_group_key(alert.fingerprint());
  const std::vector<Decision> decisions = All(alerts);
  ASSERT_THAT(decisions, SizeIs(4));
  EXPECT_EQ(decisions[2].taken, kStart);
  EXPECT_EQ(decisions[3].taken, kPropose);
  // Of another rule, and not a run yet.
  facts_.escalations = {
      MakeEscalation("e1", "another", v1::ESCALATION_STATE_STARTING, {"mx2", "mx3", "mx4"})};
  const Decision last = OnMx1();
  EXPECT_EQ(last.taken, kPropose);
  EXPECT_THAT(Why(last), HasSubstr("4 accept mail now and 0 would go on"));
}

TEST_F(KeepAcceptingTest, WhatOnlyLooksTakesNobodyAway) {
  Load(
      "rules: [{name: look, match: [alertname=Flood], hosts: {label: instance}, action: start, "
      "run: {playbook: survey}}]\n"
      "keep_accepting: [{group: mx, at_least: 4}]\n");
  EXPECT_EQ(OnMx1().taken, kStart);
}

TEST_F(KeepAcceptingTest, AProposalSaysSo) {
  Load(
      "rules: [{name: flood, match: [alertname=Flood], hosts: {label: instance}, action: propose, "
      "run: {playbook: contain}}]\n"
      "keep_accepting: [{group: mx, at_least: 4}]\n");
  EXPECT_THAT(Why(OnMx1()), HasSubstr("keep_accepting wants 4"));
}

}  // namespace
}  // namespace mailquench::controller
