// What agents did alone at their leases' ends, while nobody told them to, is the run's: it ends as
// it is.
#include "tests/unit/controller/group_fixture.h"

namespace mailquench::controller {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// Both hosts were stopped by the run's first part.
class LeaseEnd : public GroupTest {
 protected:
  void SetUp() override {
    GroupTest::SetUp();
    for (const char* id : {"ex1", "ex2"}) Exchange(id);
    const auto run = StartOn("role=exchange", parameters_);
    ASSERT_TRUE(run.ok()) << run.status();
    run_ = run->run_id();
    for (const char* id : {"ex1", "ex2"}) stop_[id] = link_.Commands(id)[0];
  }
  // The second part was about to leave when the controller was killed.
  void Stopped() {
    Answer("ex1");
    Cut("ex2");
    core_->events().OnReport("ex2", ReportOf(stop_["ex2"], v1::OUTCOME_SUCCEEDED));
    Cut("ex1");
  }
  v1::OperationReport Of(const std::string& id,
                         const std::string& what,
                         int begin,
                         v1::Outcome outcome = v1::OUTCOME_SUCCEEDED) {
    v1::OperationReport report;
    report.set_command_id(stop_[id].command_id() + ".lease-" + what);
    report.set_operation("contain");
    report.set_outcome(outcome);
    report.mutable_start_time()->set_seconds(begin);
    report.mutable_end_time()->set_seconds(begin + 5);
    v1::ContainResult* contain = report.mutable_result()->mutable_contain();
    contain->mutable_lock()->set_snapshot_id("alone-" + id);
    contain->mutable_lock()->add_settings()->set_key("connector");
    if (what.find("contain") == 0) contain->mutable_start_time()->set_seconds(3);
    return report;
  }
  void Swept(const std::string& id, int at) {
    core_->events().OnReport(id, Of(id, "swept", at - 5));
  }
  void Rest(const std::string& id, int at, const std::string& name = "contain") {
    core_->events().OnReport(id, Of(id, name, at));
  }
  // Its agent is asked for a part that it has done alone.
  void Tells(const std::string& id) {
    v1::OperationReport report = ReportOf(link_.Commands(id).back(), v1::OUTCOME_UNCHANGED);
    report.mutable_result()->mutable_contain()->clear_lease_end_time();
    report.mutable_result()->mutable_contain()->set_ended_alone(true);
    core_->events().OnReport(id, report);
  }
  void ComeBack() {
    Restart();
    for (const char* id : {"ex1", "ex2"}) Return(id);
  }
  // ex1 has started before ex2 was swept.
  void EndOutOfOrder() {
    Stopped();
    ComeBack();
    Swept("ex1", 1000);
    Rest("ex1", 1120);
    Swept("ex2", 1130);
    Rest("ex2", 1250);
    for (const char* id : {"ex1", "ex2"}) Tells(id);
  }
  std::map<std::string, std::string> parameters_;
  std::string run_;
  std::map<std::string, v1::Command> stop_;
};

class LeaseEndListed : public LeaseEnd {
 protected:
  LeaseEndListed() { parameters_ = {{"mode", "listed"}, {"clients", "192.0.2.1,192.0.2.2"}}; }
};

TEST_F(LeaseEnd, OfAllInOrderLetsTheRunGoOnToItsProofAndSucceed) {
  Stopped();
  ComeBack();
  for (const char* id : {"ex1", "ex2"}) {
    Swept(id, 1000);
    Rest(id, 1120);
  }
  for (const char* id : {"ex1", "ex2"}) {
    EXPECT_EQ(SentTo(id), "stopped swept");
    Tells(id);
  }
  for (const char* id : {"ex1", "ex2"}) {
    EXPECT_EQ(SentTo(id), "stopped swept whole");
    Tells(id);
  }
  EXPECT_EQ(SentTo("ex2"), "stopped swept whole relay.probe");
  for (int i = 0; i < 2; ++i) {
    for (const char* id : {"ex1", "ex2"}) Answer(id);
  }
  EXPECT_EQ(Get(run_).state(), v1::RUN_STATE_SUCCEEDED);
  for (const char* id : {"ex1", "ex2"}) {
    const v1::RunHost host = HostIn(run_, id);
    for (const v1::HostStep& step : host.steps())
      EXPECT_THAT(Said(step), Not(HasSubstr("stays stopped"))) << id;
    EXPECT_THAT(Said(host.steps(0)),
                HasSubstr("swept, locked and started by itself when its lease ended (at 00:18:45"));
  }
}

// ex2 was swept while ex1 still settled; ex1 was there first.
TEST_F(LeaseEnd, IsNoReasonToBreakOffWhereTheOthersSweepIsKnownBeforeTheirRest) {
  Stopped();
  ComeBack();
  Swept("ex1", 1000);
  Rest("ex1", 1120);
  Swept("ex2", 1100);
  Tells("ex1");
  Answer("ex2");  // It still settled: the part went on from there, at 2023-11-14.
  EXPECT_EQ(SentTo("ex2"), "stopped swept whole");
}

TEST_F(LeaseEnd, BeforeAnotherOneWasSweptBreaksTheRunOffAndSaysWhatIsSo) {
  EndOutOfOrder();
  const v1::HostStep step = HostIn(run_, "ex2").steps(2);
  EXPECT_EQ(Reason(step), "LOCKSTEP_BROKEN");
  EXPECT_THAT(
      Said(step),
      AllOf(HasSubstr("ex1 has started alone when its lease ended, and ex2 of the same "
                      "group DAG1 was not swept by then"),
            HasSubstr("ex2 swept, locked and started by itself"),
            HasSubstr("mailquench run contain --incident"), Not(HasSubstr("stays stopped"))));
}

// All had been swept by the run when the controller was killed; the leases of that part then ended
// one after the other. What counts is when each was swept, not when its lease ended.
TEST_F(LeaseEnd, LongAfterTheRunHadSweptAllDoesNotBreakItOff) {
  for (const char* id : {"ex1", "ex2"}) Answer(id);
  for (const char* id : {"ex1", "ex2"}) {
    ASSERT_EQ(SentTo(id), "stopped swept");
    stop_[id] = link_.Commands(id)[1];
  }
  const auto swept = [&](const std::string& id, int at) {
    v1::OperationReport report = ReportOf(stop_[id], v1::OUTCOME_SUCCEEDED);
    report.mutable_end_time()->set_seconds(at);
    core_->events().OnReport(id, report);
  };
  swept("ex1", 10);
  Cut("ex1");
  ComeBack();
  Swept("ex1", 910);
  Rest("ex1", 1020);
  Swept("ex2", 1100);
  Rest("ex2", 1220);
  swept("ex2", 200);  // That comes last: until then the group waits for it.
  ASSERT_TRUE(HostIn(run_, "ex2").steps(1).report().result().contain().ended_alone());
  for (const char* id : {"ex1", "ex2"}) {
    EXPECT_EQ(SentTo(id), "stopped swept whole") << Said(HostIn(run_, id).steps(2));
    Tells(id);
  }
  EXPECT_EQ(SentTo("ex2"), "stopped swept whole relay.probe");
}

TEST_F(LeaseEnd, ThatStartedNothingSendsNoMailBack) {
  Stopped();
  ComeBack();
  v1::OperationReport left = Of("ex1", "contain", 1120);
  left.mutable_result()->mutable_contain()->clear_start_time();
  core_->events().OnReport("ex1", left);
  Tells("ex1");
  Answer("ex2");
  EXPECT_EQ(SentTo("ex2"), "stopped swept whole");
  EXPECT_THAT(Said(HostIn(run_, "ex1").steps(0)), HasSubstr("was not started"));
}

// It may have been sent: the agent says that it never saw it.
TEST_F(LeaseEnd, IsWhatALostPartWasToDo) {
  for (const char* id : {"ex1", "ex2"}) Answer(id);
  ASSERT_EQ(SentTo("ex1"), "stopped swept");
  const std::string lost = link_.Commands("ex1").back().command_id();
  ComeBack();
  for (const char* id : {"ex1", "ex2"}) {
    Swept(id, 1000);
    Rest(id, 1120);
  }
  v1::KnownCommands known;
  known.add_never_seen(lost);
  core_->events().OnKnown("ex1", known);
  EXPECT_EQ(HostIn(run_, "ex1").steps(1).report().outcome(), v1::OUTCOME_UNCHANGED);
  Tells("ex2");
  for (const char* id : {"ex1", "ex2"}) EXPECT_EQ(SentTo(id), "stopped swept whole");
}

TEST_F(LeaseEnd, DoesNotAnswerForACommandThatWasSent) {
  Stopped();
  ComeBack();
  for (const char* id : {"ex1", "ex2"}) {
    Swept(id, 1000);
    Rest(id, 1120);
    Tells(id);
  }
  Cut("ex1");
  ASSERT_EQ(HostIn(run_, "ex1").steps(2).report().outcome(), v1::OUTCOME_UNKNOWN);
  Tells("ex2");
  clock_.Sleep(absl::Minutes(25));
  core_->Tick();
  EXPECT_EQ(HostIn(run_, "ex1").steps(2).report().outcome(), v1::OUTCOME_UNKNOWN);
  EXPECT_EQ(SentTo("ex2"), "stopped swept whole relay.probe");
}

TEST_F(LeaseEnd, OfAHostThatWentBeforeItWasAskedIsTakenForItsSteps) {
  Answer("ex1");
  core_->events().OnReport("ex1", Of("ex1", "swept", 995));
  Rest("ex1", 1120);
  Cut("ex1");
  Swept("ex2", 1000);
  Rest("ex2", 1120);
  Answer("ex2");  // Its report of the stop comes after that of the lease's end.
  Tells("ex2");
  clock_.Sleep(absl::Minutes(25));
  core_->Tick();
  const v1::RunHost gone = HostIn(run_, "ex1");
  for (int step : {1, 2}) {
    EXPECT_EQ(gone.steps(step).report().outcome(), v1::OUTCOME_UNCHANGED) << step;
    EXPECT_THAT(Said(gone.steps(step)), HasSubstr("it was not asked for this: ex1 swept"));
    EXPECT_EQ(gone.steps(step).report().result().contain().lock().snapshot_id(), "alone-ex1");
  }
  EXPECT_TRUE(HostIn(run_, "ex2").steps(0).report().result().contain().ended_alone());
  ASSERT_EQ(SentTo("ex2"), "stopped swept whole");
  Tells("ex2");
  EXPECT_EQ(HostIn(run_, "ex1").steps(3).report().outcome(), v1::OUTCOME_UNREACHABLE);
  EXPECT_EQ(SentTo("ex2"), "stopped swept whole relay.probe");
}

TEST_F(LeaseEnd, ThatFailedIsSaidAndKeepsTheIncidentOpen) {
  Stopped();
  ComeBack();
  v1::OperationReport failed = Of("ex1", "swept", 995, v1::OUTCOME_FAILED);
  failed.mutable_result()->mutable_contain()->clear_lock();
  *failed.mutable_error() =
      ToProto(Error(absl::StatusCode::kInternal, "DISK", "the disk is broken"));
  core_->events().OnReport("ex1", failed);
  const v1::HostStep step = HostIn(run_, "ex1").steps(0);
  EXPECT_THAT(Said(step), HasSubstr("could not do the rest by itself: the disk is broken; it "
                                    "stays stopped, and no lease starts it any more"));
  Answer("ex2");
  Answer("ex1", v1::OUTCOME_FAILED);  // The run asked for the sweep once more.
  v1::CloseIncidentRequest close;
  close.set_incident_id(Get(run_).incident_id());
  EXPECT_THAT(core_->CloseIncident(close, "ann").status().message(),
              AllOf(HasSubstr("ex1 was left stopped"), HasSubstr("no lease starts it any more")));
}

TEST_F(LeaseEnd, OfAHostWhoseGroupBrokeOffIsSaidInsteadOfThatItStaysStopped) {
  Answer("ex1");
  Swept("ex1", 1000);
  Rest("ex1", 1120, "contain-2");  // Its first try found the mail system out of reach.
  Answer("ex2", v1::OUTCOME_FAILED);
  const v1::HostStep step = HostIn(run_, "ex1").steps(1);
  EXPECT_EQ(Reason(step), "LOCKSTEP_BROKEN");
  EXPECT_THAT(Said(step), AllOf(HasSubstr("ex1 swept, locked and started by itself"),
                                HasSubstr("may be sent again"), HasSubstr("mend ex2"),
                                Not(HasSubstr("stays stopped"))));
}

// Else the command would close the relay for clients that were to go on.
TEST_F(LeaseEndListed, IsFollowedByAContainOfTheSameLock) {
  const std::string lock = " --mode listed --allow-client 192.0.2.1,192.0.2.2 --reason";
  EndOutOfOrder();
  EXPECT_THAT(Said(HostIn(run_, "ex2").steps(2)),
              AllOf(HasSubstr("ex1 has started alone"), HasSubstr(lock)));
}

TEST_F(LeaseEndListed, OfAGroupThatBrokeOffToo) {
  Answer("ex1");
  Swept("ex1", 1000);
  Rest("ex1", 1120);
  Answer("ex2", v1::OUTCOME_FAILED);
  EXPECT_THAT(Said(HostIn(run_, "ex1").steps(1)),
              AllOf(HasSubstr("mend ex2"),
                    HasSubstr(" --mode listed --allow-client 192.0.2.1,192.0.2.2 --reason")));
}

}  // namespace
}  // namespace mailquench::controller
