#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "common/status/error.h"
#include "tests/unit/cli/fake_controller.h"

namespace mailquench::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;

class CommandTest : public ::testing::Test {
 protected:
  CommandTest() {
    controller_.plan.set_plan_hash("hash");
    for (const char* name : {"mx1", "mx2"}) {
      auto* planned = controller_.plan.add_hosts();
      planned->set_host_id(std::string("id-") + name);
      planned->set_name(name);
      controller_.hosts.add_hosts()->set_name(name);
    }
    controller_.started.set_run_id("r1");
    controller_.started.add_hosts();
    controller_.incident.set_incident_id("i1");
    v1::RunEvent event;
    event.mutable_run()->set_run_id("r1");
    event.mutable_run()->set_state(v1::RUN_STATE_RUNNING);
    auto* host = event.mutable_run()->add_hosts();
    host->set_name("mx1");
    host->add_steps()->set_sent(true);
    controller_.events.push_back(event);
    host->set_outcome(v1::OUTCOME_SUCCEEDED);
    host->mutable_steps(0)->mutable_report()->set_outcome(v1::OUTCOME_SUCCEEDED);
    event.mutable_run()->set_state(v1::RUN_STATE_SUCCEEDED);
    controller_.events.push_back(event);
  }

  FakeController controller_;
};

