// Barriers: the hosts of a group end a step before any of them begins the next.
#include "tests/unit/controller/group_fixture.h"

namespace mailquench::controller {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class LockstepTest : public GroupTest {
 protected:
  void SetUp() override {
    GroupTest::SetUp();
    for (const char* id : {"ex1", "ex2", "ex3"}) Exchange(id);
  }
};

TEST_F(LockstepTest, AllStopThenAllAreSweptThenAllStart) {
  const auto run = StartOn("role=exchange");
  ASSERT_TRUE(run.ok()) << run.status();
  for (const char* id : {"ex1", "ex2", "ex3"}) EXPECT_EQ(SentTo(id), "stopped");
  Answer("ex1");
  Answer("ex2");
  EXPECT_EQ(SentTo("ex1"), "stopped");
  EXPECT_EQ(HostIn(run->run_id(), "ex1").steps(1).progress(), "waits for ex3 (stop)");
  Answer("ex3");
  for (const char* id : {"ex1", "ex2", "ex3"}) EXPECT_EQ(SentTo(id), "stopped swept");
  Answer("ex3");
  Answer("ex1");
  EXPECT_EQ(SentTo("ex3"), "stopped swept");
  Answer("ex2");
  for (const char* id : {"ex1", "ex2", "ex3"}) EXPECT_EQ(SentTo(id), "stopped swept whole");
  answered_ = link_.sent.size() - 3;
  AnswerAll();
  EXPECT_EQ(Get(run->run_id()).state(), v1::RUN_STATE_SUCCEEDED);
  EXPECT_EQ(SentTo("ex1"), "stopped swept whole relay.probe queue.watch");
  EXPECT_EQ(HostIn(run->run_id(), "ex1").steps(1).progress(), "");
}

TEST_F(LockstepTest, HostsInNoGroupContainOnceAndWaitForNobody) {
  const auto run = StartOn("", {{"waves", "100%"}});
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(SentTo("a"), "whole");
  EXPECT_FALSE(link_.Commands("a")[0].operation().contain().organisation_elsewhere());
  Answer("a");
  EXPECT_EQ(SentTo("a"), "whole relay.probe");
  EXPECT_EQ(SentTo("ex1"), "stopped");
  const v1::RunHost host = HostIn(run->run_id(), "mx-a");
  EXPECT_EQ(host.steps(0).report().outcome(), v1::OUTCOME_UNCHANGED);
  EXPECT_THAT(host.steps(0).notice(), HasSubstr("left out"));
}

TEST_F(LockstepTest, TwoGroupsOfOneWaveGoOnByThemselves) {
  Exchange("ey1", "DAG2");
  Exchange("ey2", "DAG2");
  const auto run = StartOn("role=exchange", {{"waves", "100%"}});
  ASSERT_TRUE(run.ok()) << run.status();
  for (const char* id : {"ey1", "ey2"}) Answer(id);
  EXPECT_EQ(SentTo("ey1"), "stopped swept");
  EXPECT_EQ(SentTo("ex1"), "stopped");
  Answer("ex1", v1::OUTCOME_FAILED);
  for (const char* id : {"ey1", "ey2"}) Answer(id);
  EXPECT_EQ(SentTo("ey2"), "stopped swept whole");
}

TEST_F(LockstepTest, WhereOneDoesNotStopTheOthersGoNoFurtherAndSayWhatToDo) {
  const auto run = StartOn("role=exchange");
  ASSERT_TRUE(run.ok()) << run.status();
  Answer("ex1");
  Answer("ex2", v1::OUTCOME_FAILED);
  Answer("ex3");
  EXPECT_EQ(SentTo("ex1"), "stopped");
  EXPECT_EQ(SentTo("ex3"), "stopped");
  const v1::RunHost host = HostIn(run->run_id(), "ex1");
  EXPECT_EQ(host.steps(1).report().outcome(), v1::OUTCOME_CANCELLED);
  EXPECT_EQ(Reason(host.steps(1)), "LOCKSTEP_BROKEN");
  EXPECT_THAT(
      Said(host.steps(1)),
      ::testing::AllOf(HasSubstr("ex2 did not end the step stop (failed)"),
                       HasSubstr("stays stopped until its lease ends"), HasSubstr("22:28:20 UTC"),
                       HasSubstr("mend ex2"), HasSubstr("run contain again before then")));
  for (int step = 2; step < 5; ++step)
    EXPECT_EQ(host.steps(step).report().outcome(), v1::OUTCOME_CANCELLED);
  EXPECT_EQ(Get(run->run_id()).state(), v1::RUN_STATE_FAILED);
}

TEST_F(LockstepTest, WhereOneIsNotSweptNoneStarts) {
  const auto run = StartOn("role=exchange");
  for (const char* id : {"ex1", "ex2", "ex3"}) Answer(id);
  Answer("ex1");
  Answer("ex2");
  Answer("ex3", v1::OUTCOME_FAILED);
  EXPECT_EQ(SentTo("ex1"), "stopped swept");
  EXPECT_THAT(Said(HostIn(run->run_id(), "ex1").steps(2)), HasSubstr("stays stopped"));
}

TEST_F(LockstepTest, WhereOneDoesNotStartTheOthersAreStillProved) {
  const auto run = StartOn("role=exchange");
  for (int i = 0; i < 2; ++i) {
    for (const char* id : {"ex1", "ex2", "ex3"}) Answer(id);
  }
  Answer("ex1", v1::OUTCOME_FAILED);
  Answer("ex2");
  EXPECT_EQ(SentTo("ex2"), "stopped swept whole");
  Answer("ex3");
  EXPECT_EQ(SentTo("ex2"), "stopped swept whole relay.probe");
  EXPECT_EQ(SentTo("ex1"), "stopped swept whole");
}

TEST_F(LockstepTest, AHostThatIsLostInTheMiddleIsWaitedForAndNeverAskedAgain) {
  const auto run = StartOn("role=exchange");
  const v1::Command lost = link_.Commands("ex2")[0];
  Answer("ex1");
  Answer("ex3");
  Cut("ex2");
  EXPECT_EQ(HostIn(run->run_id(), "ex2").steps(0).report().outcome(), v1::OUTCOME_UNKNOWN);
  EXPECT_EQ(SentTo("ex1"), "stopped");
  Return("ex2");
  EXPECT_EQ(SentTo("ex2"), "stopped");
  v1::KnownCommands known;
  *known.add_reports() = ReportOf(lost, v1::OUTCOME_SUCCEEDED);
  core_->events().OnKnown("ex2", known);
  for (const char* id : {"ex1", "ex2", "ex3"}) EXPECT_EQ(SentTo(id), "stopped swept");
}

TEST_F(LockstepTest, AHostThatReportsTooLateFindsTheBarrierBroken) {
  const auto run = StartOn("role=exchange");
  const v1::Command late = link_.Commands("ex2")[0];
  Answer("ex1");
  Answer("ex3");
  Cut("ex2");
  clock_.Sleep(absl::Minutes(11));
  core_->Tick();
  EXPECT_THAT(Said(HostIn(run->run_id(), "ex1").steps(1)), HasSubstr("(unknown)"));
  Return("ex2");
  core_->events().OnReport("ex2", ReportOf(late, v1::OUTCOME_SUCCEEDED));
  for (const char* id : {"ex1", "ex2", "ex3"}) EXPECT_EQ(SentTo(id), "stopped");
  const v1::RunHost host = HostIn(run->run_id(), "ex2");
  EXPECT_EQ(host.steps(0).report().outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(host.steps(1).report().outcome(), v1::OUTCOME_CANCELLED);
}

TEST_F(LockstepTest, AHostThatGoesWhileItWaitsBreaksTheBarrierOnlyWhenItIsItsTurn) {
  const auto run = StartOn("role=exchange");
  Answer("ex1");
  Answer("ex2");
  Cut("ex1");
  PatienceEnds();
  EXPECT_EQ(HostIn(run->run_id(), "ex1").steps(1).report().outcome(), v1::OUTCOME_UNSPECIFIED);
  Return("ex1");
  Answer("ex3");
  for (const char* id : {"ex1", "ex2", "ex3"}) EXPECT_EQ(SentTo(id), "stopped swept");
}

TEST_F(LockstepTest, ACancelledRunLeavesNobodyInTheDark) {
  const auto run = StartOn("role=exchange");
  Answer("ex1");
  v1::CancelRunRequest cancel;
  cancel.set_run_id(run->run_id());
  cancel.set_reason("wrong hosts");
  ASSERT_TRUE(core_->CancelRun(cancel, "ann").ok());
  Answer("ex2");
  Answer("ex3");
  EXPECT_EQ(SentTo("ex1"), "stopped");
  const v1::RunHost host = HostIn(run->run_id(), "ex1");
  EXPECT_EQ(host.steps(1).report().outcome(), v1::OUTCOME_CANCELLED);
  EXPECT_THAT(Said(host.steps(1)), HasSubstr("stays stopped until its lease ends"));
  EXPECT_EQ(Said(host.steps(2)), "");
  EXPECT_EQ(Get(run->run_id()).state(), v1::RUN_STATE_CANCELLED);
}

// The controller dies after each message that it sent or got: every command is sent once, in order.
TEST_F(LockstepTest, ARestartAtEveryPointKeepsTheBarrier) {
  const auto run = StartOn("role=exchange");
  const char* const ids[] = {"ex1", "ex2", "ex3"};
  std::size_t sent = 1;
  for (const char* part : {"stopped", "stopped swept", "stopped swept whole"}) {
    for (int done = 0; done < 3; ++done) {
      for (const char* id : ids) EXPECT_EQ(SentTo(id), part) << done;
      Restart();
      for (const char* id : ids) EXPECT_EQ(SentTo(id), part) << done;
      v1::KnownCommands known;
      *known.add_reports() = ReportOf(link_.Commands(ids[done]).back(), v1::OUTCOME_SUCCEEDED);
      core_->events().OnKnown(ids[done], known);
      Restart();
    }
    ++sent;
  }
  EXPECT_EQ(sent, 4u);
  for (const char* id : ids) EXPECT_EQ(SentTo(id), "stopped swept whole relay.probe");
}

TEST_F(LockstepTest, AGroupOfWhichOneIsNotChosenIsRefusedBeforeAnythingIsTouched) {
  const v1::Plan plan = PlanOn("name in (ex1,ex2)");
  EXPECT_THAT(Notices(plan), ::testing::AllOf(HasSubstr("group DAG1 is not whole: ex3 is of it"),
                                              HasSubstr("ex1, ex2 stop at the same time"),
                                              HasSubstr("15m"), HasSubstr("try again")));
  const auto run = StartOn("name in (ex1,ex2)");
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_TRUE(link_.Commands().empty());
  for (const char* name : {"ex1", "ex2"}) {
    const v1::HostStep step = HostIn(run->run_id(), name).steps(0);
    EXPECT_EQ(step.report().outcome(), v1::OUTCOME_REFUSED);
    EXPECT_EQ(Reason(step), "LOCKSTEP_INCOMPLETE");
    EXPECT_THAT(Said(step), ::testing::AllOf(HasSubstr("ex3 is not in the run"),
                                             HasSubstr("nothing was stopped")));
  }
  EXPECT_EQ(Get(run->run_id()).state(), v1::RUN_STATE_FAILED);
  v1::EvictHostRequest gone;
  gone.set_host("ex3");
  ASSERT_TRUE(core_->EvictHost(gone, "ann").ok());
  ASSERT_TRUE(StartOn("name in (ex1,ex2)").ok());
  EXPECT_EQ(SentTo("ex1"), "stopped");
}

TEST_F(LockstepTest, AGroupOfWhichOneIsAwayIsRefusedBeforeAnythingIsTouched) {
  Cut("ex1");
  Cut("ex3");
  EXPECT_THAT(Notices(PlanOn("role=exchange")), HasSubstr("ex1, ex3 are not online"));
  const auto run = StartOn("role=exchange");
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(HostIn(run->run_id(), "ex2").steps(0).progress(), "waits for ex3 (offline)");
  PatienceEnds();
  EXPECT_TRUE(link_.Commands().empty());
  EXPECT_EQ(HostIn(run->run_id(), "ex1").outcome(), v1::OUTCOME_UNREACHABLE);
  EXPECT_EQ(HostIn(run->run_id(), "ex3").outcome(), v1::OUTCOME_UNREACHABLE);
  const v1::HostStep step = HostIn(run->run_id(), "ex2").steps(0);
  EXPECT_EQ(Reason(step), "LOCKSTEP_INCOMPLETE");
  EXPECT_THAT(Said(step), HasSubstr("ex1 is unreachable"));
}

TEST_F(LockstepTest, WhereNoCopiesAreKeptAGroupMayBeIncomplete) {
  Cut("ex3");
  const std::map<std::string, std::string> says = {{"without_copies", "true"}};
  EXPECT_THAT(Notices(PlanOn("role=exchange", says)), HasSubstr("need not be whole"));
  const auto run = StartOn("role=exchange", says);
  ASSERT_TRUE(run.ok()) << run.status();
  PatienceEnds();
  EXPECT_EQ(SentTo("ex1"), "stopped");
  Answer("ex1");
  Answer("ex2", v1::OUTCOME_FAILED);
  EXPECT_EQ(SentTo("ex1"), "stopped swept");
  EXPECT_EQ(StartOn("role=exchange", {{"without_copies", "maybe"}}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

class SuspendedCopies : public LockstepTest {
 protected:
  void SetUp() override {
    LockstepTest::SetUp();
    v1::Operation suspend;
    suspend.mutable_shadow_suspend();
    const auto run = StartOne(suspend, "", "name=ex1");
    ASSERT_TRUE(run.ok()) << run.status();
    v1::OperationReport report = ReportOf(link_.Commands("ex1")[0], v1::OUTCOME_SUCCEEDED);
    v1::ChangeResult* change = report.mutable_result()->mutable_shadow_suspend();
    change->set_snapshot_id("snap");
    change->set_organisation("contoso");
    change->add_duties("wait until no copies are kept");
    v1::Setting* setting = change->add_settings();
    setting->set_instance("ex1");
    setting->set_key("transport-config/ShadowRedundancyEnabled");
    core_->events().OnReport("ex1", report);
    incident_ = Get(run->run_id()).incident_id();
    ASSERT_EQ(GetIncident(incident_).obligations_size(), 2);
  }
  std::string Duty() {
    const v1::Incident incident = GetIncident(incident_);
    for (const v1::Obligation& one : incident.obligations()) {
      if (!one.duty().empty()) return one.obligation_id();
    }
    return "";
  }
  void End(bool done) {
    v1::WaiveObligationRequest end;
    end.set_incident_id(incident_);
    end.set_obligation_id(Duty());
    end.set_reason("looked on all three");
    end.set_done(done);
    ASSERT_TRUE(core_->WaiveObligation(end, "ann").ok());
  }
  std::string incident_;
};

TEST_F(SuspendedCopies, AsLongAsTheOldOnesMayBeThereTheGroupHasToBeWhole) {
  const std::string how = "mailquench incident done " + incident_ + " " + Duty() + " --how";
  EXPECT_THAT(Notices(PlanOn("name in (ex1,ex2)")),
              ::testing::AllOf(HasSubstr("is not whole"), HasSubstr(how)));
  const auto run = StartOn("name in (ex1,ex2)");
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(SentTo("ex2"), "");
  EXPECT_THAT(Said(HostIn(run->run_id(), "ex1").steps(0)),
              ::testing::AllOf(HasSubstr(how), HasSubstr("--without-copies")));
}

TEST_F(SuspendedCopies, OnceAPersonSaysThatTheyAreGoneAnIncompleteGroupGoesOn) {
  End(true);
  EXPECT_THAT(Notices(PlanOn("name in (ex1,ex2)")),
              ::testing::AllOf(HasSubstr("need not be whole: shadow.suspend is outstanding in "
                                         "contoso"),
                               HasSubstr("not chosen: ex3")));
  ASSERT_TRUE(StartOn("name in (ex1,ex2)").ok());
  EXPECT_EQ(SentTo("ex2"), "stopped");
}

TEST_F(SuspendedCopies, ADutyThatWasWaivedSaysNothingOfTheCopies) {
  End(false);
  EXPECT_THAT(Notices(PlanOn("name in (ex1,ex2)")),
              ::testing::AllOf(HasSubstr("is not whole"), HasSubstr("--without-copies contoso")));
}

TEST_F(SuspendedCopies, SwitchedOnAgainTheyAreKeptAgain) {
  End(true);
  v1::Heartbeat beat;
  beat.add_drifted("ex1 transport-config/ShadowRedundancyEnabled");
  core_->events().OnHeartbeat("ex1", beat);
  EXPECT_THAT(Notices(PlanOn("name in (ex1,ex2)")),
              ::testing::AllOf(HasSubstr("is not whole"), HasSubstr("was changed since")));
}

TEST_F(LockstepTest, WhereSeveralOrganisationsAreInTheRunTheOneWithoutCopiesIsNamed) {
  v1::Hello other = HelloOf("DAG1");
  other.set_organisation("fabrikam");
  ASSERT_TRUE(core_->UpsertEnrolledHost("fx1", "fx1", {{"role", "exchange"}}, "1").ok());
  Connect("fx1", other);
  const auto any = StartOn("role=exchange", {{"without_copies", "true"}});
  EXPECT_EQ(any.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(any.status().message(), HasSubstr("contoso, fabrikam"));
  const v1::Plan plan = PlanOn("role=exchange", {{"without_copies", "fabrikam"}});
  EXPECT_THAT(plan.without_copies(), ::testing::ElementsAre("fabrikam"));
  EXPECT_THAT(Notices(plan), HasSubstr("where that is wrong, the spam comes back"));
}

// ex1 and ex3 stand stopped, ex2 has failed, the run has ended.
class LeftStopped : public LockstepTest {
 protected:
  void SetUp() override {
    LockstepTest::SetUp();
    const auto run = StartOn("role=exchange");
    ASSERT_TRUE(run.ok()) << run.status();
    run_ = run->run_id();
    incident_ = run->incident_id();
    Answer("ex1");
    Answer("ex3");
    Answer("ex2", v1::OUTCOME_FAILED);
    ASSERT_EQ(Get(run_).state(), v1::RUN_STATE_FAILED);
  }
  absl::Status Close() {
    v1::CloseIncidentRequest close;
    close.set_incident_id(incident_);
    return core_->CloseIncident(close, "ann").status();
  }
  void EndsAlone(const std::string& id) {
    v1::OperationReport report;
    report.set_command_id(link_.Commands(id)[0].command_id() + ".lease-contain");
    report.set_operation("contain");
    report.set_outcome(v1::OUTCOME_SUCCEEDED);
    v1::ChangeResult* lock = report.mutable_result()->mutable_contain()->mutable_lock();
    lock->set_snapshot_id("alone-" + id);
    lock->add_settings()->set_key("connector");
    core_->events().OnReport(id, report);
  }
  std::string run_, incident_;
};

TEST_F(LeftStopped, TheCommandThatTakesItUpIsSaidInFull) {
  EXPECT_THAT(Said(HostIn(run_, "ex1").steps(1)),
              ::testing::AllOf(HasSubstr("mailquench run contain --incident " + incident_ +
                                         " --hosts ex1,ex2,ex3"),
                               HasSubstr("sweeps, locks and starts by itself"),
                               HasSubstr("copies of its mail that ex2 still holds")));
}

TEST_F(LeftStopped, AnotherContainGoesOnInTheirIncident) {
  EXPECT_THAT(Notices(PlanOn("role=exchange")), HasSubstr("in incident " + incident_));
  const auto again = StartOn("role=exchange");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->incident_id(), incident_);
  EXPECT_EQ(link_.Commands("ex1").back().operation().contain().incident_id(), incident_);
}

TEST_F(LeftStopped, AContainOfAnotherIncidentIsRefusedBeforeAnythingIsStopped) {
  v1::OpenIncidentRequest open;
  open.set_title("another");
  const std::string other = core_->OpenIncident(open, "ann")->incident_id();
  const std::size_t sent = link_.sent.size();
  const auto run = Start("contain", other, {"ex1", "ex2", "ex3"});
  EXPECT_EQ(ReasonOf(run.status()), "OTHER_CONTAIN");
  EXPECT_THAT(run.status().message(), HasSubstr("--incident " + incident_));
  EXPECT_EQ(link_.sent.size(), sent);
}

TEST_F(LeftStopped, TheIncidentIsNotClosedBeforeTheLeasesHaveEnded) {
  EXPECT_THAT(Close().message(), HasSubstr("ex1 was left stopped"));
  EndsAlone("ex1");
  EXPECT_THAT(Close().message(), Not(HasSubstr("ex1 was left stopped")));
  EXPECT_TRUE(HostIn(run_, "ex1").steps(0).report().result().contain().ended_alone());
}

// Its lease is gone, and nothing was locked that would be owed: it stands stopped all the same.
TEST_F(LeftStopped, TheIncidentIsNotClosedWhileAHostStandsStoppedForGood) {
  for (const char* id : {"ex1", "ex3"}) {
    v1::OperationReport failed;
    failed.set_command_id(link_.Commands(id)[0].command_id() + ".lease-swept");
    failed.set_operation("contain");
    failed.set_outcome(v1::OUTCOME_FAILED);
    *failed.mutable_error() =
        ToProto(Error(absl::StatusCode::kInternal, "DISK", "the disk is broken"));
    core_->events().OnReport(id, failed);
  }
  EXPECT_EQ(ReasonOf(Close()), "STILL_CHANGING");
  EXPECT_THAT(Close().message(), HasSubstr("ex1 was left stopped by a part of run " + run_ +
                                           ", could not do the rest by itself"));
  v1::Operation start;
  start.mutable_service_start();
  const auto ends_well = [&](const std::string& id, v1::Outcome outcome) {
    ASSERT_TRUE(StartOne(start, incident_, "name=" + id).ok());
    Answer(id, outcome);
  };
  ends_well("ex1", v1::OUTCOME_FAILED);
  EXPECT_THAT(Close().message(), HasSubstr("ex1 was left stopped"));
  ends_well("ex1", v1::OUTCOME_UNCHANGED);  // Somebody had started it on the host itself.
  EXPECT_THAT(Close().message(),
              ::testing::AllOf(Not(HasSubstr("ex1 was left stopped")), HasSubstr("ex3 was left")));
  ends_well("ex3", v1::OUTCOME_SUCCEEDED);
  EXPECT_TRUE(Close().ok()) << Close();
}

TEST_F(LeftStopped, WhatALeaseEndChangedIsOwedToTheirIncident) {
  EndsAlone("ex1");
  EndsAlone("ex3");
  v1::ListIncidentsRequest all;
  EXPECT_EQ(core_->ListIncidents(all)->incidents_size(), 1);
  EXPECT_EQ(GetIncident(incident_).obligations_size(), 2);
}

TEST_F(LockstepTest, AContainOfOneAloneIsRefusedWhereOthersKeepItsMail) {
  v1::Operation contain;
  contain.mutable_contain();
  const auto run = StartOne(contain, "", "name=ex1");
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_TRUE(link_.Commands("ex1").empty());
  EXPECT_EQ(Reason(HostIn(run->run_id(), "ex1").steps(0)), "LOCKSTEP_INCOMPLETE");
  Exchange("lone", "DAG9");
  ASSERT_TRUE(StartOne(contain, "", "name=lone").ok());
  EXPECT_EQ(SentTo("lone"), "whole");
}

TEST_F(LockstepTest, AGroupOfOneDoesAllParts) {
  Exchange("lone", "DAG9", "alone");
  const auto run = StartOn("name=lone");
  ASSERT_TRUE(run.ok()) << run.status();
  for (int i = 0; i < 5; ++i) Answer("lone");
  EXPECT_EQ(SentTo("lone"), "stopped swept whole relay.probe queue.watch");
  EXPECT_EQ(Get(run->run_id()).state(), v1::RUN_STATE_SUCCEEDED);
}

TEST_F(LockstepTest, AWaveTakesAWholeGroup) {
  const v1::Plan plan = PlanOn("");  // ex1 to ex3, mx-a to mx-c; waves 1, 100%.
  std::map<std::string, int> waves;
  for (const v1::PlannedHost& host : plan.hosts()) waves[host.name()] = host.wave();
  EXPECT_EQ(waves, (std::map<std::string, int>{
                       {"ex1", 1}, {"ex2", 1}, {"ex3", 1}, {"mx-a", 2}, {"mx-b", 2}, {"mx-c", 2}}));
  // Two organisations may well have sites of one name.
  v1::Hello other = HelloOf("DAG1");
  other.set_organisation("fabrikam");
  Connect("ex1", other);
  EXPECT_THAT(Notices(PlanOn("name=ex1")), Not(HasSubstr("not whole")));
}

TEST_F(LockstepTest, TheLeaseOfAPartIsRenewedOnlyWhileTheRunMayGoOn) {
  const auto run = StartOn("role=exchange");
  const std::string command = link_.Commands("ex1")[0].command_id();
  Answer("ex1");
  const auto renewed = [&] {
    v1::Heartbeat heartbeat;
    heartbeat.mutable_time()->set_seconds(1000);
    v1::HeldLease* lease = heartbeat.add_leases();
    lease->set_command_id(command);
    lease->mutable_end_time()->set_seconds(1060);
    lease->mutable_length()->set_seconds(900);
    const std::size_t before = link_.sent.size();
    core_->events().OnHeartbeat("ex1", heartbeat);
    return link_.sent.size() > before && link_.sent.back().second.has_lease();
  };
  EXPECT_TRUE(renewed());
  Restart();
  EXPECT_TRUE(renewed());
  Answer("ex2", v1::OUTCOME_FAILED);
  EXPECT_FALSE(renewed()) << "the barrier is broken: the lease has to end";
  Restart();
  EXPECT_FALSE(renewed());
}

}  // namespace
}  // namespace mailquench::controller
