// Hosts without an agent on the command line: registering, showing, asking, confirming.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/status/error.h"
#include "tests/unit/cli/fake_controller.h"

namespace mailquench::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class ByHandTest : public ::testing::Test {
 protected:
  ByHandTest() {
    controller_.plan.set_plan_hash("hash");
    auto* planned = controller_.plan.add_hosts();
    planned->set_host_id("id-old1");
    planned->set_name("old1");
    planned->set_manual_platform("exchange-2003");
    auto* host = controller_.hosts.add_hosts();
    host->set_host_id("id-old1");
    host->set_name("old1");
    host->set_state(v1::HOST_STATE_ACTIVE);
    host->mutable_manual()->set_platform("exchange-2003");
    host->mutable_hello()->set_platform("exchange-2003");
    controller_.started.set_run_id("r1");
    auto* started = controller_.started.add_hosts();
    started->set_host_id("id-old1");
    started->set_name("old1");
    v1::ManualStep* step = controller_.manual.add_steps();
    step->set_run_id("r1");
    step->set_host_id("id-old1");
    step->set_host_name("old1");
    step->set_platform("exchange-2003");
    step->set_step_name("lock");
    step->set_operation("relay.lock");
    step->add_instructions()->set_text("Open the page\x1b[2J.");
    step->mutable_instructions(0)->set_command("net stop smtpsvc");
    for (const char* key : {"relay.list", "authentication"}) {
      v1::ManualQuestion* question = step->add_questions();
      question->set_key(key);
      question->set_text("how it was");
      question->set_relay(std::string(key) == "relay.list");
    }
    v1::RunEvent event;
    event.mutable_run()->set_run_id("r1");
    event.mutable_run()->set_state(v1::RUN_STATE_RUNNING);
    auto* running = event.mutable_run()->add_hosts();
    running->set_host_id("id-old1");
    running->set_name("old1");
    running->set_manual_platform("exchange-2003");
    auto* waiting = running->add_steps();
    waiting->set_sent(true);
    waiting->mutable_manual_since_time()->set_seconds(1);
    controller_.events.push_back(event);
    controller_.events.push_back(event);  // The same again is not asked again.
    running->set_outcome(v1::OUTCOME_SUCCEEDED);
    waiting->mutable_report()->set_outcome(v1::OUTCOME_SUCCEEDED);
    waiting->mutable_report()->mutable_manual()->set_confirmed_by("ada");
    waiting->mutable_report()->mutable_manual()->set_seen("it is 0\x1b[2J");
    event.mutable_run()->set_state(v1::RUN_STATE_SUCCEEDED);
    controller_.events.push_back(event);
  }
  const std::vector<std::string> kRun = {"run", "op", "relay.lock", "--hosts", "old1", "--yes"};
  FakeController controller_;
};