TEST_F(CommandTest, ContainLeavesTheIncidentToTheControllerAndTellsHowItEnds) {
  const Ran ran =
      RunCli(&controller_, {"run", "contain", "-l", "role=edge", "--reason", "spam", "--yes"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(controller_.incidents_opened, 0);  // It may have to be one that is open.
  ASSERT_THAT(controller_.starts, SizeIs(1));
  const auto& start = controller_.starts[0];
  EXPECT_EQ(start.expected_plan_hash(), "hash");
  EXPECT_EQ(start.reason(), "spam");
  EXPECT_EQ(start.plan().selector(), "role=edge");
  EXPECT_EQ(start.plan().incident_id(), "");
  EXPECT_EQ(start.plan().playbook(), "contain");  // Waves and proof, not the operation alone.
  EXPECT_FALSE(start.plan().has_operation());
  EXPECT_TRUE(start.plan().parameters().empty());
  EXPECT_EQ(start.request_id().size(), 36u);
  EXPECT_THAT(ran.err, HasSubstr("mx1  step 1  running\nmx1  step 1  succeeded\n"));
  EXPECT_THAT(ran.err, HasSubstr("1 host: 1 succeeded; run r1\n"));
  EXPECT_THAT(ran.err, Not(HasSubstr("\x1b")));
  EXPECT_THAT(ran.out, HasSubstr("mx1   succeeded"));
}

TEST_F(CommandTest, WhatContainIsToldReachesThePlaybookAsParameters) {
  const Ran ran =
      RunCli(&controller_, {"run", "contain", "-l", "a", "--reason", "x", "--yes", "--mode",
                            "listed", "--allow-client", "192.0.2.1,192.0.2.2",
                            "--keep-notifications", "--leave-stopped", "--all-at-once"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  ASSERT_THAT(controller_.starts, SizeIs(1));
  const auto& given = controller_.starts[0].plan().parameters();
  const std::map<std::string, std::string> sorted(given.begin(), given.end());
  EXPECT_THAT(sorted, ElementsAre(Pair("clients", "192.0.2.1,192.0.2.2"),
                                  Pair("keep_notifications", "true"), Pair("leave_stopped", "true"),
                                  Pair("mode", "listed"), Pair("waves", "100%")));
  RunCli(&controller_, {"run", "op", "contain", "-l", "a", "--yes"});
  ASSERT_THAT(controller_.starts, SizeIs(2));
  EXPECT_TRUE(controller_.starts[1].plan().operation().has_contain());
}

TEST_F(CommandTest, TheSelectorIsPassedOnUntouched) {
  const std::string selector = "role=edge,site in (fra,ams),!canary";
  RunCli(&controller_, {"run", "op", "queue.survey", "-l", selector});
  ASSERT_THAT(controller_.starts, SizeIs(1));
  EXPECT_EQ(controller_.starts[0].plan().selector(), selector);
  RunCli(&controller_, {"host", "list", "-l", selector});
  EXPECT_THAT(controller_.selectors, ElementsAre(selector));
}

TEST_F(CommandTest, DryRunAsksTheAgentsAndStartsNothing) {
  auto* step = controller_.plan.mutable_hosts(0)->add_steps();
  step->set_operation("contain");
  step->add_steps("Would stop one instance.");
  const Ran ran =
      RunCli(&controller_, {"run", "contain", "--hosts", "mx1,mx2", "--reason", "x", "--dry-run"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(controller_.starts, IsEmpty());
  EXPECT_EQ(controller_.incidents_opened, 0);
  ASSERT_THAT(controller_.planned, SizeIs(1));
  EXPECT_FALSE(controller_.planned[0].skip_agents());
  EXPECT_THAT(controller_.planned[0].hosts(), ElementsAre("mx1", "mx2"));
  EXPECT_THAT(ran.out, HasSubstr("Would stop one instance."));
}

TEST_F(CommandTest, WithoutATerminalAChangeIsRefusedAndSaysWhatToAdd) {
  const Ran ran =
      RunCli(&controller_, {"run", "contain", "-l", "role=edge", "--reason", "x"}, "y\n");
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr("2 hosts (mx1, mx2)"));
  EXPECT_THAT(ran.err, HasSubstr("Add --yes"));
  EXPECT_THAT(controller_.starts, IsEmpty());
  EXPECT_EQ(controller_.incidents_opened, 0);
}

TEST_F(CommandTest, OnATerminalOnlyAYesGoesOn) {
  const std::vector<std::string> args = {"run", "contain", "-l", "role=edge", "--reason", "x"};
  EXPECT_EQ(RunCli(&controller_, args, "\n", true).code, 1);
  EXPECT_THAT(controller_.starts, IsEmpty());
  EXPECT_EQ(RunCli(&controller_, args, "y\n", true).code, 0);
  EXPECT_THAT(controller_.starts, SizeIs(1));
}

TEST_F(CommandTest, WhatCannotBeUndoneWantsTheNumberOfHosts) {
  auto* held = controller_.quarantines.add_quarantines();
  held->set_host_id("id-mx1");
  held->mutable_quarantine()->set_quarantine_id("q1");
  const std::vector<std::string> args = {"quarantine", "discard", "q1", "--account", "mallory"};
  EXPECT_EQ(RunCli(&controller_, args, "y\n", true).code, 1);
  EXPECT_THAT(controller_.starts, IsEmpty());
  EXPECT_EQ(RunCli(&controller_, args, "2\n", true).code, 0);
  ASSERT_THAT(controller_.starts, SizeIs(1));
  const auto& plan = controller_.starts[0].plan();
  EXPECT_THAT(plan.hosts(), ElementsAre("id-mx1"));
  EXPECT_THAT(plan.operation().quarantine_discard().filter().accounts(), ElementsAre("mallory"));
}

TEST_F(CommandTest, AFilterMayHaveExceptions) {
  auto* held = controller_.quarantines.add_quarantines();
  held->set_host_id("id-mx1");
  held->mutable_quarantine()->set_quarantine_id("q1");
  RunCli(&controller_, {"quarantine", "release", "q1", "--min-age", "2h", "--except-account",
                        "mallory", "--yes"});
  ASSERT_THAT(controller_.starts, SizeIs(1));
  const auto& filter = controller_.starts[0].plan().operation().quarantine_release().filter();
  EXPECT_EQ(filter.min_age().seconds(), 7200);
  EXPECT_THAT(filter.except().accounts(), ElementsAre("mallory"));
  EXPECT_FALSE(controller_.starts[0].plan().operation().quarantine_release().maybe_delivered());
}

TEST_F(CommandTest, WhatMayHaveBeenDeliveredIsReleasedOnlyWhereThatIsSaid) {
  auto* held = controller_.quarantines.add_quarantines();
  held->set_host_id("id-mx1");
  held->mutable_quarantine()->set_quarantine_id("q1");
  RunCli(&controller_, {"quarantine", "release", "q1", "--maybe-delivered", "--yes"});
  ASSERT_THAT(controller_.starts, SizeIs(1));
  EXPECT_TRUE(controller_.starts[0].plan().operation().quarantine_release().maybe_delivered());
}

TEST_F(CommandTest, AReleaseIsolatesOnlyWhereItIsToldTo) {
  auto* held = controller_.quarantines.add_quarantines();
  held->set_host_id("id-ex1");
  held->mutable_quarantine()->set_quarantine_id("q1");
  RunCli(&controller_, {"quarantine", "release", "q1", "--yes"});
  const Ran ran =
      RunCli(&controller_, {"quarantine", "release", "q1", "--isolate", "--sender", "a@b.c"});
  EXPECT_THAT(ran.out + ran.err, HasSubstr("Cut the host off"));
  RunCli(&controller_, {"quarantine", "release", "q1", "--isolate", "--sender", "a@b.c", "--yes"});
  ASSERT_THAT(controller_.starts, SizeIs(2));
  EXPECT_FALSE(controller_.starts[0].plan().operation().quarantine_release().isolate());
  const auto& isolated = controller_.starts[1].plan().operation().quarantine_release();
  EXPECT_TRUE(isolated.isolate());
  EXPECT_THAT(isolated.filter().senders(), ElementsAre("a@b.c"));
  EXPECT_NE(RunCli(&controller_, {"quarantine", "discard", "q1", "--isolate", "--yes"}).code, 0);
  EXPECT_THAT(RunCli(&controller_, {"quarantine", "release", "--help"}).out,
              HasSubstr("--isolate"));
}

TEST_F(CommandTest, AnyFieldOfAnOperationIsSetByItsName) {
  const std::vector<std::string> op = {"run",   "op",    "quarantine.release", "--hosts", "ex1",
                                       "--yes", "--set", "quarantine_id=q1"};
  std::vector<std::string> args = op;
  args.insert(args.end(), {"--set", "isolate=true"});
  RunCli(&controller_, args);
  ASSERT_THAT(controller_.starts, SizeIs(1));
  EXPECT_TRUE(controller_.starts[0].plan().operation().quarantine_release().isolate());
  args.back() = "isolate=perhaps";
  const Ran ran = RunCli(&controller_, args);
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr("true or false"));
}

TEST_F(CommandTest, AMoveNamesTheDirectoryLastOrHome) {
  for (const char* id : {"q1", "q2"}) {
    auto* held = controller_.quarantines.add_quarantines();
    held->set_host_id("id-mx1");
    held->mutable_quarantine()->set_quarantine_id(id);
  }
  RunCli(&controller_, {"quarantine", "move", "q1", "q2", "/srv/q/", "--yes"});
  ASSERT_THAT(controller_.starts, SizeIs(2));
  const auto& move = controller_.starts[1].plan().operation().quarantine_move();
  EXPECT_EQ(move.quarantine_id(), "q2");
  EXPECT_EQ(move.directory(), "/srv/q");
  RunCli(&controller_, {"quarantine", "move", "--incident", "I", "home", "--yes"});
  ASSERT_THAT(controller_.starts, SizeIs(4));
  EXPECT_EQ(controller_.starts[3].plan().operation().quarantine_move().directory(), "home");
  EXPECT_EQ(RunCli(&controller_, {"quarantine", "move", "/srv/q", "--yes"}).code, 1);
  EXPECT_EQ(RunCli(&controller_, {"quarantine", "move", "--incident", "I", "--yes"}).code, 1);
  EXPECT_EQ(RunCli(&controller_, {"quarantine", "move", "q1", "--yes"}).code, 1);
  EXPECT_THAT(controller_.starts, SizeIs(4));
}

TEST_F(CommandTest, TheWayOutIsSetByWhatIsNamed) {
  const std::vector<std::string> set = {"egress",      "set",
                                        "--address",   "192.0.2.5",
                                        "--helo",      "out.example.org",
                                        "--smarthost", "[192.0.2.9]:587",
                                        "--despite",   "it filters",
                                        "--hosts",     "mx1",
                                        "--yes"};
  const Ran ran = RunCli(&controller_, set);
  EXPECT_EQ(ran.code, 0) << ran.err;
  ASSERT_THAT(controller_.starts, SizeIs(1));
  const v1::EgressSet& egress = controller_.starts[0].plan().operation().egress_set();
  EXPECT_EQ(egress.source_address(), "192.0.2.5");
  EXPECT_EQ(egress.helo_name(), "out.example.org");
  EXPECT_EQ(egress.smarthost(), "[192.0.2.9]:587");
  EXPECT_EQ(egress.despite(), "it filters");
  EXPECT_EQ(egress.instances_size(), 0);
  EXPECT_EQ(RunCli(&controller_, {"egress", "set", "--hosts", "mx1", "--yes"}).code, 1);
  EXPECT_THAT(controller_.starts, SizeIs(1));
}

TEST_F(CommandTest, AnOperationWithoutAFilterRefusesFilterFlags) {
  const Ran ran = RunCli(&controller_, {"run", "op", "relay.lock", "-l", "a", "--sender", "b"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(controller_.planned, IsEmpty());
}

TEST_F(CommandTest, LookingAsksNoQuestion) {
  EXPECT_EQ(RunCli(&controller_, {"run", "op", "queue.survey", "--hosts", "mx1"}).code, 0);
  EXPECT_THAT(controller_.starts, SizeIs(1));
}

TEST_F(CommandTest, NoHostInThePlanIsSeven) {
  controller_.plan.clear_hosts();
  EXPECT_EQ(RunCli(&controller_, {"run", "op", "queue.survey", "-l", "role=none"}).code, 7);
  EXPECT_THAT(controller_.starts, IsEmpty());
}

TEST_F(CommandTest, NoHostNamedAtAllIsAUsageError) {
  EXPECT_EQ(RunCli(&controller_, {"run", "op", "queue.survey"}).code, 1);
  EXPECT_THAT(controller_.planned, IsEmpty());
}

TEST_F(CommandTest, TheControllersReasonReachesScripts) {
  const auto error =
      ToProto(Error(absl::StatusCode::kPermissionDenied, "ROLE_TOO_LOW", "You may only look."));
  controller_.plan_status =
      grpc::Status(grpc::StatusCode::PERMISSION_DENIED, error.message(), error.SerializeAsString());
  const Ran ran = RunCli(&controller_, {"-o", "json", "run", "op", "queue.survey", "-l", "a"});
  EXPECT_EQ(ran.code, 4);
  EXPECT_THAT(ran.err, HasSubstr("\"reason\":\"ROLE_TOO_LOW\""));
  EXPECT_THAT(ran.out, IsEmpty());
}

TEST_F(CommandTest, NothingThatOthersWroteSteersTheTerminal) {
  const std::string hostile =
      "x\xc2\x9b"
      "2J\x1b[2J\x7f\xe2\x80\xae"
      "fdp\nerror: all is well";
  const auto harmless = [](const Ran& ran) {
    EXPECT_THAT(ran.err + ran.out, Not(HasSubstr("\nerror: all is well")));
    for (const char* bad : {"\x1b[2J", "\xc2\x9b", "\x7f", "\xe2\x80\xae", "\xff"}) {
      EXPECT_THAT(ran.err, Not(HasSubstr(bad)));
      EXPECT_THAT(ran.out, Not(HasSubstr(bad)));
    }
  };
  for (auto& event : controller_.events) {
    event.mutable_run()->mutable_hosts(0)->set_name(hostile);
    event.mutable_run()->mutable_hosts(0)->mutable_steps(0)->set_progress(hostile);
    event.mutable_run()->set_stop_reason(hostile);
  }
  controller_.plan.mutable_hosts(0)->set_name(hostile);
  controller_.hosts.mutable_hosts(0)->set_name(hostile);
  controller_.incident.set_title(hostile);
  controller_.incident.add_timeline()->set_text(hostile);
  const std::vector<std::string> contain = {"run", "contain", "-l", "role=edge", "--reason", "x"};
  Ran ran = RunCli(&controller_, contain, "y\n", true);
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("? [y/N] "));
  EXPECT_THAT(ran.err, HasSubstr("\x1b[32msucceeded\x1b[0m"));  // Our own colour is left.
  harmless(ran);
  for (const char* output : {"table", "json", "yaml", "jsonl"}) {
    harmless(RunCli(&controller_, {"-o", output, "host", "list"}));
    harmless(RunCli(&controller_, {"-o", output, "incident", "show", "i1"}));
    harmless(RunCli(&controller_, {"-o", output, "host", "evict", hostile, "--dry-run"}));
    // An error of a proxy, say, whose words nobody checked.
    controller_.plan_status = grpc::Status(grpc::StatusCode::INTERNAL, hostile + "\xff");
    ran = RunCli(&controller_, {"-o", output, "run", "op", "queue.survey", "-l", "a"});
    EXPECT_THAT(ran.err, HasSubstr("fdp"));
    harmless(ran);
    controller_.plan_status = grpc::Status::OK;
  }
  EXPECT_THAT(RunCli(&controller_, {"__complete", "host", "show", ""}).out, Not(HasSubstr("fdp")));
}

class SeveralOrdersTest : public CommandTest {
 protected:
  SeveralOrdersTest() {
    for (const char* id : {"q1", "q2", "q3"}) {
      auto* held = controller_.quarantines.add_quarantines();
      held->set_host_id("id-mx1");
      held->mutable_quarantine()->set_quarantine_id(id);
    }
  }
  Ran Release(const std::string& output, std::vector<std::string> more = {"--yes"}) {
    std::vector<std::string> args = {"-o", output, "quarantine", "release", "q1", "q2", "q3"};
    args.insert(args.end(), more.begin(), more.end());
    return RunCli(&controller_, args);
  }
};

TEST_F(SeveralOrdersTest, AreOneDocument) {
  Ran ran = Release("json");
  EXPECT_EQ(ran.code, 0) << ran.err;
  auto json = nlohmann::json::parse(ran.out);
  ASSERT_EQ(json.size(), 3u);
  EXPECT_EQ(json[2]["runId"], "r1");
  EXPECT_EQ(YAML::Load(Release("yaml").out).size(), 3u);
  EXPECT_EQ(nlohmann::json::parse(Release("json", {"--dry-run"}).out).size(), 3u);
  EXPECT_EQ(nlohmann::json::parse(Release("json", {"--yes", "--detach"}).out).size(), 3u);
  ran = Release("jsonl");
  std::istringstream lines(ran.out);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    EXPECT_EQ(nlohmann::json::parse(line)["runId"], "r1");
  }
  EXPECT_EQ(count, 3);
  // One quarantine has the same form as three; a command that is always one run has its own.
  ran = RunCli(&controller_, {"-o", "json", "quarantine", "release", "q1", "--yes"});
  EXPECT_EQ(nlohmann::json::parse(ran.out).size(), 1u);
  EXPECT_TRUE(nlohmann::json::parse(ran.out).is_array());
  ran = RunCli(&controller_, {"-o", "json", "run", "op", "queue.survey", "-l", "a"});
  EXPECT_TRUE(nlohmann::json::parse(ran.out).is_object());
}

TEST_F(SeveralOrdersTest, ALaterErrorHidesNoResult) {
  controller_.events[1].mutable_run()->set_state(v1::RUN_STATE_FAILED);
  controller_.events[1].mutable_run()->mutable_hosts(0)->set_outcome(v1::OUTCOME_FAILED);
  controller_.start_fails_at = 2;
  for (const char* output : {"json", "yaml", "jsonl", "table"}) {
    controller_.starts.clear();
    const Ran ran = Release(output);
    EXPECT_EQ(ran.code, 2) << output;  // The failed host is worse than the error (1).
    EXPECT_THAT(controller_.starts, SizeIs(2));
    EXPECT_THAT(ran.err, HasSubstr("Order 2 of 3 (those after it were not begun): No."));
    EXPECT_THAT(ran.out, Not(HasSubstr("No.")));
    if (std::string(output) == "json") {
      EXPECT_EQ(nlohmann::json::parse(ran.out).size(), 1u);
    }
    if (std::string(output) == "yaml") {
      EXPECT_EQ(YAML::Load(ran.out).size(), 1u);
    }
    if (std::string(output) == "table") {
      EXPECT_THAT(ran.out, HasSubstr("mx1   failed"));
    }
  }
  controller_.start_fails_at = 1;
  controller_.starts.clear();
  const Ran ran = Release("json");
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.out, IsEmpty());
}

TEST_F(CommandTest, DetachPrintsTheRunAlone) {
  const Ran ran = RunCli(&controller_, {"run", "op", "queue.survey", "-l", "a", "--detach"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(ran.out, "r1\n");
}

TEST_F(CommandTest, AWatchThatOutlastsTheTimeoutIs124) {
  controller_.events.resize(1);
  const Ran ran = RunCli(&controller_, {"--timeout", "300ms", "run", "watch", "r1"});
  EXPECT_EQ(ran.code, 124);
  EXPECT_THAT(ran.err, HasSubstr("goes on"));
}

TEST_F(CommandTest, LabelsOfAHostThatDoesNotExistFailInTheDryRunToo) {
  EXPECT_EQ(RunCli(&controller_, {"host", "label", "mx9", "a=b", "--dry-run"}).code, 1);
  EXPECT_EQ(RunCli(&controller_, {"host", "label", "mx1", "a=b", "--dry-run"}).code, 0);
  EXPECT_EQ(controller_.labels_set, 0);
  EXPECT_EQ(RunCli(&controller_, {"host", "label", "mx1", "a=b", "--yes"}).code, 0);
  EXPECT_EQ(controller_.labels_set, 1);
}

TEST_F(CommandTest, RestoreRunsOnTheHostsThatAreOwed) {
  auto* owed = controller_.incident.add_obligations();
  owed->set_host_id("id-mx2");
  owed->set_state(v1::Obligation::STATE_OUTSTANDING);
  owed->add_settings()->set_key("main.cf:mynetworks");
  owed->mutable_settings(0)->set_opened_relay(true);
  const Ran ran = RunCli(&controller_, {"run", "restore", "--incident", "i1",
                                        "--keep-open-relay-as-fix", "was open", "--yes"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  ASSERT_THAT(controller_.starts, SizeIs(1));
  EXPECT_THAT(controller_.starts[0].plan().hosts(), ElementsAre("id-mx2"));
  ASSERT_EQ(controller_.starts[0].plan().operation().restore().decisions_size(), 1);
}

TEST_F(CommandTest, RestoreLeavesOutWhoIsGoneAndSaysWhatAPersonPutsBack) {
  for (const char* id : {"id-mx1", "id-mx2"}) {
    auto* owed = controller_.incident.add_obligations();
    owed->set_obligation_id(std::string(id) + "/snap");
    owed->set_host_id(id);
    owed->set_host_name(std::string(id).substr(3));
    owed->set_organisation("contoso");
    owed->set_operation("shadow.suspend");
    owed->set_state(v1::Obligation::STATE_OUTSTANDING);
    owed->add_settings()->set_key("transport-config/ShadowRedundancyEnabled");
    owed->mutable_settings(0)->set_before("True");
  }
  auto* gone = controller_.hosts.add_hosts();
  gone->set_host_id("id-mx1");
  gone->set_state(v1::HOST_STATE_EVICTED);
  const Ran ran = RunCli(&controller_, {"run", "restore", "--incident", "i1", "--yes"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  ASSERT_THAT(controller_.starts, SizeIs(1));
  EXPECT_THAT(controller_.starts[0].plan().hosts(), ElementsAre("id-mx2"));
  EXPECT_THAT(ran.err, HasSubstr("WARN mx1 is in the fleet no more"));
  EXPECT_THAT(ran.err, HasSubstr("put back by hand, for all of contoso: "
                                 "transport-config/ShadowRedundancyEnabled = 'True'"));
}

TEST_F(CommandTest, WhoEvictsTheHolderOfARecordIsTold) {
  controller_.hosts.mutable_hosts(0)->set_host_id("id-mx1");
  controller_.hosts.mutable_hosts(1)->set_host_id("id-mx2");
  auto* owed = controller_.incident.add_obligations();
  owed->set_host_id("id-mx1");
  owed->set_organisation("contoso");
  owed->set_operation("shadow.suspend");
  owed->set_state(v1::Obligation::STATE_OUTSTANDING);
  const Ran ran = RunCli(&controller_, {"host", "evict", "mx1", "--yes"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("alone holds the record"));
  EXPECT_THAT(RunCli(&controller_, {"host", "evict", "mx2", "--yes"}).err,
              Not(HasSubstr("alone holds the record")));
}

TEST_F(CommandTest, APlanThatHasChangedUnderTheQuestionIsShownAndAskedAgain) {
  const std::vector<std::string> args = {"run", "contain", "-l", "role=edge", "--reason", "x"};
  controller_.drifted_to = controller_.plan;
  controller_.drifted_to->set_plan_hash("other");
  controller_.drifted_to->add_notices("ex3 is of the group and not chosen");
  const v1::Plan first = controller_.plan;
  Ran ran = RunCli(&controller_, args, "y\nn\n", true);
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(controller_.starts, SizeIs(1));
  EXPECT_THAT(ran.err, HasSubstr("another one than was shown"));
  EXPECT_THAT(ran.err, HasSubstr("ex3 is of the group and not chosen"));
  controller_.drifted_to = controller_.plan;
  controller_.plan = first;
  ran = RunCli(&controller_, args, "y\ny\n", true);
  EXPECT_EQ(ran.code, 0) << ran.err;
  ASSERT_THAT(controller_.starts, SizeIs(3));
  EXPECT_EQ(controller_.starts[2].expected_plan_hash(), "other");
}

TEST_F(CommandTest, WithoutCopiesTakesTheNameOfAnOrganisation) {
  const std::vector<std::string> args = {"run",      "contain", "-l",    "a",
                                         "--reason", "x",       "--yes", "--without-copies"};
  EXPECT_EQ(RunCli(&controller_, args).code, 0);
  std::vector<std::string> named = args;
  named.push_back("contoso");
  EXPECT_EQ(RunCli(&controller_, named).code, 0);
  ASSERT_THAT(controller_.starts, SizeIs(2));
  EXPECT_EQ(controller_.starts[0].plan().parameters().at("without_copies"), "true");
  EXPECT_EQ(controller_.starts[1].plan().parameters().at("without_copies"), "contoso");
}

TEST(ContextTest, AddUseAndListNeedNoController) {
  EXPECT_EQ(RunCli(nullptr, {"context", "list", "-o", "jsonl"}).code, 0);
  EXPECT_THAT(RunCli(nullptr, {"context", "list"}).out, HasSubstr("*        lab"));
  const Ran wrong = RunCli(nullptr, {"context", "use", "lap"});
  EXPECT_EQ(wrong.code, 1);
  EXPECT_THAT(wrong.err, HasSubstr("Did you mean 'lab'?"));
}

}  // namespace
}  // namespace mailquench::cli
