// Pause, what is a person's, quiet hours, bulk mail, the budget.
#include "tests/unit/escalation/fleet_fixture.h"

namespace mailquench::controller {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

TEST_F(DecideTest, Paused) {
  facts_.paused = true;
  facts_.pause_reason = "maintenance";
  const Decision decision = OnMx1();
  EXPECT_EQ(decision.wanted, kStart);
  EXPECT_EQ(decision.taken, kPropose);
  EXPECT_THAT(decision.request.hosts(), ElementsAre("id-mx1"));
  EXPECT_THAT(Why(decision), HasSubstr("escalation is paused (maintenance)"));
}

TEST_F(DecideTest, WhatIsAPersonsIsProposed) {
  for (const char* run : {"{playbook: restore}", "{operation: {service.start: {}}}",
                          "{operation: {quarantine.release: {quarantine_id: q}}}",
                          "{operation: {sender.unblock: {account: a}}}",
                          "{operation: {quarantine.discard: {quarantine_id: q}}}"}) {
    Load(absl::StrCat("rules: [{name: flood, match: [alertname=Flood], hosts: {label: instance}, ",
                      "action: start, run: ", run, "}]\n"));
    const Decision decision = OnMx1();
    EXPECT_EQ(decision.taken, kPropose) << run;
    EXPECT_THAT(Why(decision), HasSubstr("a person's to start")) << run;
  }
}

TEST_F(DecideTest, ARunThatIsNotKnownIsRecorded) {
  Load(
      "rules: [{name: flood, match: [alertname=Flood], hosts: {label: instance}, action: start, "
      "run: {playbook: gone}}]\n");
  const Decision decision = OnMx1();
  EXPECT_EQ(decision.taken, kRecord);
  EXPECT_THAT(Why(decision), HasSubstr("cannot be run"));
  EXPECT_TRUE(decision.page);
  Use("");
  facts_.operations = nullptr;
  EXPECT_EQ(OnMx1().taken, kRecord);
}

TEST_F(DecideTest, QuietHours) {
  // It is Wednesday, 13:00 in Berlin.
  Use("quiet_hours: [{name: lunch, days: [wed], from: '12:30', to: '13:30', time_zone: "
      "Europe/Berlin}]\n");
  const Decision decision = OnMx1();
  EXPECT_EQ(decision.taken, kPropose);
  EXPECT_THAT(Why(decision), HasSubstr("quiet hours 'lunch' (12:30 to 13:30 Europe/Berlin)"));
  facts_.now += absl::Minutes(30);
  EXPECT_EQ(OnMx1().taken, kStart);
}

TEST_F(DecideTest, ANewsletterIsNoAttack) {
  for (const char* name : {"mx1", "mx2"}) (*Host(name)->mutable_labels())["role"] = "bulk";
  Use("bulk_mail: [{name: news, hosts: role=bulk, begin: '2026-03-04T11:00:00Z', end: "
      "'2026-03-04T13:00:00Z'}]\n");
  const Decision decision = OnMx1();
  EXPECT_EQ(decision.taken, kRecord);
  EXPECT_FALSE(decision.page);
  EXPECT_THAT(HostsOf(decision), ElementsAre("mx1"));
  EXPECT_THAT(Why(decision),
              HasSubstr("bulk mail is announced for mx1 in the window 'news' (until 2026-03-04 "
                        "13:00 UTC)"));
  // Of some hosts only: the others are an attack.
  const Decision three =
      One({MakeAlert("Flood", "mx1"), MakeAlert("Flood", "mx2"), MakeAlert("Flood", "mx3")});
  EXPECT_EQ(three.taken, kStart);
  EXPECT_THAT(HostsOf(three), ElementsAre("mx3"));
  EXPECT_THAT(three.request.hosts(), ElementsAre("id-mx3"));
  EXPECT_THAT(Why(three), HasSubstr("announced for mx1, mx2"));
  facts_.now += absl::Hours(1);
  EXPECT_EQ(OnMx1().taken, kStart);
  Use("bulk_mail: [{name: all, days: [wed]}]\n");
  EXPECT_EQ(One({MakeAlert("Flood", "mx4")}).taken, kRecord);
}

TEST_F(DecideTest, TheBudgetOfRuns) {
  Use("budget: {runs: 3, hosts: 100, per: 1h}\n");
  const auto spent = [](const std::string& host, v1::EscalationState state, absl::Duration ago) {
    return MakeEscalation("e-" + host, "another", state, {host}, ago);
  };
  facts_.escalations = {spent("a", v1::ESCALATION_STATE_RESOLVED, absl::Minutes(50)),
                        spent("b", v1::ESCALATION_STATE_RUNNING, absl::Minutes(5))};
  EXPECT_EQ(OnMx1().taken, kStart);
  EXPECT_EQ(BudgetLeft(rules_, facts_.escalations, facts_.now).runs, 1);
  facts_.escalations.push_back(spent("c", v1::ESCALATION_STATE_STARTING, absl::Minutes(1)));
  const Decision decision = OnMx1();
  EXPECT_EQ(decision.taken, kPropose);
  EXPECT_THAT(Why(decision),
              HasSubstr("the budget of 3 runs and 100 hosts per 1h has 0 runs and 97 hosts left, "
                        "and this takes 1 run and 1 host"));
  // It comes back with time.
  facts_.escalations[0] = spent("a", v1::ESCALATION_STATE_RESOLVED, absl::Minutes(60));
  EXPECT_EQ(OnMx1().taken, kStart);
  // Each try counts.
  facts_.escalations[1].set_tries(2);
  EXPECT_EQ(OnMx1().taken, kPropose);
}

TEST_F(DecideTest, WhatDoesNotSpendTheBudget) {
  Use("budget: {runs: 1}\n");
  v1::Escalation approved = MakeEscalation("e1", "another", v1::ESCALATION_STATE_RESOLVED, {"a"});
  approved.set_taken(kPropose);
  v1::Escalation cancelled = MakeEscalation("e2", "another", v1::ESCALATION_STATE_CANCELLED, {"a"});
  cancelled.set_tries(0);
  cancelled.clear_start_time();
  facts_.escalations = {approved, cancelled};
  EXPECT_EQ(OnMx1().taken, kStart);
  Use("budget: {runs: 0}\n");
  EXPECT_EQ(OnMx1().taken, kPropose);
}

TEST_F(DecideTest, TheBudgetOfHosts) {
  Use("budget: {runs: 100, hosts: 3, per: 1h}\n");
  facts_.escalations = {MakeEscalation("e1", "another", v1::ESCALATION_STATE_RESOLVED, {"a", "b"})};
  EXPECT_EQ(OnMx1().taken, kStart);
  const Decision two = One({MakeAlert("Flood", "mx1"), MakeAlert("Flood", "mx2")});
  EXPECT_EQ(two.taken, kPropose);
  EXPECT_THAT(Why(two), HasSubstr("1 host left, and this takes 1 run and 2 hosts"));
}

TEST_F(DecideTest, TheBudgetIsSpentWithinOneCall) {
  Use("budget: {runs: 2}\n");
  std::vector<v1::Alert> alerts;
  for (const char* host : {"mx1", "mx2", "mx3", "mx4"}) {
    alerts.push_back(MakeAlert("Flood", host));
    alerts.back().set_group_key(host);
  }
  const std::vector<Decision> decisions = All(alerts);
  ASSERT_THAT(decisions, SizeIs(4));
  EXPECT_EQ(decisions[0].taken, kStart);
  EXPECT_EQ(decisions[1].taken, kStart);
  EXPECT_EQ(decisions[2].taken, kPropose);
  EXPECT_EQ(decisions[3].taken, kPropose);
  EXPECT_THAT(Why(decisions[3]), HasSubstr("has 0 runs"));
}

// All that stands against it is said, so that a person need not find out one by one.
TEST_F(DecideTest, SeveralGuardsAllSpeak) {
  Use("budget: {runs: 0}\nquiet_hours: [{name: q, days: [wed]}]\n");
  facts_.paused = true;
  facts_.busy["id-mx1"] = "r1";
  const Decision decision = OnMx1();
  EXPECT_EQ(decision.taken, kPropose);
  for (const char* part :
       {"paused", "run r1", "quiet hours 'q' (the whole day UTC)", "the budget of 0 runs"})
    EXPECT_THAT(Why(decision), HasSubstr(part));
  EXPECT_THAT(decision.reasons.back(), HasSubstr("is proposed"));
}

TEST_F(DecideTest, AProposalIsNotToldWhatConcernsStarts) {
  Load(
      "rules: [{name: flood, match: [alertname=Flood], hosts: {label: instance}, action: propose, "
      "run: {playbook: contain}}]\n"
      "budget: {runs: 0}\nquiet_hours: [{name: q, days: [wed]}]\n");
  facts_.paused = true;
  const Decision decision = OnMx1();
  EXPECT_EQ(decision.taken, kPropose);
  for (const char* part : {"paused", "quiet", "budget"})
    EXPECT_THAT(Why(decision), Not(HasSubstr(part)));
}

}  // namespace
}  // namespace mailquench::controller