TEST_F(ByHandTest, AHostIsRegisteredShownAndRemoved) {
  Ran ran = RunCli(&controller_,
                   {"host", "add-manual", "old1", "--platform", "exchange-2003", "--label",
                    "role=edge", "--label", "canary", "--listener", "192.0.2.7:25", "--egress",
                    "192.0.2.7", "--domain", "example.org", "--helo", "mail.example.org"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  ASSERT_THAT(controller_.manual_hosts, SizeIs(1));
  const v1::AddManualHostRequest& request = controller_.manual_hosts[0];
  EXPECT_EQ(request.platform(), "exchange-2003");
  EXPECT_EQ(request.labels().at("role"), "edge");
  EXPECT_EQ(request.labels().count("canary"), 1u);
  EXPECT_THAT(request.listeners(), ElementsAre("192.0.2.7:25"));
  EXPECT_THAT(request.mail_identity().egress_addresses(), ElementsAre("192.0.2.7"));
  EXPECT_THAT(request.mail_identity().mail_domains(), ElementsAre("example.org"));
  EXPECT_THAT(request.helo_names(), ElementsAre("mail.example.org"));
  EXPECT_THAT(ran.out, HasSubstr("manual"));
  EXPECT_THAT(RunCli(&controller_, {"host", "list"}).out, HasSubstr("old1  manual"));
  EXPECT_THAT(RunCli(&controller_, {"host", "show", "old1"}).out,
              HasSubstr("a person does its steps"));
  RunCli(&controller_, {"host", "add-manual", "x", "--platform", "appliance", "--dry-run"});
  EXPECT_THAT(controller_.manual_hosts, SizeIs(1));

  EXPECT_EQ(RunCli(&controller_, {"host", "remove-manual", "old1"}).code, 1);  // Nobody to ask.
  EXPECT_THAT(controller_.evicted, IsEmpty());
  EXPECT_EQ(RunCli(&controller_, {"host", "remove-manual", "old1", "--yes"}).code, 0);
  ASSERT_THAT(controller_.evicted, SizeIs(1));
  EXPECT_EQ(controller_.evicted[0].host(), "id-old1");
  controller_.hosts.mutable_hosts(0)->clear_manual();
  ran = RunCli(&controller_, {"host", "remove-manual", "old1", "--yes"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr("has an agent"));
  EXPECT_THAT(controller_.evicted, SizeIs(1));
}

TEST_F(ByHandTest, WhoeverDrivesTheRunIsShownWhatToDoAndAsked) {
  const Ran ran = RunCli(&controller_, kRun,
                         "perhaps\nsucceeded\n\nRelayForAuth is 0\nAll except\ny\nBasic\n", true);
  EXPECT_EQ(ran.code, 0) << ran.err;
  ASSERT_THAT(controller_.confirmed, SizeIs(1));
  const v1::ConfirmManualStepRequest& said = controller_.confirmed[0];
  EXPECT_EQ(said.run_id(), "r1");
  EXPECT_EQ(said.host(), "id-old1");
  EXPECT_EQ(said.step(), "1");
  EXPECT_EQ(said.confirmation().outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(said.confirmation().seen(), "RelayForAuth is 0");
  ASSERT_EQ(said.confirmation().notes_size(), 2);
  EXPECT_EQ(said.confirmation().notes(0).key(), "relay.list");
  EXPECT_EQ(said.confirmation().notes(0).value(), "All except");
  EXPECT_TRUE(said.confirmation().notes(0).opened_relay());
  EXPECT_EQ(said.confirmation().notes(1).value(), "Basic");
  EXPECT_FALSE(said.confirmation().notes(1).opened_relay());
  EXPECT_TRUE(said.this_host_only());
  EXPECT_EQ(controller_.manual_asked[0].host(), "id-old1");
  EXPECT_THAT(ran.err, HasSubstr("1. Open the page [2J.\n       net stop smtpsvc\n"));
  EXPECT_THAT(ran.err, Not(HasSubstr("\x1b[2J")));
  EXPECT_THAT(ran.out, HasSubstr("by hand, ada saw: it is 0 [2J"));
  EXPECT_FALSE(controller_.starts[0].no_input());
}

TEST_F(ByHandTest, LaterAndTheEndOfTheInputLeaveItWaiting) {
  for (const char* typed :
       {"later\n", "", "succeeded\n", "succeeded\nseen\nonly one\n", "succeeded\nseen\nx\n\n"}) {
    controller_.confirmed.clear();
    const Ran ran = RunCli(&controller_, kRun, typed, true);
    EXPECT_THAT(controller_.confirmed, IsEmpty()) << typed;
    EXPECT_THAT(
        ran.err,
        HasSubstr("mailquench run confirm r1 old1 1 --outcome succeeded --seen "
                  "TEXT --before relay.list=VALUE --opened-relay|--relay-was-closed relay.list"));
  }
}

TEST_F(ByHandTest, WhetherTheRelayWasOpenHasNoDefault) {
  const Ran ran =
      RunCli(&controller_, kRun,
             "succeeded\nRelayForAuth is 0\nOnly the list\n\nperhaps\nn\nBasic\n", true);
  EXPECT_EQ(ran.code, 0) << ran.err;
  ASSERT_THAT(controller_.confirmed, SizeIs(1));
  const auto& notes = controller_.confirmed[0].confirmation().notes();
  EXPECT_TRUE(notes[0].relay_was_closed());
  EXPECT_FALSE(notes[0].opened_relay());
  EXPECT_FALSE(notes[1].relay_was_closed());
}

TEST_F(ByHandTest, UnchangedIsAskedForTheValuesThatShowIt) {
  controller_.manual.mutable_steps(0)->mutable_questions(0)->set_also_unchanged(true);
  RunCli(&controller_, kRun, "unchanged\nit was shut\nOnly the list\nn\n", true);
  ASSERT_THAT(controller_.confirmed, SizeIs(1));
  const auto& said = controller_.confirmed[0].confirmation();
  EXPECT_EQ(said.outcome(), v1::OUTCOME_UNCHANGED);
  ASSERT_EQ(said.notes_size(), 1);
  EXPECT_EQ(said.notes(0).key(), "relay.list");
}

TEST_F(ByHandTest, WhatCouldNotBeShownIsAskedForAgain) {
  controller_.manual_statuses = {grpc::Status(grpc::StatusCode::INTERNAL, "Busy.")};
  RunCli(&controller_, kRun, "refused\nno time\n", true);
  EXPECT_THAT(controller_.manual_asked, SizeIs(2));
  EXPECT_THAT(controller_.confirmed, SizeIs(1));
}

TEST_F(ByHandTest, WhoeverTakesAHostOutIsToldWhatItStillOwes) {
  controller_.incident.set_incident_id("i1");
  v1::Obligation* owed = controller_.incident.add_obligations();
  owed->set_obligation_id("o1");
  owed->set_host_id("id-old1");
  owed->set_operation("relay.lock");
  owed->set_state(v1::Obligation::STATE_OUTSTANDING);
  const std::vector<std::string> remove = {"host", "remove-manual", "old1", "--dry-run"};
  EXPECT_THAT(RunCli(&controller_, remove).err,
              HasSubstr("still to be put back on old1: relay.lock (o1, incident i1)"));
  owed->set_state(v1::Obligation::STATE_RESTORED);
  EXPECT_THAT(RunCli(&controller_, remove).err, Not(HasSubstr("still to be put back")));
}

TEST_F(ByHandTest, WhatWasSaidWronglyIsAskedAgain) {
  const auto error =
      ToProto(Error(absl::StatusCode::kInvalidArgument, "BAD_CONFIRMATION", "Not like that."));
  controller_.confirm_statuses = {
      grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, error.message(), error.SerializeAsString())};
  const Ran ran = RunCli(&controller_, kRun, "refused\nno time\nfailed\nno ESM\n\n\n", true);
  EXPECT_EQ(ran.code, 0) << ran.err;
  ASSERT_THAT(controller_.confirmed, SizeIs(2));
  EXPECT_THAT(ran.err, HasSubstr("Not like that."));
  EXPECT_EQ(controller_.confirmed[1].confirmation().outcome(), v1::OUTCOME_FAILED);
  EXPECT_EQ(controller_.confirmed[1].confirmation().notes_size(), 0);
}

TEST_F(ByHandTest, WithoutATerminalItIsSaidWhereItWaitsOnce) {
  const Ran ran = RunCli(&controller_, kRun);
  EXPECT_THAT(controller_.confirmed, IsEmpty());
  const std::string hint = "'mailquench run manual r1' shows what to do";
  EXPECT_THAT(ran.err, HasSubstr(hint));
  EXPECT_EQ(ran.err.find(hint), ran.err.rfind(hint));
  EXPECT_THAT(ran.err, HasSubstr("waiting  for a person"));
}

TEST_F(ByHandTest, NoInputIsHandedOnAndAsksNothing) {
  std::vector<std::string> args = kRun;
  args.push_back("--no-input");
  RunCli(&controller_, args, "succeeded\nx\n", true);
  ASSERT_THAT(controller_.starts, SizeIs(1));
  EXPECT_TRUE(controller_.starts[0].no_input());
  EXPECT_THAT(controller_.confirmed, IsEmpty());
  // Nor does it ask whether to begin.
  const Ran ran = RunCli(&controller_, {"run", "op", "relay.lock", "--hosts", "old1", "--no-input"},
                         "y\n", true);
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr("Add --yes"));
  EXPECT_THAT(controller_.starts, SizeIs(1));
}

TEST_F(ByHandTest, ADryRunCallsItManual) {
  auto* step = controller_.plan.mutable_hosts(0)->add_steps();
  step->set_operation("relay.lock");
  step->add_steps("a person would be asked to:");
  const Ran ran = RunCli(&controller_, {"run", "op", "relay.lock", "--hosts", "old1", "--dry-run"});
  EXPECT_THAT(ran.out, HasSubstr("manual"));
  EXPECT_THAT(ran.out, HasSubstr("a person would be asked to:"));
}

TEST_F(ByHandTest, ManualShowsWhatWaits) {
  Ran ran = RunCli(&controller_, {"run", "manual", "r1"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(controller_.manual_asked[0].run_id(), "r1");
  EXPECT_THAT(ran.out, HasSubstr("old1 (exchange-2003): relay.lock, step 'lock' of run r1\n"
                                 "1. Open the page [2J.\n       net stop smtpsvc\n"));
  EXPECT_THAT(ran.out, HasSubstr("relay.list: how it was"));
  EXPECT_THAT(ran.out, HasSubstr("mailquench run confirm r1 old1 1"));
  ran = RunCli(&controller_, {"-o", "json", "run", "manual"});
  EXPECT_EQ(controller_.manual_asked[1].run_id(), "");
  EXPECT_THAT(ran.out, HasSubstr("\"command\": \"net stop smtpsvc\""));
  controller_.manual.Clear();
  ran = RunCli(&controller_, {"run", "manual"});
  EXPECT_THAT(ran.out, IsEmpty());
  EXPECT_THAT(ran.err, HasSubstr("nothing waits for a person"));
}

TEST_F(ByHandTest, ConfirmSendsWhatWasSaid) {
  std::vector<std::string> args = {"run",
                                   "confirm",
                                   "r1",
                                   "old1",
                                   "lock",
                                   "--outcome",
                                   "succeeded",
                                   "--seen",
                                   "RelayForAuth 0",
                                   "--before",
                                   "relay.list=All=except",
                                   "--before",
                                   "authentication=Basic",
                                   "--opened-relay",
                                   "relay.list",
                                   "--relay-was-closed",
                                   "authentication"};
  Ran ran = RunCli(&controller_, args);
  EXPECT_EQ(ran.code, 0) << ran.err;
  ASSERT_THAT(controller_.confirmed, SizeIs(1));
  const v1::ManualConfirmation& said = controller_.confirmed[0].confirmation();
  EXPECT_EQ(controller_.confirmed[0].step(), "lock");
  EXPECT_EQ(said.notes(0).value(), "All=except");
  EXPECT_TRUE(said.notes(0).opened_relay());
  EXPECT_FALSE(said.notes(0).relay_was_closed());
  EXPECT_FALSE(said.notes(1).opened_relay());
  EXPECT_TRUE(said.notes(1).relay_was_closed());
  args.push_back("--dry-run");
  EXPECT_EQ(RunCli(&controller_, args).code, 0);
  EXPECT_EQ(RunCli(&controller_, {"run", "confirm", "r1", "old1", "1", "--outcome", "failed",
                                  "--seen", "x", "--opened-relay", "relay.list"})
                .code,
            1);
  EXPECT_EQ(RunCli(&controller_, {"run", "confirm", "r1", "old1", "1", "--outcome", "failed",
                                  "--seen", "x", "--before", "novalue"})
                .code,
            1);
  EXPECT_EQ(RunCli(&controller_,
                   {"run", "confirm", "r1", "old1", "1", "--outcome", "unreachable", "--seen", "x"})
                .code,
            1);
  EXPECT_EQ(RunCli(&controller_, {"run", "confirm", "r1", "old1", "1", "--outcome", "failed"}).code,
            1);
  EXPECT_THAT(controller_.confirmed, SizeIs(1));
}

}  // namespace
}  // namespace mailquench::cli
