// Who belongs to a group, who may begin with it, and when a run breaks it off.
#include "controller/runs/group_rules.h"

#include <fstream>

#include "controller/runs/lint.h"
#include "tests/unit/controller/group_fixture.h"

namespace mailquench::controller {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class GroupRulesTest : public GroupTest {
 protected:
  void SetUp() override {
    GroupTest::SetUp();
    for (const char* id : {"ex1", "ex2"}) Exchange(id);
  }
  static v1::Hello With(const std::vector<std::string>& members) {
    v1::Hello hello = HelloOf("DAG1");
    for (const std::string& one : members) hello.add_transport_members(one);
    return hello;
  }
  static v1::Hello Unread() {
    v1::Hello hello = HelloOf("");
    hello.set_organisation("");
    hello.set_transport_group_unknown(true);
    return hello;
  }
};

TEST_F(GroupRulesTest, AServerIsNamedAsItsComputer) {
  v1::Host host;
  host.set_name("mail-one");
  host.mutable_hello()->set_hostname("Exchange-Frankfurt-1.contoso.com");
  EXPECT_TRUE(IsServer(host, "MAIL-ONE"));
  EXPECT_TRUE(IsServer(host, "EXCHANGE-FRANKF"));
  EXPECT_FALSE(IsServer(host, "EXCHANGE-FRANK"));
  EXPECT_FALSE(IsServer(host, ""));
}

TEST_F(GroupRulesTest, AServerWithoutAnAgentIsMissing) {
  for (const char* id : {"ex1", "ex2"}) Connect(id, With({"EX1", "EX2", "EX3", "EX4"}));
  EXPECT_THAT(Notices(PlanOn("role=exchange")), HasSubstr("EX3 (without an active agent"));
  const auto run = StartOn("role=exchange");
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_THAT(link_.Commands(), IsEmpty());
  const v1::HostStep step = HostIn(run->run_id(), "ex1").steps(0);
  EXPECT_EQ(Reason(step), "LOCKSTEP_INCOMPLETE");
  EXPECT_THAT(Said(step), HasSubstr("EX4"));
  for (const char* id : {"ex1", "ex2"}) Connect(id, With({"EX1", "EX2"}));
  ASSERT_TRUE(StartOn("role=exchange").ok());
  EXPECT_EQ(SentTo("ex1"), "stopped");
}

TEST_F(GroupRulesTest, AGroupThatCouldNotBeReadIsTheLastKnownOne) {
  Connect("ex2", Unread());
  Restart();
  const auto run = StartOn("role=exchange");
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(SentTo("ex2"), "stopped");
  EXPECT_EQ(HostIn(run->run_id(), "ex2").transport_group(), "DAG1");
}

TEST_F(GroupRulesTest, AGroupThatWasNeverReadIsNotEmptied) {
  ASSERT_TRUE(core_->UpsertEnrolledHost("new", "new", {}, "1").ok());
  Connect("new", Unread());
  EXPECT_THAT(Notices(PlanOn("name=new")), HasSubstr("new will be refused"));
  const auto run = StartOn("name=new");
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(Reason(HostIn(run->run_id(), "new").steps(2)), "TRANSPORT_GROUP_UNKNOWN");
  EXPECT_THAT(link_.Commands("new"), IsEmpty());
  ASSERT_TRUE(StartOn("name=new", {{"without_copies", "true"}}).ok());
  EXPECT_EQ(SentTo("new"), "whole");
}

TEST_F(GroupRulesTest, AnAgentThatKnowsNoPartsGetsNoneAndNeitherDoesItsGroup) {
  v1::Hello old = HelloOf("DAG1");
  old.mutable_capabilities()->RemoveLast();
  Connect("ex2", old);
  EXPECT_THAT(Notices(PlanOn("role=exchange")), HasSubstr("ex2 will be refused"));
  const auto run = StartOn("role=exchange");
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_THAT(link_.Commands(), IsEmpty());
  EXPECT_EQ(Reason(HostIn(run->run_id(), "ex2").steps(0)), "CONTAIN_PARTS_UNKNOWN");
  EXPECT_EQ(Reason(HostIn(run->run_id(), "ex1").steps(0)), "LOCKSTEP_INCOMPLETE");
}

TEST_F(GroupRulesTest, ASweepInTheLockstepOfALabelIsRefused) {
  const std::string path = folder_ + "/label.yaml";
  std::ofstream(path) << "name: label\nsteps:\n"
                         "  - {op: contain, with: {until: stopped}, lockstep: transport}\n"
                         "  - {op: contain, lockstep: role}\n";
  EXPECT_EQ(LintPlaybooks({path}).faults.size(), 1u);
  v1::Playbook playbook;
  v1::PlaybookStep* step = playbook.add_steps();
  step->mutable_operation()->mutable_contain();
  step->set_lockstep("role");
  EXPECT_EQ(Unswept(playbook), &playbook.steps(0));
  v1::Playbook parts;
  step = parts.add_steps();
  step->mutable_operation()->mutable_contain()->set_until(v1::CONTAIN_UNTIL_SWEPT);
  step->set_lockstep("transport");
  *parts.add_steps() = playbook.steps(0);
  EXPECT_EQ(Unswept(parts), nullptr);
}

TEST_F(GroupRulesTest, TwoRunsDoNotContainOneGroup) {
  const auto first = StartOn("role=exchange");
  const auto second = StartOn("role=exchange");
  ASSERT_TRUE(second.ok()) << second.status();
  for (const char* id : {"ex1", "ex2"}) EXPECT_EQ(SentTo(id), "stopped");
  const v1::HostStep step = HostIn(second->run_id(), "ex2").steps(0);
  EXPECT_EQ(Reason(step), "LOCKSTEP_BUSY");
  EXPECT_THAT(Said(step), HasSubstr(first->run_id()));
  for (const char* id : {"ex1", "ex2"}) Answer(id);
  for (const char* id : {"ex1", "ex2"}) EXPECT_EQ(SentTo(id), "stopped swept");
}

TEST_F(GroupRulesTest, AShortLossOfTheLinkBetweenTwoPartsIsWaitedFor) {
  const auto run = StartOn("role=exchange");
  Answer("ex1");
  Cut("ex1");
  Answer("ex2");
  EXPECT_EQ(SentTo("ex2"), "stopped swept");
  PatienceEnds();
  EXPECT_EQ(HostIn(run->run_id(), "ex1").steps(1).report().outcome(), v1::OUTCOME_UNSPECIFIED);
  Return("ex1");
  EXPECT_EQ(SentTo("ex1"), "stopped swept");
}

TEST_F(GroupRulesTest, AGroupThatBrokeOffStopsTheWavesAfterIt) {
  const auto run = StartOn("");  // The group is wave 1, mx-a to mx-c wave 2.
  Answer("ex1");
  Cut("ex1");
  Answer("ex2");
  Answer("ex2");
  clock_.Sleep(absl::Minutes(11));
  core_->Tick();
  EXPECT_EQ(HostIn(run->run_id(), "ex1").steps(1).report().outcome(), v1::OUTCOME_UNREACHABLE);
  EXPECT_EQ(Reason(HostIn(run->run_id(), "ex2").steps(2)), "LOCKSTEP_BROKEN");
  EXPECT_EQ(Get(run->run_id()).state(), v1::RUN_STATE_STOPPED);
  EXPECT_THAT(link_.Commands("a"), IsEmpty());
}

TEST_F(GroupRulesTest, AHostThatStartedAloneBeforeTheOthersWereSweptBreaksTheBarrier) {
  const auto run = StartOn("role=exchange");
  for (const char* id : {"ex1", "ex2"}) Answer(id);
  v1::OperationReport report = ReportOf(link_.Commands("ex1").back(), v1::OUTCOME_UNCHANGED);
  report.mutable_result()->mutable_contain()->set_ended_alone(true);
  core_->events().OnReport("ex1", report);
  Answer("ex2");
  EXPECT_THAT(HostIn(run->run_id(), "ex1").steps(1).notice(), HasSubstr("alone"));
  EXPECT_EQ(SentTo("ex2"), "stopped swept");
  const v1::HostStep step = HostIn(run->run_id(), "ex2").steps(2);
  EXPECT_EQ(Reason(step), "LOCKSTEP_BROKEN");
  EXPECT_THAT(Said(step), HasSubstr("ex1 has started alone"));
}

TEST_F(GroupRulesTest, AShortLeaseIsNoParameter) {
  EXPECT_EQ(StartOn("role=exchange", {{"lease", "60s"}}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(StartOn("role=exchange", {{"lease", "90s"}}).ok());
}

TEST_F(GroupRulesTest, WhatTheElectedOneNeverSawAnotherOneDoes) {
  v1::StartRunRequest request;
  request.mutable_plan()->mutable_operation()->mutable_shadow_suspend();
  request.mutable_plan()->set_selector("role=exchange");
  const auto run = core_->StartRun(request, "ann");
  ASSERT_TRUE(run.ok()) << run.status();
  ASSERT_EQ(SentTo("ex1"), "shadow.suspend");
  EXPECT_EQ(SentTo("ex2"), "");
  v1::KnownCommands known;
  known.add_never_seen(link_.Commands("ex1")[0].command_id());
  Restart();  // It was journaled; whether it left is what the host says.
  EXPECT_EQ(SentTo("ex2"), "");
  core_->events().OnKnown("ex1", known);
  EXPECT_EQ(SentTo("ex2"), "shadow.suspend");
  EXPECT_TRUE(HostIn(run->run_id(), "ex2").acts_for_organisation());
}

TEST_F(GroupRulesTest, AHostWhoseShellHangsDoesNotActBesideTheElectedOne) {
  v1::Hello hangs = HelloOf("DAG1");
  for (v1::Capability& one : *hangs.mutable_capabilities()) one.set_available(false);
  Connect("ex2", hangs);
  v1::StartRunRequest request;
  request.mutable_plan()->mutable_operation()->mutable_shadow_suspend();
  request.mutable_plan()->set_selector("role=exchange");
  ASSERT_TRUE(core_->StartRun(request, "ann").ok());
  EXPECT_EQ(SentTo("ex1"), "shadow.suspend");
  EXPECT_EQ(SentTo("ex2"), "");
}

}  // namespace
}  // namespace mailquench::controller
