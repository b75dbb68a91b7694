// From the inbox to the end of a run, with crashes between any two steps.
#include "tests/unit/escalation/escalation_fixture.h"

namespace mailquench::controller {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

TEST_F(EscalationTest, AnAlertBecomesAnIncidentAndARun) {
  Raise({Alert("Flood", "mx-a")});
  const v1::Escalation one = Only();
  EXPECT_EQ(one.state(), v1::ESCALATION_STATE_RUNNING) << one.DebugString();
  EXPECT_EQ(one.taken(), v1::ESCALATION_ACTION_START);
  ASSERT_EQ(one.run_ids_size(), 1);
  const v1::Run run = Get(one.run_ids(0));
  EXPECT_EQ(run.incident_id(), one.incident_id());
  EXPECT_EQ(run.requested_by(), "rule:flood");
  EXPECT_TRUE(run.no_input());
  ASSERT_EQ(run.hosts_size(), 1);
  EXPECT_EQ(run.hosts(0).name(), "mx-a");
  EXPECT_THAT(link_.Commands("a"), SizeIs(1));
  EXPECT_THAT(Notices(), AllOf(Contains("incident-opened"), Contains("run-started")));

  RunToItsEnd();
  EXPECT_EQ(Only().state(), v1::ESCALATION_STATE_VERIFYING);
  Raise({Ended(Alert("Flood", "mx-a"))});
  EXPECT_EQ(Only().state(), v1::ESCALATION_STATE_RESOLVED);
  EXPECT_TRUE(Only().has_end_time());
  EXPECT_THAT(Notices(), AllOf(Contains("contained"), Contains("resolved"), Not(Contains("page"))));
}

TEST_F(EscalationTest, TheSameAlertAThousandTimesIsOne) {
  const v1::Alert alert = Alert("Flood", "mx-a");
  std::int64_t taken = 0, duplicates = 0;
  std::vector<std::thread> senders;
  std::mutex mu;
  for (int t = 0; t < 8; ++t) {
    senders.emplace_back([&] {
      for (int i = 0; i < 125; ++i) {
        const auto one = core_->escalations().Take({alert});
        const std::lock_guard<std::mutex> lock(mu);
        ASSERT_TRUE(one.ok());
        taken += one->taken;
        duplicates += one->duplicates;
      }
    });
  }
  for (std::thread& sender : senders) sender.join();
  EXPECT_EQ(taken, 1);
  EXPECT_EQ(duplicates, 999);
  core_->escalations().Work();
  EXPECT_THAT(Runs(), SizeIs(1));
  // Also of one that the memory of this process does not know.
  Restart();
  EXPECT_EQ(Take({alert}).duplicates, 1);
  core_->escalations().Work();
  EXPECT_THAT(Runs(), SizeIs(1));
}

TEST_F(EscalationTest, AFloodOfAlertsIsOneIncident) {
  std::vector<v1::Alert> flood;
  for (int i = 0; i < 1000; ++i) {
    v1::Alert alert = Alert("Flood", i % 2 == 0 ? "mx-a" : "mx-b");
    (*alert.mutable_labels())["queue"] = std::to_string(i);
    alert.clear_fingerprint();
    ASSERT_TRUE(Complete("am", clock_.now_, &alert).ok());
    flood.push_back(alert);
  }
  EXPECT_EQ(Take(flood).taken, 1000);
  core_->escalations().Work();
  EXPECT_EQ(Only().alert_count(), 1000);
  EXPECT_EQ(Only().hosts_size(), 2);
  EXPECT_THAT(Runs(), SizeIs(1));
  EXPECT_EQ(core_->ListIncidents({})->incidents_size(), 1);
}

// Killed after each commit: what was taken in is decided once and done once.
TEST_F(EscalationTest, NothingIsLostAndNothingIsDoneTwice) {
  Take({Alert("Flood", "mx-a")});
  Restart();  // Before anybody looked.
  EXPECT_THAT(Runs(), SizeIs(0));
  DieAt("escalation.decided", [&] { core_->escalations().Work(); });
  EXPECT_EQ(Only().state(), v1::ESCALATION_STATE_STARTING);
  EXPECT_THAT(Runs(), SizeIs(0));
  DieAt("escalation.started", [&] { core_->escalations().Work(); });
  EXPECT_THAT(Runs(), SizeIs(1));
  EXPECT_EQ(Only().state(), v1::ESCALATION_STATE_STARTING) << "nobody has written it down";
  core_->escalations().Work();
  EXPECT_THAT(Runs(), SizeIs(1));
  EXPECT_EQ(Only().state(), v1::ESCALATION_STATE_RUNNING);
  EXPECT_EQ(Only().tries(), 1);
  EXPECT_EQ(core_->ListIncidents({})->incidents_size(), 1);
  const std::vector<std::string> told = Notices();
  EXPECT_EQ(std::count(told.begin(), told.end(), "run-started"), 1);
  Restart();
  core_->escalations().Work();
  EXPECT_EQ(Notices(), told);
}

// The run was started, the word of it was not written down, and the alert ends meanwhile.
TEST_F(EscalationTest, AnEndNeverForgetsARunThatGoesOn) {
  Take({Alert("Flood", "mx-a")});
  DieAt("escalation.started", [&] { core_->escalations().Work(); });
  Take({Ended(Alert("Flood", "mx-a"))});
  Restart();
  core_->escalations().Work();
  EXPECT_EQ(Only().state(), v1::ESCALATION_STATE_RUNNING);
  // The command left before the kill; the agent is asked after it and has done it.
  for (const auto& [host, message] : std::vector(link_.sent)) {
    v1::KnownCommands known;
    for (const std::string& id : message.reconcile().command_ids()) {
      known.add_reports()->set_command_id(id);
      known.mutable_reports(0)->set_outcome(v1::OUTCOME_SUCCEEDED);
    }
    if (known.reports_size() > 0) core_->events().OnKnown(host, known);
  }
  RunToItsEnd();
  EXPECT_EQ(Only().state(), v1::ESCALATION_STATE_RESOLVED);
}

TEST_F(EscalationTest, AnEndCancelsWhatHasNotStartedAndNothingElse) {
  Raise({Alert("Maybe", "mx-a")});
  EXPECT_EQ(Only().state(), v1::ESCALATION_STATE_PROPOSED);
  Raise({Ended(Alert("Maybe", "mx-a"))});
  EXPECT_EQ(Only().state(), v1::ESCALATION_STATE_CANCELLED);
  EXPECT_THAT(Runs(), SizeIs(0));

  Raise({Alert("Flood", "mx-b")});
  Raise({Ended(Alert("Flood", "mx-b"))});
  ASSERT_THAT(Runs(), SizeIs(1));
  EXPECT_EQ(Runs()[0].state(), v1::RUN_STATE_RUNNING);
  EXPECT_FALSE(Runs()[0].cancel_requested());
}

TEST_F(EscalationTest, AnEndThatComesFirstStartsNothing) {
  Take({Alert("Flood", "mx-a"), Ended(Alert("Flood", "mx-a"))});
  core_->escalations().Work();
  EXPECT_THAT(Runs(), SizeIs(0));
  EXPECT_THAT(All(), SizeIs(0));
  const auto history = core_->escalations().ListAlerts({});
  ASSERT_EQ(history->alerts_size(), 2);
  EXPECT_THAT(history->alerts(1).note(), HasSubstr("resolved before it was looked at"));
}

TEST_F(EscalationTest, ARunThatFailsTwicePagesAndIsNotTriedAgain) {
  Raise({Alert("Flood", "mx-a")});
  FailAll();
  EXPECT_EQ(Only().state(), v1::ESCALATION_STATE_STARTING) << Only().DebugString();
  EXPECT_THAT(Notices(), AllOf(Contains("run-failed"), Not(Contains("page"))));
  Pass(absl::Minutes(4));
  EXPECT_THAT(Runs(), SizeIs(1));
  Pass(absl::Minutes(2));
  ASSERT_EQ(Runs().size(), 2u) << Only().DebugString();
  FailAll();
  EXPECT_EQ(Only().state(), v1::ESCALATION_STATE_FAILED);
  EXPECT_THAT(Notices(), Contains("page"));
  Pass(absl::Minutes(30));
  Raise({Alert("Flood", "mx-a")});  // The same trouble begins anew.
  EXPECT_THAT(Runs(), SizeIs(2));
}

TEST_F(EscalationTest, TheSecondTryIsHeldToTheGuards) {
  Raise({Alert("Flood", "mx-a")});
  FailAll();
  v1::SetPauseRequest pause;
  pause.set_paused(true);
  pause.set_reason("we look at it");
  ASSERT_TRUE(core_->escalations().SetPause(pause, "ann").ok());
  Pass(absl::Minutes(6));
  EXPECT_THAT(Runs(), SizeIs(1));
  EXPECT_EQ(Only().state(), v1::ESCALATION_STATE_FAILED);
  EXPECT_THAT(Notices(), Contains("page"));
}

TEST_F(EscalationTest, AQueueThatRefillsPagesAtOnce) {
  Raise({Alert("Flood", "mx-a")});
  RunToItsEnd(v1::WATCH_VERDICT_REFILLING);
  EXPECT_EQ(Only().state(), v1::ESCALATION_STATE_FAILED) << Only().DebugString();
  EXPECT_THAT(Notices(), Contains("page"));
  Pass(absl::Hours(1));
  EXPECT_THAT(Runs(), SizeIs(1));
}

TEST_F(EscalationTest, AlertsThatFireOnAfterAGoodRunPage) {
  Raise({Alert("Flood", "mx-a")});
  RunToItsEnd();
  Pass(absl::Minutes(14));
  EXPECT_EQ(Only().state(), v1::ESCALATION_STATE_VERIFYING);
  Pass(absl::Minutes(2));
  EXPECT_EQ(Only().state(), v1::ESCALATION_STATE_FAILED);
  EXPECT_THAT(Notices(), Contains("page"));
}

TEST_F(EscalationTest, WhatAPersonCancelsIsNotStartedAgain) {
  Raise({Alert("Flood", "mx-a")});
  v1::CancelRunRequest cancel;
  cancel.set_run_id(Only().run_ids(0));
  cancel.set_reason("I do it by hand");
  ASSERT_TRUE(core_->CancelRun(cancel, "ann").ok());
  AnswerAll();
  Pass(absl::Minutes(10));
  EXPECT_EQ(Only().state(), v1::ESCALATION_STATE_REJECTED) << Only().DebugString();
  EXPECT_THAT(Runs(), SizeIs(1));
}

TEST_F(EscalationTest, ABudgetThatIsSpentProposes) {
  Raise({Alert("Flood", "mx-a")});
  RunToItsEnd();
  Raise({Alert("Flood", "mx-b")});
  RunToItsEnd();
  Raise({Alert("Flood", "mx-c")});
  RunToItsEnd();
  EXPECT_THAT(Runs(), SizeIs(3));
  const auto rules = core_->escalations().GetRules();
  ASSERT_TRUE(rules.ok());
  EXPECT_EQ(rules->runs_left(), 0);
  Pass(absl::Minutes(20));  // Beyond the cool-down, within the hour.
  Raise({Alert("Flood", "mx-a")});
  EXPECT_THAT(Runs(), SizeIs(3));
}

TEST_F(EscalationTest, AnUnknownAlertIsKeptAndDoesNothing) {
  Raise({Alert("Weather", "mx-a")});
  EXPECT_THAT(All(), SizeIs(0));
  EXPECT_THAT(link_.Commands(), SizeIs(0));
  const auto history = core_->escalations().ListAlerts({});
  ASSERT_EQ(history->alerts_size(), 1);
  EXPECT_TRUE(history->alerts(0).done());
  EXPECT_THAT(history->alerts(0).note(), HasSubstr("no rule matches"));
}

// Its Alertmanager answers nobody: the run does not wait for it, and the silence ends by itself.
class WithoutAlertmanager : public EscalationTest {
 protected:
  WithoutAlertmanager() {
    rules_ =
        absl::StrCat(kRules, "alertmanagers:\n",
                     "  - {name: main, url: 'http://127.0.0.1:1', sources: [am], limit: 1s}\n");
  }
};

TEST_F(WithoutAlertmanager, TheRunIsNotHeldUpAndASilenceThatCannotBeLiftedIsTold) {
  Raise({Alert("Flood", "mx-a")});
  core_->escalations().Outside();
  EXPECT_EQ(Only().silence().state(), v1::Silence::STATE_WANTED);
  EXPECT_NE(Only().silence().error(), "");
  RunToItsEnd();
  EXPECT_EQ(Only().state(), v1::ESCALATION_STATE_VERIFYING);
  EXPECT_EQ(Only().silence().state(), v1::Silence::STATE_LIFTING);
  for (int i = 0; i < 7; ++i) {
    clock_.now_ += absl::Minutes(1);
    core_->escalations().Outside();
  }
  EXPECT_THAT(Notices(), Contains("silence-stuck"));
}

TEST_F(EscalationTest, AFileThatIsWrongLeavesTheControllerWithoutRules) {
  rules_ = "rules: [{name: x, match: 5}]\n";
  Restart();
  const auto rules = core_->escalations().GetRules();
  ASSERT_TRUE(rules.ok());
  EXPECT_EQ(rules->rules_size(), 0);
  EXPECT_THAT(rules->load_error(), HasSubstr("escalation.yaml:1"));
  Raise({Alert("Flood", "mx-a")});
  EXPECT_THAT(Runs(), SizeIs(0));

  WriteRules(kRules);
  ASSERT_TRUE(core_->escalations().Reload("ann").ok());
  EXPECT_EQ(core_->escalations().GetRules()->rules_size(), 3);
  // One that is wrong changes nothing.
  WriteRules("rules: 5\n");
  EXPECT_FALSE(core_->escalations().Reload("ann").ok());
  EXPECT_EQ(core_->escalations().GetRules()->rules_size(), 3);
}

}  // namespace
}  // namespace mailquench::controller
