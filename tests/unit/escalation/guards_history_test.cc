// Cool-down, flapping, failures: what was keeps things from starting again.
#include "tests/unit/escalation/fleet_fixture.h"

namespace mailquench::controller {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

v1::Escalation Answered(v1::EscalationState state, const std::string& host, absl::Duration ago) {
  v1::Escalation escalation = MakeEscalation("e1", "flood", state, {host}, ago);
  *escalation.add_alerts() = MakeAlert("Flood", host + ":9100");
  escalation.set_alert_count(1);
  return escalation;
}

TEST_F(DecideTest, CooldownIsPerFingerprint) {
  facts_.escalations = {Answered(v1::ESCALATION_STATE_RESOLVED, "mx1", absl::Minutes(12))};
  const Decision decision = OnMx1();
  EXPECT_EQ(decision.wanted, kStart);
  EXPECT_EQ(decision.taken, kRecord);
  EXPECT_FALSE(decision.page);
  EXPECT_THAT(HostsOf(decision), ElementsAre("mx1"));
  EXPECT_THAT(Why(decision),
              HasSubstr("Flood of mx1 was answered 12m ago by escalation e1, within the "
                        "cool-down of 1h"));
  // Another host's alert does not wait for it.
  const Decision both = One({MakeAlert("Flood", "mx1:9100"), MakeAlert("Flood", "mx2:9100")});
  EXPECT_EQ(both.taken, kStart);
  EXPECT_THAT(HostsOf(both), ElementsAre("mx2"));
  EXPECT_THAT(Why(both), HasSubstr("Flood of mx1 was answered"));
  // A new alert of the same host is none that was answered; but the sender alone says that it is
  // new, and by itself nothing runs there again so soon.
  v1::Alert fresh = MakeAlert("Flood", "mx1");
  fresh.set_fingerprint("fresh");
  EXPECT_EQ(One({fresh}).taken, kPropose);
  EXPECT_THAT(Why(One({fresh})), HasSubstr("mx1 was worked on by this rule for another alert"));
  EXPECT_EQ(One({fresh, MakeAlert("Flood", "mx1:9100")}).taken, kPropose);
}

TEST_F(DecideTest, CooldownEnds) {
  facts_.escalations = {Answered(v1::ESCALATION_STATE_RESOLVED, "mx1", absl::Minutes(60))};
  EXPECT_EQ(OnMx1().taken, kStart);
  facts_.escalations = {Answered(v1::ESCALATION_STATE_RESOLVED, "mx1", absl::Minutes(59))};
  EXPECT_EQ(OnMx1().taken, kRecord);
  Use("", ", cooldown: 0");
  EXPECT_EQ(OnMx1().taken, kStart);
}

TEST_F(DecideTest, OnlyWhatWasStartedCoolsDown) {
  v1::Escalation never = Answered(v1::ESCALATION_STATE_CANCELLED, "mx1", absl::Minutes(5));
  never.set_tries(0);
  never.clear_start_time();
  facts_.escalations = {never};
  EXPECT_EQ(OnMx1().taken, kStart);
  // A person's approval starts, too.
  v1::Escalation approved = Answered(v1::ESCALATION_STATE_RESOLVED, "mx1", absl::Minutes(5));
  approved.set_taken(kPropose);
  facts_.escalations = {approved};
  EXPECT_EQ(OnMx1().taken, kRecord);
  // From its last try: the first began before the cool-down.
  v1::Escalation twice = Answered(v1::ESCALATION_STATE_RESOLVED, "mx1", absl::Minutes(70));
  twice.set_tries(2);
  facts_.escalations = {twice};
  EXPECT_EQ(OnMx1().taken, kRecord);
}

// Of an escalation of a flood not all alerts are kept.
TEST_F(DecideTest, CooldownOfAnAlertThatWasNotKept) {
  v1::Escalation flood = MakeEscalation("e1", "flood", v1::ESCALATION_STATE_RESOLVED, {"mx1"});
  *flood.add_alerts() = MakeAlert("Flood", "mx9");
  flood.set_alert_count(500);
  facts_.escalations = {flood};
  EXPECT_EQ(OnMx1().taken, kRecord);
  EXPECT_EQ(One({MakeAlert("Flood", "mx2")}).taken, kStart);
}

TEST_F(DecideTest, AFlappingHostIsAPersons) {
  std::vector<absl::Time>& changes = facts_.changes["Flood@mx1:9100"];
  for (const int minutes : {1, 6, 11, 45}) changes.push_back(TestNow() - absl::Minutes(minutes));
  EXPECT_EQ(OnMx1().taken, kStart);  // Three within half an hour.
  changes.push_back(TestNow() - absl::Minutes(29));
  const Decision decision = OnMx1();
  EXPECT_EQ(decision.taken, kRecord);
  EXPECT_TRUE(decision.page);
  EXPECT_THAT(Why(decision),
              HasSubstr("Flood of mx1 flaps, with 4 changes within 30m where 4 are too many"));
  // The others go on, and the page stays.
  const Decision both = One({MakeAlert("Flood", "mx1:9100"), MakeAlert("Flood", "mx2")});
  EXPECT_EQ(both.taken, kStart);
  EXPECT_THAT(HostsOf(both), ElementsAre("mx2"));
  EXPECT_TRUE(both.page);
}

TEST_F(DecideTest, AFlappingAlertThatIsOnlyRecordedPagesNobody) {
  Load("rules: [{name: note, match: [alertname=Flood], hosts: {label: instance}}]\n");
  facts_.changes["Flood@mx1:9100"] = std::vector<absl::Time>(10, TestNow());
  EXPECT_FALSE(OnMx1().page);
}

TEST_F(DecideTest, AnAlertThatIsBackAfterAFailure) {
  Use("", ", cooldown: 1m");
  v1::Escalation failed = Answered(v1::ESCALATION_STATE_FAILED, "mx1", absl::Minutes(30));
  facts_.escalations = {failed};
  const Decision decision = OnMx1();
  EXPECT_EQ(decision.taken, kRecord);
  EXPECT_TRUE(decision.page);
  EXPECT_THAT(Why(decision), HasSubstr("is back after escalation e1 failed"));
  EXPECT_EQ(One({MakeAlert("Flood", "mx2")}).taken, kStart);
  failed.set_rule("another");
  facts_.escalations = {failed};
  EXPECT_EQ(OnMx1().taken, kStart);
  // Long ago: not remembered.
  facts_.escalations = {Answered(v1::ESCALATION_STATE_FAILED, "mx1", absl::Hours(9))};
  EXPECT_EQ(OnMx1().taken, kStart);
}

TEST_F(DecideTest, WhoWasPagedIsNotPagedAgain) {
  facts_.changes["Flood@mx1:9100"] = std::vector<absl::Time>(10, TestNow());
  v1::Escalation open = MakeEscalation("e1", "flood", v1::ESCALATION_STATE_RECORDED, {"mx1"});
  open.set_taken(kRecord);
  facts_.escalations = {open};
  EXPECT_TRUE(OnMx1().page);
  facts_.escalations[0].set_paged(true);
  EXPECT_FALSE(OnMx1().page);
}

// Clocks that were set back, and monitoring whose clock is ahead, make nothing more likely to
// start.
TEST_F(DecideTest, TimesOfTheFuture) {
  facts_.escalations = {Answered(v1::ESCALATION_STATE_RESOLVED, "mx1", -absl::Hours(5))};
  EXPECT_EQ(OnMx1().taken, kRecord);
  EXPECT_EQ(BudgetLeft(rules_, facts_.escalations, facts_.now).runs, 3);
  facts_.escalations.clear();
  facts_.changes["Flood@mx1:9100"] = std::vector<absl::Time>(4, TestNow() + absl::Hours(1));
  EXPECT_EQ(OnMx1().taken, kRecord);
}

// A proposal, too, is not made for an alert that comes and goes.
TEST_F(DecideTest, ProposalsHeedHistory) {
  Load(
      "rules: [{name: flood, match: [alertname=Flood], hosts: {label: instance}, action: propose, "
      "run: {playbook: contain}}]\n");
  facts_.changes["Flood@mx1:9100"] = std::vector<absl::Time>(10, TestNow());
  const Decision decision = OnMx1();
  EXPECT_EQ(decision.taken, kRecord);
  EXPECT_TRUE(decision.page);
  EXPECT_THAT(Why(decision), Not(HasSubstr("is proposed")));
}

}  // namespace
}  // namespace mailquench::controller
