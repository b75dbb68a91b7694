// The relay probe of a host without an agent: a vantage asks, or a person does.
#include <sqlite3.h>

#include "controller/blacklist/fleet_subjects.h"
#include "controller/incidents/incident_rules.h"
#include "tests/unit/controller/manual_fixture.h"

namespace mailquench::controller {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class ProbeOfManualTest : public ManualRunsTest {
 protected:
  void SetUp() override {
    ManualRunsTest::SetUp();
    ASSERT_TRUE(core_->UpsertEnrolledHost("v", "vantage", {{"role", "vantage"}}, "1").ok());
    hello_.add_addresses("198.51.100.1");
    Connect("v", hello_);
    Again();
  }
  // A run whose relay the vantage is asked about.
  void Again() {
    link_.sent.clear();
    run_ = *Start("contain", "", {"old1"});
    ASSERT_TRUE(
        core_->ConfirmManualStep(Saying(run_, "contain", v1::OUTCOME_SUCCEEDED), "ada").ok());
  }
  v1::OperationReport Seen(v1::RelayVerdict verdict) {
    v1::OperationReport report = Report(link_.Commands("v").at(0), v1::OUTCOME_SUCCEEDED);
    auto* one = report.mutable_result()->mutable_relay_probe()->add_listeners();
    one->set_target("192.0.2.7:25");
    one->set_verdict(verdict);
    one->set_banner("220 old1 ESMTP");
    return report;
  }
  v1::Run run_;
  v1::Hello hello_;
};

TEST_F(ProbeOfManualTest, TheVantageAsksItsListenersAndNoPersonHasTo) {
  ASSERT_EQ(link_.Commands("v").size(), 1u);
  EXPECT_EQ(link_.Commands("v")[0].operation().relay_probe().targets(0), "192.0.2.7:25");
  EXPECT_THAT(Waiting(), ::testing::IsEmpty());
  core_->events().OnReport("v", Seen(v1::RELAY_VERDICT_CLOSED));
  const v1::OperationReport proof = Host(run_.run_id()).steps(3).report();
  EXPECT_EQ(proof.outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_TRUE(proof.result().relay_probe().listeners(0).outside());
  ASSERT_TRUE(
      core_->ConfirmManualStep(Saying(run_, "quiet", v1::OUTCOME_SUCCEEDED, "3 3"), "ada").ok());
  v1::GetHostRequest get;
  get.set_host("old1");
  EXPECT_THAT(core_->GetHost(get)->confirmed_addresses(), Contains("192.0.2.7"));
}

TEST_F(ProbeOfManualTest, ARelayThatIsOpenFails) {
  core_->events().OnReport("v", Seen(v1::RELAY_VERDICT_OPEN));
  EXPECT_EQ(Host(run_.run_id()).outcome(), v1::OUTCOME_FAILED);
}

TEST_F(ProbeOfManualTest, WithoutItsAnswerAPersonIsAsked) {
  Cut("v");
  ASSERT_EQ(Waiting().size(), 1u);
  EXPECT_EQ(Waiting()[0].step_name(), "proof");
  core_.reset();
  OpenCore();
  ASSERT_TRUE(core_->Resume().ok());
  ASSERT_EQ(Waiting().size(), 1u);
  EXPECT_EQ(Waiting()[0].step_name(), "proof");
}

TEST_F(ProbeOfManualTest, WhatAPersonHasSaidOutlivesALateAnswerOfTheVantage) {
  struct Case {
    v1::Outcome outcome;
    const char* verdict;
    v1::Outcome step;  // An open relay fails a run that closes it.
  };
  const Case cases[] = {{v1::OUTCOME_FAILED, "", v1::OUTCOME_FAILED},
                        {v1::OUTCOME_SUCCEEDED, "open", v1::OUTCOME_FAILED}};
  for (const Case& one : cases) {
    for (const char* late : {"report", "never_seen"}) {
      SCOPED_TRACE(std::string(one.verdict) + " " + late);
      const v1::OperationReport seen = Seen(v1::RELAY_VERDICT_CLOSED);
      Cut("v");
      auto said = Saying(run_, "proof", one.outcome, "by telnet");
      said.mutable_confirmation()->set_verdict(one.verdict);
      ASSERT_TRUE(core_->ConfirmManualStep(said, "ada").ok());
      const std::string before = Host(run_.run_id()).steps(3).SerializeAsString();
      Connect("v", hello_);
      v1::KnownCommands known;
      if (late == std::string("report"))
        *known.add_reports() = seen;
      else
        known.add_never_seen(seen.command_id());
      core_->events().OnKnown("v", known);
      EXPECT_EQ(Host(run_.run_id()).steps(3).SerializeAsString(), before);
      EXPECT_EQ(Host(run_.run_id()).steps(3).report().outcome(), one.step);
      EXPECT_EQ(Host(run_.run_id()).steps(3).report().manual().confirmed_by(), "ada");
      // Kept as answered: it is not asked for again.
      link_.sent.clear();
      Connect("v", hello_);
      for (const auto& [to, message] : link_.sent) EXPECT_FALSE(message.has_reconcile()) << to;
      Again();
    }
  }
}

TEST_F(ProbeOfManualTest, WhileAPersonIsWaitedForALateAnswerChangesNothing) {
  for (const char* late : {"report", "never_seen"}) {
    SCOPED_TRACE(late);
    const v1::OperationReport seen = Seen(v1::RELAY_VERDICT_CLOSED);
    Cut("v");
    Connect("v", hello_);
    v1::KnownCommands known;
    if (late == std::string("report"))
      *known.add_reports() = seen;
    else
      known.add_never_seen(seen.command_id());
    const std::string before = Host(run_.run_id()).steps(3).SerializeAsString();
    core_->events().OnKnown("v", known);
    EXPECT_EQ(Host(run_.run_id()).steps(3).SerializeAsString(), before);
    ASSERT_EQ(Waiting(run_.run_id()).size(), 1u);
    ASSERT_TRUE(core_->ConfirmManualStep(Saying(run_, "proof", v1::OUTCOME_SUCCEEDED), "ada").ok());
    Again();
  }
}

TEST_F(ProbeOfManualTest, AViewThatDoesNotTellOfEveryListenerAsksAPerson) {
  v1::OperationReport other = Seen(v1::RELAY_VERDICT_CLOSED);
  other.mutable_result()->mutable_relay_probe()->mutable_listeners(0)->set_target("192.0.2.8:25");
  v1::OperationReport none = Seen(v1::RELAY_VERDICT_CLOSED);
  none.clear_result();
  v1::OperationReport failed = none;
  failed.set_outcome(v1::OUTCOME_FAILED);
  for (v1::OperationReport report : {Seen(v1::RELAY_VERDICT_UNKNOWN), other, none, failed}) {
    report.set_command_id(link_.Commands("v").at(0).command_id());
    core_->events().OnReport("v", report);
    ASSERT_EQ(Waiting(run_.run_id()).size(), 1u) << report.ShortDebugString();
    EXPECT_EQ(Waiting(run_.run_id())[0].step_name(), "proof");
    Again();
  }
}

TEST_F(ProbeOfManualTest, ARestartWhileTheVantageIsAskedAsksAPerson) {
  link_.online.clear();
  core_.reset();
  OpenCore();
  ASSERT_TRUE(core_->Resume().ok());
  ASSERT_EQ(Waiting().size(), 1u);
  EXPECT_EQ(Waiting()[0].step_name(), "proof");
  EXPECT_EQ(Get(run_.run_id()).state(), v1::RUN_STATE_RUNNING);
}

}  // namespace
}  // namespace mailquench::controller
