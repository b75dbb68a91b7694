// Mail goes another way once the attack is over.
#include "tests/unit/controller/core_fixture.h"

namespace mailquench::controller {
namespace {

v1::Operation Through(const std::string& smarthost, const std::string& despite = "") {
  v1::Operation operation;
  operation.mutable_egress_set()->set_smarthost(smarthost);
  operation.mutable_egress_set()->set_despite(despite);
  return operation;
}

class EgressGate : public CoreTest {
 protected:
  std::string NoticesOf(const v1::Operation& operation) {
    v1::PlanRunRequest request;
    *request.mutable_operation() = operation;
    request.set_selector("name=mx-a");
    request.set_skip_agents(true);
    const auto plan = core_->PlanRun(request, "ann");
    EXPECT_TRUE(plan.ok()) << plan.status();
    std::string out;
    for (const std::string& one : plan->notices()) out += one + "\n";
    return out;
  }
  // As an agent that has changed its settings.
  void ReportChange(const std::string& host, const std::string& snapshot) {
    v1::OperationReport report = Report(link_.Commands(host).back(), v1::OUTCOME_SUCCEEDED);
    auto* change = report.mutable_result()->mutable_egress_set();
    change->set_snapshot_id(snapshot);
    change->add_settings()->set_key("main.cf:relayhost");
    core_->events().OnReport(host, report);
  }
};

TEST_F(EgressGate, IsRefusedWhileTheAttackGoesOnAndSaysWhatIsMissing) {
  const auto contain = Start("contain", "", {"mx-a"});
  ASSERT_TRUE(contain.ok()) << contain.status();
  const auto early = StartOne(Through("relay.example.net"), "", "name=mx-a");
  EXPECT_EQ(early.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(early.status()), "ATTACK_GOES_ON");
  EXPECT_THAT(std::string(early.status().message()),
              ::testing::HasSubstr("not contained and seen quiet since: mx-a"));
  EXPECT_THAT(NoticesOf(Through("relay.example.net")), ::testing::HasSubstr("it would be refused"));
  EXPECT_EQ(NoticesOf(Through("relay.example.net", "it is filtered there")), "");
  AnswerAll();
  ASSERT_EQ(Get(contain->run_id()).state(), v1::RUN_STATE_SUCCEEDED);
  v1::AddCauseRequest stolen;
  stolen.set_incident_id(contain->incident_id());
  stolen.set_kind("account");
  stolen.set_value("alice");
  const std::string cause = core_->AddCause(stolen, "ann")->causes(0).cause_id();
  EXPECT_THAT(
      std::string(StartOne(Through("relay.example.net"), "", "name=mx-a").status().message()),
      ::testing::HasSubstr("causes are not resolved: account alice"));
  v1::ResolveCauseRequest resolve;
  resolve.set_incident_id(contain->incident_id());
  resolve.set_cause_id(cause);
  resolve.set_how("password changed");
  ASSERT_TRUE(core_->ResolveCause(resolve, "ann").ok());
  EXPECT_EQ(NoticesOf(Through("relay.example.net")), "");
  const auto run = StartOne(Through("relay.example.net"), contain->incident_id(), "name=mx-a");
  ASSERT_TRUE(run.ok()) << run.status();
  ReportChange("a", "e1");
  const v1::Incident incident = GetIncident(contain->incident_id());
  EXPECT_EQ(incident.obligations(incident.obligations_size() - 1).operation(), "egress.set");
}

TEST_F(EgressGate, AReasonGoesAheadOfTheGate) {
  const auto contain = Start("contain", "", {"mx-a"});
  ASSERT_TRUE(contain.ok()) << contain.status();
  AnswerAll(v1::WATCH_VERDICT_REFILLING);
  EXPECT_EQ(ReasonOf(StartOne(Through("direct"), "", "name=mx-a").status()), "ATTACK_GOES_ON");
  EXPECT_TRUE(StartOne(Through("direct", "the smarthost is down"), "", "name=mx-a").ok());
}

TEST_F(EgressGate, AnotherServerOfTheOrganisationCountsAsWell) {
  v1::Hello hello;
  hello.set_organisation("contoso");
  Cut("a");
  Cut("b");
  Connect("a", hello);
  Connect("b", hello);
  ASSERT_TRUE(Start("contain", "", {"mx-a"}).ok());
  // Its send connectors are those of mx-a.
  EXPECT_EQ(ReasonOf(StartOne(Through("relay.example.net"), "", "name=mx-b").status()),
            "ATTACK_GOES_ON");
  EXPECT_TRUE(StartOne(Through("relay.example.net"), "", "name=mx-c").ok());
}

TEST_F(EgressGate, AFindingOfAnAntivirusIsNoAttack) {
  v1::OpenIncidentRequest open;
  open.set_title("sweep");
  const std::string incident = core_->OpenIncident(open, "ann")->incident_id();
  v1::Operation scan;
  scan.mutable_antivirus_scan();
  ASSERT_TRUE(StartOne(scan, incident, "name=mx-b").ok());
  v1::OperationReport report = Report(link_.Commands("b").back(), v1::OUTCOME_SUCCEEDED);
  auto* result = report.mutable_result()->mutable_antivirus_scan();
  result->add_findings()->set_path("/tmp/x");
  result->set_finding_count(1);
  core_->events().OnReport("b", report);
  ASSERT_EQ(GetIncident(incident).obligations_size(), 1);
  EXPECT_TRUE(StartOne(Through("relay.example.net"), incident, "name=mx-b").ok());
}

TEST_F(EgressGate, WithoutAnAttackItIsOwedToAnIncidentThatIsNone) {
  const auto first = StartOne(Through("relay.example.net"), "", "name=mx-b");
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_NE(first->incident_id(), "");
  v1::CloseIncidentRequest close;
  close.set_incident_id(first->incident_id());
  EXPECT_EQ(ReasonOf(core_->CloseIncident(close, "ann").status()), "STILL_CHANGING");
  ReportChange("b", "e1");
  EXPECT_EQ(ReasonOf(core_->CloseIncident(close, "ann").status()), "OBLIGATION_OUTSTANDING");
  // What is owed for the way out is no attack: another change may follow.
  const auto second = StartOne(Through("direct"), first->incident_id(), "name=mx-b");
  EXPECT_TRUE(second.ok()) << second.status();
}

}  // namespace
}  // namespace mailquench::controller
