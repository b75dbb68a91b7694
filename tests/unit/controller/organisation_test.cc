// What an organisation shares is changed by one of its hosts, once.
#include "tests/unit/controller/group_fixture.h"

namespace mailquench::controller {
namespace {

using ::testing::HasSubstr;

class OrganisationTest : public GroupTest {
 protected:
  void SetUp() override {
    GroupTest::SetUp();
    for (int i = 1; i <= 8; ++i) Exchange(Name(i), "DAG1");
  }
  static std::string Name(int i) { return "ex" + std::to_string(i); }
  static v1::Operation Suspend() {
    v1::Operation operation;
    operation.mutable_shadow_suspend();
    return operation;
  }
  // Of eight hosts: who was sent it.
  std::vector<std::string> Asked() const {
    std::vector<std::string> asked;
    for (int i = 1; i <= 8; ++i) {
      if (!link_.Commands(Name(i)).empty()) asked.push_back(Name(i));
    }
    return asked;
  }
  static v1::OperationReport Changed(const v1::Command& command) {
    v1::OperationReport report = ReportOf(command, v1::OUTCOME_SUCCEEDED);
    v1::ChangeResult* change = report.mutable_result()->mutable_shadow_suspend();
    change->set_snapshot_id("snap");
    change->set_organisation("contoso");
    change->add_settings()->set_key("transport-config/ShadowRedundancyEnabled");
    return report;
  }
};

TEST_F(OrganisationTest, OneOfEightDoesItAndTheOthersSayWho) {
  const auto run = StartOne(Suspend(), "", "role=exchange");
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_THAT(Asked(), ::testing::ElementsAre("ex1"));
  EXPECT_EQ(HostIn(run->run_id(), "ex2").steps(0).progress(), "waits for ex1 (shadow.suspend)");
  core_->events().OnReport("ex1", Changed(link_.Commands("ex1")[0]));
  EXPECT_THAT(Asked(), ::testing::ElementsAre("ex1"));
  const v1::Run ended = Get(run->run_id());
  EXPECT_EQ(ended.state(), v1::RUN_STATE_SUCCEEDED);
  for (int i = 2; i <= 8; ++i) {
    const v1::HostStep step = HostIn(run->run_id(), Name(i)).steps(0);
    EXPECT_EQ(step.report().outcome(), v1::OUTCOME_UNCHANGED);
    EXPECT_THAT(step.notice(), HasSubstr("ex1 did it for all of the organisation contoso"));
  }
  const v1::Incident incident = GetIncident(ended.incident_id());
  ASSERT_EQ(incident.obligations_size(), 1);
  EXPECT_EQ(incident.obligations(0).host_id(), "ex1");
  EXPECT_EQ(incident.obligations(0).organisation(), "contoso");
}

TEST_F(OrganisationTest, AcrossARestartItIsStillOne) {
  const auto run = StartOne(Suspend(), "", "role=exchange");
  const v1::Command command = link_.Commands("ex1")[0];
  Restart();
  PatienceEnds();
  EXPECT_THAT(Asked(), ::testing::ElementsAre("ex1"));
  v1::KnownCommands known;
  *known.add_reports() = Changed(command);
  core_->events().OnKnown("ex1", known);
  Restart();
  EXPECT_THAT(Asked(), ::testing::ElementsAre("ex1"));
  EXPECT_EQ(link_.Commands("ex1").size(), 1u);
  EXPECT_EQ(Get(run->run_id()).state(), v1::RUN_STATE_SUCCEEDED);
}

TEST_F(OrganisationTest, TheFirstThatIsThereAndCanIsElected) {
  Cut("ex1");
  v1::Hello cannot = HelloOf("DAG1");
  for (v1::Capability& one : *cannot.mutable_capabilities()) one.set_available(false);
  Connect("ex2", cannot);
  v1::PlanRunRequest request;
  *request.mutable_operation() = Suspend();
  request.set_selector("role=exchange");
  request.set_skip_agents(true);
  const v1::Plan plan = *core_->PlanRun(request, "ann");
  EXPECT_THAT(Notices(plan), HasSubstr("changed once, by ex3"));
  Return("ex1");  // Another one acts; the plan is the same, as a run passes it on as well.
  EXPECT_THAT(Notices(*core_->PlanRun(request, "ann")), HasSubstr("changed once, by ex1"));
  EXPECT_EQ(core_->PlanRun(request, "ann")->plan_hash(), plan.plan_hash());
}

TEST_F(OrganisationTest, OneThatIsLostBeforeItWasAskedIsFollowedByTheNextAndTheJournalKnows) {
  link_.deaf.insert("ex1");
  const auto run = StartOne(Suspend(), "", "role=exchange");
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_TRUE(Asked().empty());
  Cut("ex1");
  Cut("ex2");
  core_->Tick();
  EXPECT_TRUE(Asked().empty()) << "it has its time to come back";
  Restart();
  EXPECT_TRUE(Asked().empty());
  PatienceEnds();
  EXPECT_THAT(Asked(), ::testing::ElementsAre("ex3"));
  EXPECT_EQ(HostIn(run->run_id(), "ex1").steps(0).report().outcome(), v1::OUTCOME_UNREACHABLE);
  EXPECT_THAT(HostIn(run->run_id(), "ex1").steps(0).notice(), HasSubstr("ex3 does in its place"));
  const v1::Command command = link_.Commands("ex3")[0];
  link_.deaf.clear();
  Return("ex1");
  Restart();
  EXPECT_TRUE(HostIn(run->run_id(), "ex3").acts_for_organisation());
  EXPECT_FALSE(HostIn(run->run_id(), "ex1").acts_for_organisation());
  v1::KnownCommands known;
  *known.add_reports() = Changed(command);
  core_->events().OnKnown("ex3", known);
  PatienceEnds();
  EXPECT_THAT(Asked(), ::testing::ElementsAre("ex3"));
  EXPECT_THAT(HostIn(run->run_id(), "ex8").steps(0).notice(), HasSubstr("ex3 did it"));
}

TEST_F(OrganisationTest, WhereNobodyIsLeftItSaysSo) {
  for (int i = 1; i <= 8; ++i) Cut(Name(i));
  const auto run = StartOne(Suspend(), "", "role=exchange");
  ASSERT_TRUE(run.ok()) << run.status();
  PatienceEnds();
  EXPECT_TRUE(Asked().empty());
  EXPECT_THAT(HostIn(run->run_id(), "ex1").steps(0).notice(), HasSubstr("no other one was left"));
  EXPECT_EQ(Get(run->run_id()).state(), v1::RUN_STATE_INCOMPLETE);
}

TEST_F(OrganisationTest, WhatFailedOrIsUnknownNobodyElseRepeats) {
  const auto failed = StartOne(Suspend(), "", "role=exchange");
  core_->events().OnReport("ex1", Report(link_.Commands("ex1")[0], v1::OUTCOME_FAILED));
  EXPECT_THAT(Asked(), ::testing::ElementsAre("ex1"));
  const v1::HostStep step = HostIn(failed->run_id(), "ex5").steps(0);
  EXPECT_EQ(step.report().outcome(), v1::OUTCOME_CANCELLED);
  EXPECT_EQ(Reason(step), "ORGANISATION_NOT_CHANGED");
  EXPECT_THAT(Said(step), HasSubstr("see to ex1, then run it again"));
  EXPECT_EQ(Get(failed->run_id()).state(), v1::RUN_STATE_FAILED);

  const auto unknown = StartOne(Suspend(), "", "role=exchange");
  Cut("ex1");
  EXPECT_EQ(HostIn(unknown->run_id(), "ex5").steps(0).report().outcome(), v1::OUTCOME_UNSPECIFIED);
  clock_.Sleep(absl::Minutes(6));
  core_->Tick();
  EXPECT_THAT(Asked(), ::testing::ElementsAre("ex1"));
  EXPECT_THAT(Said(HostIn(unknown->run_id(), "ex5").steps(0)), HasSubstr("unknown"));
}

TEST_F(OrganisationTest, EveryHostContainsAndOneForAll) {
  const auto run = StartOn("role=exchange");
  ASSERT_TRUE(run.ok()) << run.status();
  for (int part = 0; part < 3; ++part) {
    int for_all = 0;
    for (int i = 1; i <= 8; ++i) {
      const v1::Command last = link_.Commands(Name(i)).back();
      for_all += last.operation().contain().organisation_elsewhere() ? 0 : 1;
      EXPECT_EQ(last.operation().contain().organisation_elsewhere(), i != 1);
    }
    EXPECT_EQ(for_all, 1);
    if (part == 1) Restart();
    for (int i = 1; i <= 8; ++i) Answer(Name(i));
  }
}

TEST_F(OrganisationTest, OfTwoGroupsNobodyContainsBeforeTheElectedOneAndAnotherTakesOver) {
  for (int i = 5; i <= 8; ++i) Return(Name(i), "DAG2");
  link_.deaf.insert("ex1");
  const auto run = StartOn("role=exchange", {{"waves", "100%"}});
  ASSERT_TRUE(run.ok()) << run.status();
  // Its group had begun when it was lost. The other one waits.
  Cut("ex1");
  core_->Tick();
  for (int i = 5; i <= 8; ++i) EXPECT_TRUE(link_.Commands(Name(i)).empty()) << i;
  PatienceEnds();
  for (int i = 5; i <= 8; ++i) {
    ASSERT_EQ(SentTo(Name(i)), "stopped") << i;
    EXPECT_EQ(link_.Commands(Name(i))[0].operation().contain().organisation_elsewhere(), i != 5);
  }
}

TEST_F(OrganisationTest, WhoHoldsTheRecordsActsAgainAndRestoreSaysWhoIsMissing) {
  const auto run = StartOne(Suspend(), "", "name=ex4");
  core_->events().OnReport("ex4", Changed(link_.Commands("ex4")[0]));
  const auto again = StartOne(Suspend(), "", "role=exchange");
  EXPECT_TRUE(HostIn(again->run_id(), "ex4").acts_for_organisation());
  v1::PlanRunRequest request;
  request.mutable_operation()->mutable_restore();
  request.set_selector("name=ex2");
  request.set_skip_agents(true);
  EXPECT_THAT(Notices(*core_->PlanRun(request, "ann")),
              HasSubstr("ex4 holds the record of it and is not chosen"));
}

TEST_F(OrganisationTest, ADutyKeepsTheIncidentOpenUntilAPersonSaysThatItIsDone) {
  v1::Operation block;
  block.mutable_sender_block()->set_account("anna@contoso.test");
  const auto run = StartOne(block, "", "name=ex1");
  v1::OperationReport report = ReportOf(link_.Commands("ex1")[0], v1::OUTCOME_SUCCEEDED);
  v1::ChangeResult* change = report.mutable_result()->mutable_sender_block();
  change->add_duties("reset the password of anna@contoso.test");
  core_->events().OnReport("ex1", report);
  core_->events().OnReport("ex1", report);  // A repeat.
  const std::string id = Get(run->run_id()).incident_id();
  ASSERT_EQ(GetIncident(id).obligations_size(), 1);
  const v1::Obligation duty = GetIncident(id).obligations(0);
  EXPECT_EQ(duty.duty(), "reset the password of anna@contoso.test");
  // Putting settings back is not doing it.
  v1::Operation restore;
  restore.mutable_restore();
  const auto put_back = StartOne(restore, id, "name=ex1");
  ASSERT_TRUE(put_back.ok()) << put_back.status();
  v1::OperationReport back = ReportOf(link_.Commands("ex1").back(), v1::OUTCOME_SUCCEEDED);
  back.mutable_result()->mutable_restore();
  core_->events().OnReport("ex1", back);
  Answer("ex1");
  v1::CloseIncidentRequest close;
  close.set_incident_id(id);
  const auto refused = core_->CloseIncident(close, "ann");
  EXPECT_EQ(ReasonOf(refused.status()), "OBLIGATION_OUTSTANDING");
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("a person still owes: "));
  v1::WaiveObligationRequest done;
  done.set_incident_id(id);
  done.set_obligation_id(duty.obligation_id());
  done.set_done(true);
  EXPECT_FALSE(core_->WaiveObligation(done, "ann").ok()) << "a word is wanted";
  done.set_reason("reset by the helpdesk, ticket 12");
  const auto said = core_->WaiveObligation(done, "ann");
  ASSERT_TRUE(said.ok()) << said.status();
  EXPECT_EQ(said->obligations(0).state(), v1::Obligation::STATE_DONE);
  EXPECT_TRUE(core_->CloseIncident(close, "ann").ok());
}

TEST_F(OrganisationTest, SettingsCannotBeSaidToBeDone) {
  const auto run = StartOne(Suspend(), "", "name=ex1");
  core_->events().OnReport("ex1", Changed(link_.Commands("ex1")[0]));
  v1::WaiveObligationRequest done;
  done.set_incident_id(Get(run->run_id()).incident_id());
  done.set_obligation_id("ex1/snap");
  done.set_done(true);
  done.set_reason("I think so");
  EXPECT_EQ(ReasonOf(core_->WaiveObligation(done, "ann").status()), "NOT_A_DUTY");
}

}  // namespace
}  // namespace mailquench::controller
