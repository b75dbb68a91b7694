// What the controller does in the place of an agent: looks, waits, cancels, and is asked after.
#include "controller/app/own_operations.h"

#include <atomic>

#include "absl/time/clock.h"
#include "tests/e2e/processes.h"
#include "tests/unit/controller/core_fixture.h"

namespace mailquench::controller {
namespace {

class Events final : public AgentEvents {
 public:
  void OnConnected(const std::string&, const v1::Hello&) override {}
  void OnDisconnected(const std::string&) override {}
  void OnHeartbeat(const std::string&, const v1::Heartbeat&) override {}
  void OnProgress(const std::string&, const v1::Progress&) override {}
  void OnReport(const std::string&, const v1::OperationReport& report) override {
    const std::lock_guard<std::mutex> lock(mu);
    reports.push_back(report);
  }
  void OnPlanned(const std::string&, const v1::OperationPlanned&) override { ++planned; }
  void OnKnown(const std::string&, const v1::KnownCommands& all) override { known = all; }
  std::size_t Reports() {
    const std::lock_guard<std::mutex> lock(mu);
    return reports.size();
  }
  std::mutex mu;
  std::vector<v1::OperationReport> reports;
  v1::KnownCommands known;
  int planned = 0;
};

v1::ControllerMessage CommandOf(const std::string& id, bool plan_only = false) {
  v1::ControllerMessage message;
  message.mutable_command()->set_command_id(id);
  message.mutable_command()->set_host_id("a");
  message.mutable_command()->set_plan_only(plan_only);
  message.mutable_command()->mutable_operation()->mutable_blacklist_clear();
  return message;
}

class OwnOperationsTest : public ::testing::Test {
 protected:
  OwnOperationsTest() {
    link_.online.insert("a");
    own_ = std::make_unique<OwnOperations>(
        &link_,
        [this](const v1::Command& command, bool last) -> std::optional<v1::OperationReport> {
          ++looks_;
          if (!done_ && !last) return std::nullopt;
          v1::OperationReport report;
          report.set_command_id(command.command_id());
          report.set_outcome(done_ ? v1::OUTCOME_SUCCEEDED : v1::OUTCOME_FAILED);
          return report;
        },
        [this](const v1::Command&) { return length_; }, absl::Milliseconds(20));
    own_->SetEvents(&events_);
  }
  FakeLink link_;
  Events events_;
  std::atomic<int> looks_{0};
  std::atomic<bool> done_{false};
  absl::Duration length_ = absl::Hours(1);
  std::unique_ptr<OwnOperations> own_;
};

TEST_F(OwnOperationsTest, LooksAgainUntilItIsSoAndHoldsNoThreadMeanwhile) {
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(own_->Send("a", CommandOf(std::to_string(i))));
  EXPECT_TRUE(test::Eventually([&] { return looks_ > 60; }));
  EXPECT_EQ(events_.Reports(), 0u);
  EXPECT_TRUE(link_.sent.empty());  // The agent hears nothing of it.
  done_ = true;
  EXPECT_TRUE(test::Eventually([&] { return events_.Reports() == 20; }));
  EXPECT_EQ(events_.reports[0].outcome(), v1::OUTCOME_SUCCEEDED);
}

TEST_F(OwnOperationsTest, EndsWithItsTime) {
  length_ = absl::Milliseconds(100);
  own_->Send("a", CommandOf("x"));
  EXPECT_TRUE(test::Eventually([&] { return events_.Reports() == 1; }));
  EXPECT_EQ(events_.reports[0].outcome(), v1::OUTCOME_FAILED);
  EXPECT_GE(looks_, 2);
}

TEST_F(OwnOperationsTest, IsCancelledBetweenTwoLooks) {
  own_->Send("a", CommandOf("x"));
  EXPECT_TRUE(test::Eventually([&] { return looks_ > 0; }));
  v1::ControllerMessage cancel;
  cancel.mutable_cancel()->set_command_id("x");
  own_->Send("a", cancel);
  EXPECT_TRUE(test::Eventually([&] { return events_.Reports() == 1; }));
  EXPECT_EQ(events_.reports[0].outcome(), v1::OUTCOME_CANCELLED);
  own_->Send("a", cancel);  // Of what it does not know any more, the agent is told.
  EXPECT_EQ(link_.sent.size(), 1u);
}

TEST_F(OwnOperationsTest, IsStillRunningWhereAnAgentThatIsBackIsAskedAfterIt) {
  own_->Send("a", CommandOf("x"));
  v1::ControllerMessage reconcile;
  reconcile.mutable_reconcile()->add_command_ids("x");
  reconcile.mutable_reconcile()->add_command_ids("the agent's");
  EXPECT_TRUE(own_->Send("a", reconcile));
  ASSERT_EQ(events_.known.running_size(), 1);
  EXPECT_EQ(events_.known.running(0), "x");
  ASSERT_EQ(link_.sent.size(), 1u);
  EXPECT_EQ(link_.sent[0].second.reconcile().command_ids_size(), 1);
}

TEST_F(OwnOperationsTest, ADryRunIsAnsweredAtOnceAndNothingIsReportedAfterTheEnd) {
  own_->Send("a", CommandOf("plan", true));
  EXPECT_EQ(events_.planned, 1);
  EXPECT_EQ(looks_, 0);
  own_->Send("a", CommandOf("x"));
  own_->Stop();
  EXPECT_EQ(events_.Reports(), 0u);
  EXPECT_FALSE(own_->Send("a", CommandOf("y")));
}

}  // namespace
}  // namespace mailquench::controller
