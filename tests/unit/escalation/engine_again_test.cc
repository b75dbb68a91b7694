// What comes late, again, or without an end: restarts, second tries, repeats, alerts that are
// missing.
#include <sqlite3.h>

#include "tests/unit/alertmanager/real_alertmanager.h"
#include "tests/unit/escalation/escalation_fixture.h"

namespace mailquench::controller {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class AgainTest : public EscalationTest {
 protected:
  void Pause(bool paused) {
    v1::SetPauseRequest pause;
    pause.set_paused(paused);
    ASSERT_TRUE(core_->escalations().SetPause(pause, "ann").ok());
  }
  static std::vector<std::string> HostsOf(const v1::Run& run) {
    std::vector<std::string> names;
    for (const v1::RunHost& host : run.hosts()) names.push_back(host.name());
    return names;
  }
  std::size_t Count(const std::string& kind) {
    const std::vector<std::string> told = Notices();
    return static_cast<std::size_t>(std::count(told.begin(), told.end(), kind));
  }
  v1::Alert WithoutStart(const std::string& name, const std::string& instance) {
    v1::Alert alert = Alert(name, instance);
    alert.clear_start_time();
    EXPECT_TRUE(Complete("script", clock_.now_, &alert).ok());
    return alert;
  }
  void Sql(const std::string& text) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open((folder_ + "/store").c_str(), &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 10000);
    EXPECT_EQ(sqlite3_exec(db, text.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db);
    sqlite3_close(db);
  }
};

TEST_F(AgainTest, WhatHasNotBegunIsJudgedAnewAfterARestart) {
  Take({Alert("Flood", "mx-a")});
  DieAt("escalation.decided", [&] { core_->escalations().Work(); });
  EXPECT_EQ(Only().state(), v1::ESCALATION_STATE_STARTING);
  Pause(true);
  core_->escalations().Work();
  EXPECT_THAT(Runs(), SizeIs(0));
  const v1::Escalation one = Only();
  EXPECT_EQ(one.state(), v1::ESCALATION_STATE_PROPOSED) << one.DebugString();
  EXPECT_EQ(one.plan().hosts_size(), 1);
  EXPECT_THAT(Notices(), Contains("proposal"));
  v1::ApproveEscalationRequest approve;
  approve.set_escalation_id(one.escalation_id());
  approve.set_plan_hash(one.plan().plan_hash());
  EXPECT_TRUE(core_->escalations().Approve(approve, "ann").ok());
  EXPECT_THAT(Runs(), SizeIs(1));
}

// The rule runs something else by now: what was decided is not what its guards were asked about.
TEST_F(AgainTest, WhatItsRuleDoesNotRunAnyMoreIsNotBegunLate) {
  Take({Alert("Flood", "mx-a")});
  DieAt("escalation.decided", [&] { core_->escalations().Work(); });
  std::string other = kRules;
  const std::string before = "action: start\n    run: {playbook: contain}";
  ASSERT_NE(other.find(before), std::string::npos);
  other.replace(other.find(before), before.size(), "action: start\n    run: {playbook: survey}");
  WriteRules(other);
  ASSERT_TRUE(core_->escalations().Reload("ann").ok());
  core_->escalations().Work();
  EXPECT_THAT(Runs(), SizeIs(0));
  const v1::Escalation one = Only();
  EXPECT_EQ(one.state(), v1::ESCALATION_STATE_PROPOSED) << one.DebugString();
  EXPECT_EQ(one.plan().hosts_size(), 1);
}

// The budget is for one run, and this is it.
class OneRunAnHour : public AgainTest {
 protected:
  OneRunAnHour() {
    const std::string before = "budget: {runs: 3";
    rules_.replace(rules_.find(before), before.size(), "budget: {runs: 1");
  }
};

TEST_F(OneRunAnHour, DoesNotStandInItsOwnWayAfterARestart) {
  Take({Alert("Flood", "mx-a")});
  DieAt("escalation.decided", [&] { core_->escalations().Work(); });
  core_->escalations().Work();
  EXPECT_THAT(Runs(), SizeIs(1));
}

TEST_F(OneRunAnHour, IsSpentByTheFirstTry) {
  Raise({Alert("Flood", "mx-a")});
  FailAll();
  Pass(absl::Minutes(6));
  EXPECT_THAT(Runs(), SizeIs(1));
  EXPECT_EQ(Only().state(), v1::ESCALATION_STATE_FAILED);
  EXPECT_THAT(Only().timeline().rbegin()->text(), HasSubstr("budget"));
}

TEST_F(AgainTest, TheSecondTryIsForTheHostsWhoseAlertsFireOn) {
  Raise({Alert("Flood", "mx-a"), Alert("Flood", "mx-b")});
  ASSERT_THAT(Runs(), SizeIs(1));
  FailAll();
  Raise({Ended(Alert("Flood", "mx-a"))});
  Pass(absl::Minutes(6));
  ASSERT_THAT(Runs(), SizeIs(2)) << Only().DebugString();
  std::vector<std::vector<std::string>> hosts = {HostsOf(Runs()[0]), HostsOf(Runs()[1])};
  EXPECT_THAT(hosts,
              UnorderedElementsAre(UnorderedElementsAre("mx-a", "mx-b"), ElementsAre("mx-b")));
}

TEST_F(AgainTest, AlertsOfHostsThatItDidNotWorkOnDoNotFailAGoodRun) {
  Raise({Alert("Flood", "mx-a"), Alert("Flood", "elsewhere")});
  ASSERT_THAT(Runs(), SizeIs(1));
  RunToItsEnd();
  Raise({Ended(Alert("Flood", "mx-a"))});
  EXPECT_EQ(Only().firing_count(), 1);
  Pass(absl::Minutes(16));
  EXPECT_EQ(Only().state(), v1::ESCALATION_STATE_RESOLVED) << Only().DebugString();
  EXPECT_THAT(Notices(), Not(Contains("page")));
}

TEST_F(AgainTest, WhatComesAfterItsIncidentWasClosedIsANewOne) {
  Raise({Alert("Note", "mx-a")});
  const std::string first = Only().incident_id();
  v1::CloseIncidentRequest close;
  close.set_incident_id(first);
  ASSERT_TRUE(core_->CloseIncident(close, "ann").ok());
  WriteRules(absl::StrCat("rules:\n  - {name: note, match: ['alertname=\"Note\"'], ",
                          "hosts: {label: instance}, action: start, run: {playbook: contain}}\n"));
  ASSERT_TRUE(core_->escalations().Reload("ann").ok());
  v1::Alert more = Alert("Note", "mx-b");
  Raise({more});
  ASSERT_THAT(Runs(), SizeIs(1));
  EXPECT_NE(Runs()[0].incident_id(), first);
  EXPECT_EQ(Runs()[0].state(), v1::RUN_STATE_RUNNING);
}

TEST_F(AgainTest, ARepeatWithoutAStartIsOneTrouble) {
  Raise({WithoutStart("Flood", "mx-a")});
  ASSERT_THAT(Runs(), SizeIs(1));
  for (int i = 0; i < 50; ++i) {
    clock_.now_ += absl::Seconds(30);
    EXPECT_EQ(Take({WithoutStart("Flood", "mx-a")}).duplicates, 1);
  }
  EXPECT_EQ(Only().alert_count(), 1);
  // Its end is an end, and what comes after it begins anew.
  v1::Alert end = WithoutStart("Flood", "mx-a");
  end.set_status(v1::ALERT_STATUS_RESOLVED);
  ASSERT_TRUE(Complete("script", clock_.now_, &end).ok());
  Take({end});
  EXPECT_EQ(Take({WithoutStart("Flood", "mx-a")}).taken, 1);
}

TEST_F(AgainTest, ARepeatWithoutAStartIsLookedAtAgainAfterAnHour) {
  Raise({WithoutStart("Note", "mx-a")});
  clock_.now_ += absl::Minutes(59);
  EXPECT_EQ(Take({WithoutStart("Note", "mx-a")}).duplicates, 1);
  clock_.now_ += absl::Minutes(2);
  EXPECT_EQ(Take({WithoutStart("Note", "mx-a")}).taken, 1);
}

TEST_F(AgainTest, WhatNoRuleWantedIsDecidedAnewOnceThereAreOthers) {
  WriteRules("rules: []\n");
  ASSERT_TRUE(core_->escalations().Reload("ann").ok());
  const v1::Alert alert = Alert("Flood", "mx-a");
  clock_.now_ += absl::Seconds(1);
  Raise({alert});
  EXPECT_EQ(Take({alert}).duplicates, 1) << "nothing has changed";
  clock_.now_ += absl::Seconds(1);
  WriteRules(kRules);
  ASSERT_TRUE(core_->escalations().Reload("ann").ok());
  core_->escalations().Work();
  EXPECT_THAT(Runs(), SizeIs(0)) << "whether it fires on is not known before it is sent again";
  EXPECT_EQ(Take({alert}).taken, 1);
  core_->escalations().Work();
  EXPECT_THAT(Runs(), SizeIs(1));
  EXPECT_EQ(Take({alert}).duplicates, 1);
}

TEST_F(AgainTest, APersonIsPagedAboutTheEndThoughTheyWerePagedBefore) {
  for (int i = 0; i < 3; ++i) {
    clock_.now_ += absl::Minutes(1);
    Raise({Alert("Flood", "mx-b"), Ended(Alert("Flood", "mx-b"))});
  }
  clock_.now_ += absl::Minutes(1);
  Raise({Alert("Flood", "mx-a"), Alert("Flood", "mx-b")});  // The second one flaps.
  EXPECT_EQ(Count("page"), 1u);
  ASSERT_THAT(Runs(), SizeIs(1));
  FailAll();
  Pass(absl::Minutes(6));
  FailAll();
  EXPECT_EQ(All().front().state(), v1::ESCALATION_STATE_FAILED) << All().front().DebugString();
  EXPECT_EQ(Count("page"), 2u);
}

TEST_F(AgainTest, ManyEscalationsOfOneIncidentAreNotToldOneByOne) {
  for (int i = 0; i < 20; ++i) {
    v1::Alert alert = Alert("Flood", absl::StrCat("elsewhere-", i));
    alert.set_group_key(absl::StrCat("g", i));
    ASSERT_TRUE(Complete("am", clock_.now_, &alert).ok());
    clock_.now_ += absl::Seconds(1);
    Raise({alert});
  }
  EXPECT_THAT(All(), SizeIs(20));
  EXPECT_EQ(core_->ListIncidents({})->incidents_size(), 1);
  EXPECT_EQ(Count("held"), 6u);
  Restart();
  core_->escalations().Work();
  EXPECT_LE(Count("held"), 12u);
}

TEST_F(AgainTest, WhatCouldNotBeToldIsToldLater) {
  Sql("CREATE TRIGGER full BEFORE INSERT ON notices BEGIN SELECT RAISE(FAIL, 'disk is full'); END");
  Raise({Alert("Flood", "mx-a")});
  ASSERT_THAT(Runs(), SizeIs(1));
  EXPECT_THAT(Notices(), SizeIs(0));
  Sql("DROP TRIGGER full");
  Pass(absl::Seconds(1));
  EXPECT_THAT(Notices(), AllOf(Contains("incident-opened"), Contains("run-started")));
}

// Agents come back a little after the controller does.
class SettlingTest : public AgainTest {
 protected:
  void Configure(CoreOptions* options) override {
    AgainTest::Configure(options);
    options->escalation_settle = absl::Seconds(20);
  }
};

TEST_F(SettlingTest, NothingIsDecidedBeforeTheAgentsAreBack) {
  Take({Alert("Flood", "mx-a")});
  core_.reset();
  link_.online.clear();
  OpenCore();
  ASSERT_TRUE(core_->Resume().ok());
  core_->escalations().Work();
  EXPECT_THAT(All(), SizeIs(0));
  clock_.now_ += absl::Seconds(5);
  for (const char* id : {"a", "b", "c"}) Connect(id);
  BeatAll();
  core_->escalations().Work();
  EXPECT_EQ(Only().state(), v1::ESCALATION_STATE_RUNNING) << Only().DebugString();
}

TEST_F(SettlingTest, OneThatStaysAwayHoldsUpNothingForLong) {
  Take({Alert("Flood", "mx-a")});
  core_.reset();
  link_.online.clear();
  OpenCore();
  ASSERT_TRUE(core_->Resume().ok());
  Connect("a");
  BeatAll();
  core_->escalations().Work();
  EXPECT_THAT(All(), SizeIs(0));
  clock_.now_ += absl::Seconds(20);
  core_->escalations().Work();
  EXPECT_EQ(Only().state(), v1::ESCALATION_STATE_RUNNING) << Only().DebugString();
}

// An Alertmanager that has none of the alerts.
class MissingTest : public AgainTest {
 protected:
  void SetUp() override {
    if (!test::RealAlertmanager::Installed())
      GTEST_SKIP() << "needs Debian's prometheus-alertmanager";
    real_ = std::make_unique<test::RealAlertmanager>();
    rules_ = absl::StrCat(kRules, "alertmanagers:\n  - {name: main, url: '", real_->url(),
                          "', sources: [am], limit: 20s}\n");
    AgainTest::SetUp();
  }
  void TearDown() override {
    if (core_ != nullptr) AgainTest::TearDown();
  }
  void Poll(absl::Duration time) {
    for (absl::Duration done; done < time; done += absl::Seconds(10)) {
      clock_.now_ += absl::Seconds(10);
      core_->escalations().Outside();
    }
    core_->escalations().Work();
  }
  std::unique_ptr<test::RealAlertmanager> real_;
};

TEST_F(MissingTest, AnAlertHasEndedOnceItWasMissingForLongEnough) {
  const v1::Alert alert = Alert("Flood", "mx-a");
  Raise({alert});
  RunToItsEnd();
  Poll(absl::Minutes(2));  // So long may one be without alerts that was started again.
  EXPECT_EQ(Only().state(), v1::ESCALATION_STATE_VERIFYING);
  Poll(absl::Minutes(2));
  EXPECT_EQ(Only().state(), v1::ESCALATION_STATE_RESOLVED) << Only().DebugString();
  // It was wrong: the same alert, of the same start, is sent again.
  EXPECT_EQ(Take({alert}).taken, 1);
  EXPECT_EQ(Take({alert}).duplicates, 1);
  core_->escalations().Work();
  ASSERT_THAT(All(), SizeIs(2));
  EXPECT_EQ(All()[0].firing_count(), 1);
  // And ends again.
  Poll(absl::Minutes(4));
  EXPECT_EQ(All()[0].firing_count(), 0) << All()[0].DebugString();
}

TEST_F(MissingTest, WhatIsOnlyRecordedOrProposedEndsTheSameWay) {
  Raise({Alert("Note", "mx-a"), Alert("Maybe", "mx-b")});
  Poll(absl::Minutes(4));
  std::vector<v1::EscalationState> states;
  for (const v1::Escalation& one : All()) states.push_back(one.state());
  EXPECT_THAT(states,
              UnorderedElementsAre(v1::ESCALATION_STATE_RESOLVED, v1::ESCALATION_STATE_CANCELLED));
}

TEST_F(MissingTest, AnotherSourceOfTheSameGroupIsNotAskedAboutHere) {
  v1::Alert other = Alert("Flood", "mx-b");
  ASSERT_TRUE(Complete("other", clock_.now_, &other).ok());
  Raise({Alert("Flood", "mx-a"), other});
  ASSERT_THAT(All(), SizeIs(2));
  EXPECT_EQ(All()[0].incident_id(), All()[1].incident_id());
  RunToItsEnd();
  Poll(absl::Minutes(4));
  for (const v1::Escalation& one : All())
    EXPECT_EQ(one.firing_count(), one.source() == "am" ? 0 : 1) << one.DebugString();
}

class KeptChannels : public AgainTest {
 protected:
  KeptChannels() {
    rules_ = absl::StrCat(kRules,
                          "notifications:\n  channels:\n    - {name: log, severity: page, "
                          "syslog: {target: 'udp://127.0.0.1:9'}}\n");
  }
};

TEST_F(KeptChannels, AWrongFileIsToldByTheChannelsOfTheLastGoodOne) {
  ASSERT_EQ(core_->escalations().GetRules()->load_error(), "");
  rules_ = "rules: [{name: x, match: 5}]\n";
  Restart();
  EXPECT_THAT(core_->escalations().GetRules()->load_error(), HasSubstr("escalation.yaml:1"));
  EXPECT_EQ(core_->escalations().GetRules()->rules_size(), 0);
  v1::ListNoticesRequest request;
  request.set_limit(10);
  const auto notices = core_->notices().List(request);
  ASSERT_TRUE(notices.ok());
  ASSERT_EQ(notices->notices_size(), 1);
  EXPECT_EQ(notices->notices(0).notice().kind(), "rules-unreadable");
  EXPECT_EQ(notices->notices(0).deliveries_size(), 1);
}

}  // namespace
}  // namespace mailquench::controller
