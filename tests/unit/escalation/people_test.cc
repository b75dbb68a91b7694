// Proposals and approvals, the pause, tests of alerts.
#include "tests/unit/escalation/escalation_fixture.h"

namespace mailquench::controller {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class PeopleTest : public EscalationTest {
 protected:
  absl::StatusOr<v1::Escalation> Approve(const v1::Escalation& one, const std::string& who) {
    v1::ApproveEscalationRequest request;
    request.set_escalation_id(one.escalation_id());
    request.set_plan_hash(one.plan().plan_hash());
    return core_->escalations().Approve(request, who);
  }
  absl::StatusOr<v1::Escalation> Propose(const std::string& who, const std::string& id = "") {
    v1::ProposeRunRequest request;
    request.mutable_plan()->set_playbook("contain");
    request.mutable_plan()->set_selector("role=edge");
    request.set_reason("all of them look bad");
    request.set_request_id(id);
    return core_->escalations().Propose(request, who);
  }
};

TEST_F(PeopleTest, AProposalShowsItsPlanAndStartsWithItsHash) {
  Raise({Alert("Maybe", "mx-a")});
  const v1::Escalation one = Only();
  EXPECT_EQ(one.state(), v1::ESCALATION_STATE_PROPOSED);
  EXPECT_NE(one.plan().plan_hash(), "");
  EXPECT_EQ(one.plan().hosts_size(), 1);
  EXPECT_THAT(Runs(), SizeIs(0));
  EXPECT_THAT(Notices(), Contains("proposal"));
  v1::ApproveEscalationRequest wrong;
  wrong.set_escalation_id(one.escalation_id());
  wrong.set_plan_hash("deadbeef");
  EXPECT_EQ(ReasonOf(core_->escalations().Approve(wrong, "ann").status()), "PLAN_DRIFTED");
  EXPECT_THAT(Runs(), SizeIs(0));
  const auto approved = Approve(one, "ann");
  ASSERT_TRUE(approved.ok()) << approved.status();
  EXPECT_EQ(approved->state(), v1::ESCALATION_STATE_RUNNING);
  ASSERT_THAT(Runs(), SizeIs(1));
  EXPECT_EQ(Runs()[0].requested_by(), "ann");
  // The same approval again: its answer may have been lost.
  EXPECT_TRUE(Approve(one, "ann").ok());
  EXPECT_EQ(ReasonOf(Approve(one, "bob").status()), "NOT_PROPOSED");
  EXPECT_THAT(Runs(), SizeIs(1));
}

TEST_F(PeopleTest, AFleetThatHasChangedSinceIsLookedAtAgain) {
  const auto proposed = Propose("ann");
  ASSERT_TRUE(proposed.ok()) << proposed.status();
  EXPECT_EQ(proposed->hosts_size(), 3);
  ASSERT_TRUE(core_->UpsertEnrolledHost("d", "mx-d", {{"role", "edge"}}, "1").ok());
  const auto approved = Approve(*proposed, "bob");
  EXPECT_EQ(ReasonOf(approved.status()), "PLAN_DRIFTED") << approved.status();
  EXPECT_THAT(Runs(), SizeIs(0));
  EXPECT_EQ(Only().state(), v1::ESCALATION_STATE_PROPOSED);
  core_->escalations().Outside();  // Plans it anew.
  EXPECT_EQ(Only().plan().hosts_size(), 4);
  EXPECT_TRUE(Approve(Only(), "bob").ok());
}

TEST_F(PeopleTest, WhoProposedItMayNotApproveIt) {
  const auto proposed = Propose("ann", "request-1");
  ASSERT_TRUE(proposed.ok()) << proposed.status();
  EXPECT_EQ(Propose("ann", "request-1")->escalation_id(), proposed->escalation_id());
  EXPECT_EQ(ReasonOf(Approve(*proposed, "ann").status()), "OTHER_PERSON_NEEDED");
  EXPECT_THAT(Runs(), SizeIs(0));
  EXPECT_TRUE(Approve(*proposed, "bob").ok());
}

TEST_F(PeopleTest, WhoRaisedItMayNotApproveIt) {
  v1::RaiseAlertsRequest raise;
  v1::Alert* alert = raise.add_alerts();
  alert->set_status(v1::ALERT_STATUS_FIRING);
  (*alert->mutable_labels())["alertname"] = "Maybe";
  (*alert->mutable_labels())["instance"] = "mx-a";
  ASSERT_TRUE(core_->escalations().Raise(raise, "ann").ok());
  core_->escalations().Work();
  EXPECT_EQ(ReasonOf(Approve(Only(), "ann").status()), "OTHER_PERSON_NEEDED");
  EXPECT_THAT(Runs(), SizeIs(0));
  EXPECT_TRUE(Approve(Only(), "bob").ok());
}

// Judged is what is approved, in the moment in which it is.
TEST_F(PeopleTest, WhoMayNotRunItMayNotApproveIt) {
  Raise({Alert("Maybe", "mx-a")});
  v1::ApproveEscalationRequest request;
  request.set_escalation_id(Only().escalation_id());
  request.set_plan_hash(Only().plan().plan_hash());
  std::size_t asked = 0;
  const auto refused = core_->escalations().Approve(
      request, "ann", [&](const std::vector<v1::Operation>& operations) {
        asked = operations.size();
        return absl::PermissionDeniedError("ann only looks");
      });
  EXPECT_TRUE(absl::IsPermissionDenied(refused.status()));
  EXPECT_GT(asked, 0u);
  EXPECT_EQ(Only().state(), v1::ESCALATION_STATE_PROPOSED);
  EXPECT_THAT(Runs(), SizeIs(0));
}

TEST_F(PeopleTest, AProposalExpires) {
  Raise({Alert("Maybe", "mx-a")});
  const v1::Escalation one = Only();
  clock_.now_ += absl::Minutes(31);
  EXPECT_EQ(ReasonOf(Approve(one, "ann").status()), "PROPOSAL_EXPIRED");
  Pass(absl::Seconds(1));
  EXPECT_EQ(Only().state(), v1::ESCALATION_STATE_EXPIRED);
  EXPECT_THAT(Notices(), Contains("proposal-expired"));
  EXPECT_EQ(ReasonOf(Approve(one, "ann").status()), "NOT_PROPOSED");
  EXPECT_THAT(Runs(), SizeIs(0));
}

TEST_F(PeopleTest, AnApprovalThatACrashCutOffIsDoneAtTheNextStart) {
  Raise({Alert("Maybe", "mx-a")});
  DieAt("escalation.started", [&] { EXPECT_FALSE(Approve(Only(), "ann").ok()); });
  EXPECT_THAT(Runs(), SizeIs(1));
  core_->escalations().Work();
  EXPECT_EQ(Only().state(), v1::ESCALATION_STATE_RUNNING);
  EXPECT_EQ(Only().approved_by(), "ann");
  EXPECT_THAT(Runs(), SizeIs(1));
}

TEST_F(PeopleTest, ARejectionEndsIt) {
  Raise({Alert("Maybe", "mx-a")});
  v1::RejectEscalationRequest reject;
  reject.set_escalation_id(Only().escalation_id().substr(0, 8));
  reject.set_reason("a newsletter");
  ASSERT_TRUE(core_->escalations().Reject(reject, "ann").ok());
  EXPECT_EQ(Only().state(), v1::ESCALATION_STATE_REJECTED);
  EXPECT_EQ(ReasonOf(Approve(Only(), "bob").status()), "NOT_PROPOSED");
}

TEST_F(PeopleTest, WhileItIsPausedNothingStartsByItself) {
  v1::SetPauseRequest pause;
  pause.set_paused(true);
  pause.set_reason("maintenance");
  const auto paused = core_->escalations().SetPause(pause, "ann");
  ASSERT_TRUE(paused.ok());
  EXPECT_TRUE(paused->paused());
  EXPECT_EQ(paused->paused_by(), "ann");
  Restart();  // It outlives the process.
  Raise({Alert("Flood", "mx-a")});
  EXPECT_THAT(Runs(), SizeIs(0));
  EXPECT_EQ(Only().state(), v1::ESCALATION_STATE_PROPOSED);
  EXPECT_THAT(Notices(), Contains("held"));
  pause.set_paused(false);
  EXPECT_FALSE(core_->escalations().SetPause(pause, "ann")->paused());
}

TEST_F(PeopleTest, ATestOfAnAlertSaysWhatWouldHappenAndDoesNothing) {
  v1::TestAlertsRequest request;
  *request.add_alerts() = Alert("Flood", "mx-a");
  *request.add_alerts() = Alert("Weather", "mx-a");
  const auto tested = core_->escalations().Test(request);
  ASSERT_TRUE(tested.ok()) << tested.status();
  ASSERT_EQ(tested->decisions_size(), 1);
  EXPECT_EQ(tested->decisions(0).rule(), "flood");
  EXPECT_EQ(tested->decisions(0).taken(), v1::ESCALATION_ACTION_START);
  EXPECT_GE(tested->decisions(0).reasons_size(), 1);
  ASSERT_EQ(tested->unmatched_size(), 1);
  EXPECT_THAT(tested->unmatched(0), HasSubstr("Weather"));
  EXPECT_THAT(All(), SizeIs(0));
  EXPECT_EQ(core_->escalations().ListAlerts({})->alerts_size(), 0);
  EXPECT_THAT(link_.Commands(), SizeIs(0));
}

TEST_F(PeopleTest, APersonRaisesAnAlertTheSameWay) {
  v1::RaiseAlertsRequest request;
  v1::Alert* alert = request.add_alerts();
  alert->set_status(v1::ALERT_STATUS_FIRING);
  (*alert->mutable_labels())["alertname"] = "Flood";
  (*alert->mutable_labels())["instance"] = "mx-b";
  const auto raised = core_->escalations().Raise(request, "ann");
  ASSERT_TRUE(raised.ok()) << raised.status();
  EXPECT_EQ(raised->taken(), 1);
  core_->escalations().Work();
  EXPECT_EQ(Only().source(), "operator/ann");
  EXPECT_THAT(Runs(), SizeIs(1));
}

TEST_F(PeopleTest, LintSaysWhatOnlyThisFleetCanTell) {
  v1::LintRulesRequest request;
  request.set_rules(
      "rules:\n  - {name: x, match: ['alertname=\"A\"'], hosts: {label: instance}, action: start, "
      "run: {playbook: there-is-none}}\n");
  const auto linted = core_->escalations().Lint(request);
  ASSERT_TRUE(linted.ok());
  EXPECT_THAT(linted->errors(), SizeIs(1));
  request.set_rules("rules: [{name: 5, match: {}}]");
  EXPECT_THAT(core_->escalations().Lint(request)->errors(), SizeIs(1));
  request.set_rules(kRules);
  const auto good = core_->escalations().Lint(request);
  EXPECT_EQ(good->errors_size(), 0) << good->DebugString();
  EXPECT_EQ(good->rules(), 3);
}

}  // namespace
}  // namespace mailquench::controller
