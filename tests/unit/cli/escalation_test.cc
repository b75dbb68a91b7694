// escalation and notification.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <yaml-cpp/yaml.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "tests/unit/cli/fake_controller.h"

namespace mailquench::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

grpc::Status Refusal(absl::StatusCode code, const std::string& reason, const std::string& text) {
  const auto error = ToProto(Error(code, reason, text));
  return grpc::Status(static_cast<grpc::StatusCode>(code), error.message(),
                      error.SerializeAsString());
}

class EscalationTest : public ::testing::Test {
 protected:
  EscalationTest() {
    char folder[] = "/tmp/mailquench-escalation-XXXXXX";
    folder_ = mkdtemp(folder);
    v1::Escalation& one = fake().escalation;
    one.set_escalation_id("e1");
    one.set_rule("queue-flood");
    one.set_source("prometheus");
    one.set_state(v1::ESCALATION_STATE_PROPOSED);
    one.set_wanted(v1::ESCALATION_ACTION_START);
    one.set_taken(v1::ESCALATION_ACTION_PROPOSE);
    one.add_reasons("Rule queue-flood wants to start contain.");
    one.add_reasons("It is quiet hours, so it is proposed.");
    one.mutable_request()->set_playbook("contain");
    one.mutable_expire_time()->set_seconds(1769860800);
    one.set_incident_id("i1");
    auto* host = one.add_hosts();
    host->set_name("mx1");
    host->set_label_name("instance");
    host->set_label_value("mx1:9100");
    auto* alert = one.add_alerts();
    alert->set_status(v1::ALERT_STATUS_FIRING);
    (*alert->mutable_labels())["alertname"] = "QueueFlood";
    (*alert->mutable_labels())["instance"] = "mx1:9100";
    one.set_alert_count(3);
    one.set_firing_count(2);
    one.mutable_plan()->set_plan_hash("abc123");
    auto* planned = one.mutable_plan()->add_hosts();
    planned->set_name("mx1");
    auto* step = planned->add_steps();
    step->set_operation("contain");
    step->set_operation_class(v1::OPERATION_CLASS_REVERSIBLE);
    step->add_steps("Would stop one instance.");
    one.mutable_silence()->set_state(v1::Silence::STATE_SET);
    one.mutable_silence()->set_alertmanager("main");
    one.mutable_silence()->set_silence_id("s1");
    auto* entry = one.add_timeline();
    entry->set_actor("rules");
    entry->set_text("proposed");
    *fake().escalations.add_escalations() = one;
  }
  ~EscalationTest() override { std::filesystem::remove_all(folder_); }

  FakeEscalations& fake() { return controller_.escalations; }
  Ran Run(std::vector<std::string> args, const std::string& typed = "", bool terminal = false) {
    args.insert(args.begin(), "escalation");
    return RunCli(&controller_, args, typed, terminal);
  }
  std::string File(const std::string& name, const std::string& text) {
    const std::string path = absl::StrCat(folder_, "/", name);
    std::ofstream(path) << text;
    return path;
  }
  // What a controller does after an approval: it starts, and then there is a run.
  void ApprovalStartsARun() {
    v1::Escalation starting = fake().escalation;
    starting.set_state(v1::ESCALATION_STATE_STARTING);
    v1::Escalation running = starting;
    running.set_state(v1::ESCALATION_STATE_RUNNING);
    running.add_run_ids("r1");
    fake().becomes = {starting, running};
    v1::RunEvent event;
    event.mutable_run()->set_run_id("r1");
    event.mutable_run()->set_state(v1::RUN_STATE_SUCCEEDED);
    auto* host = event.mutable_run()->add_hosts();
    host->set_name("mx1");
    host->set_outcome(v1::OUTCOME_SUCCEEDED);
    controller_.events.push_back(event);
  }

  FakeController controller_;
  std::string folder_;
};

TEST_F(EscalationTest, ListShowsTheOpenOnesAndAllWhereAsked) {
  Ran ran = Run({"list"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_TRUE(fake().lists.back().open_only());
  EXPECT_THAT(ran.out, HasSubstr("e1          proposed  queue-flood  playbook contain  2/3"));
  EXPECT_THAT(ran.out, Not(HasSubstr("prometheus")));
  ran = Run({"list", "--all", "--limit", "7", "--incident", "i1", "-o", "wide"});
  EXPECT_FALSE(fake().lists.back().open_only());
  EXPECT_EQ(fake().lists.back().limit(), 7);
  EXPECT_EQ(fake().lists.back().incident_id(), "i1");
  EXPECT_THAT(ran.out, HasSubstr("prometheus"));
  EXPECT_EQ(nlohmann::json::parse(Run({"list", "-o", "json"}).out)["escalations"][0]["rule"],
            "queue-flood");
  EXPECT_EQ(YAML::Load(Run({"list", "-o", "yaml"}).out)["escalations"].size(), 1u);
  EXPECT_EQ(nlohmann::json::parse(Run({"list", "-o", "jsonl"}).out)["escalationId"], "e1");
}

TEST_F(EscalationTest, ShowTellsTheWholeStory) {
  const Ran ran = Run({"show", "e"});
  EXPECT_EQ(ran.code, 0);
  for (const char* part :
       {"It is quiet hours, so it is proposed.", "mx1 (instance=mx1:9100)",
        "QueueFlood {instance=mx1:9100}", "and 2 more", "set at main", "rules: proposed",
        "Would stop one instance.", "plan hash abc123", "`mailquench escalation approve e1`"}) {
    EXPECT_THAT(ran.out, HasSubstr(part));
  }
  EXPECT_EQ(nlohmann::json::parse(Run({"show", "e1", "-o", "json"}).out)["plan"]["planHash"],
            "abc123");
}

TEST_F(EscalationTest, ApproveSendsTheHashThatWasShownAndFollowsTheRun) {
  ApprovalStartsARun();
  const Ran ran = Run({"approve", "e1", "--reason", "fine", "--yes"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  ASSERT_THAT(fake().approvals, SizeIs(1));
  EXPECT_EQ(fake().approvals[0].escalation_id(), "e1");
  EXPECT_EQ(fake().approvals[0].plan_hash(), "abc123");
  EXPECT_EQ(fake().approvals[0].reason(), "fine");
  const auto shown = ran.err.find("Would stop one instance.");
  EXPECT_LT(shown, ran.err.find("approved"));
  EXPECT_THAT(ran.err, HasSubstr("plan hash abc123"));
  EXPECT_THAT(ran.err, HasSubstr("run r1 started"));
  EXPECT_THAT(ran.out, HasSubstr("mx1   succeeded"));
}

TEST_F(EscalationTest, ApproveAsksAndOnlyAYesGoesOn) {
  EXPECT_EQ(Run({"approve", "e1"}).code, 1);  // Nobody to ask.
  EXPECT_EQ(Run({"approve", "e1"}, "n\n", true).code, 1);
  EXPECT_THAT(fake().approvals, IsEmpty());
  ApprovalStartsARun();
  const Ran ran = Run({"approve", "e1"}, "y\n", true);
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("Approve playbook contain on 1 host (mx1)? [y/N] "));
  EXPECT_THAT(fake().approvals, SizeIs(1));
}

TEST_F(EscalationTest, WhatCannotBeUndoneWantsTheNumberOfHosts) {
  fake().escalation.mutable_plan()->mutable_hosts(0)->mutable_steps(0)->set_operation_class(
      v1::OPERATION_CLASS_IRREVERSIBLE);
  EXPECT_EQ(Run({"approve", "e1", "--detach"}, "y\n", true).code, 1);
  EXPECT_THAT(fake().approvals, IsEmpty());
  EXPECT_EQ(Run({"approve", "e1", "--detach"}, "1\n", true).code, 0);
  EXPECT_THAT(fake().approvals, SizeIs(1));
}

TEST_F(EscalationTest, ApproveDryRunAndDetachDoNotFollow) {
  Ran ran = Run({"approve", "e1", "--dry-run"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_THAT(ran.out, HasSubstr("Would stop one instance."));
  EXPECT_THAT(fake().approvals, IsEmpty());
  ran = Run({"-o", "json", "approve", "e1", "--yes", "--detach"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(nlohmann::json::parse(ran.out)["escalationId"], "e1");
  EXPECT_THAT(ran.err, HasSubstr("mailquench escalation show e1"));
}

TEST_F(EscalationTest, ARunThatFailsIsTheExitCodeOfTheApproval) {
  ApprovalStartsARun();
  controller_.events.back().mutable_run()->set_state(v1::RUN_STATE_FAILED);
  controller_.events.back().mutable_run()->mutable_hosts(0)->set_outcome(v1::OUTCOME_FAILED);
  EXPECT_EQ(Run({"approve", "e1", "--yes"}).code, 2);
}

TEST_F(EscalationTest, WhatDoesNotWaitOrHasNoDryRunIsNotAskedAbout) {
  fake().escalation.set_state(v1::ESCALATION_STATE_EXPIRED);
  Ran ran = Run({"approve", "e1", "--yes"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr("is expired"));
  fake().escalation.set_state(v1::ESCALATION_STATE_PROPOSED);
  fake().escalation.clear_plan();
  EXPECT_EQ(Run({"approve", "e1", "--yes"}).code, 1);
  EXPECT_THAT(fake().approvals, IsEmpty());
}

TEST_F(EscalationTest, TheControllersRefusalsReachTheCaller) {
  fake().approve_status =
      Refusal(absl::StatusCode::kPermissionDenied, "OTHER_PERSON_NEEDED", "You proposed it.");
  Ran ran = Run({"-o", "json", "approve", "e1", "--yes"});
  EXPECT_EQ(ran.code, 4);
  EXPECT_THAT(ran.err, HasSubstr("OTHER_PERSON_NEEDED"));
  EXPECT_THAT(ran.out, IsEmpty());
  fake().approve_status =
      Refusal(absl::StatusCode::kFailedPrecondition, "PLAN_DRIFTED", "It drifted.");
  ran = Run({"approve", "e1", "--yes"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr("It drifted."));
  EXPECT_THAT(fake().approvals, SizeIs(2));  // It is not tried again by itself.
}

TEST_F(EscalationTest, RejectWantsAReasonAndAConfirmation) {
  EXPECT_EQ(Run({"reject", "e1", "--yes"}).code, 1);
  EXPECT_EQ(Run({"reject", "e1", "--reason", "newsletter"}).code, 1);
  EXPECT_EQ(Run({"reject", "e1", "--reason", "newsletter", "--dry-run"}).code, 0);
  EXPECT_THAT(fake().rejections, IsEmpty());
  EXPECT_EQ(Run({"reject", "e1", "--reason", "newsletter", "--yes"}).code, 0);
  ASSERT_THAT(fake().rejections, SizeIs(1));
  EXPECT_EQ(fake().rejections[0].reason(), "newsletter");
}

TEST_F(EscalationTest, AProposalWaitsForAnotherPerson) {
  const std::vector<std::string> args = {"propose", "contain",  "-l",       "role=edge",
                                         "--param", "mode=all", "--reason", "spam"};
  const Ran ran = Run(args);
  EXPECT_EQ(ran.code, 6) << ran.err;
  ASSERT_THAT(fake().proposals, SizeIs(1));
  const auto& sent = fake().proposals[0];
  EXPECT_EQ(sent.plan().playbook(), "contain");
  EXPECT_EQ(sent.plan().selector(), "role=edge");
  EXPECT_EQ(sent.plan().parameters().at("mode"), "all");
  EXPECT_EQ(sent.reason(), "spam");
  EXPECT_EQ(sent.request_id().size(), 36u);
  EXPECT_THAT(ran.err, HasSubstr("waits for another person"));
  EXPECT_EQ(Run({"propose", "contain", "-l", "role=edge"}).code, 1);  // Why?
  EXPECT_EQ(Run({"propose", "contain", "--reason", "x"}).code, 1);    // Where?
  controller_.plan.add_hosts()->set_name("mx1");
  auto dry = args;
  dry.push_back("--dry-run");
  EXPECT_EQ(Run(dry).code, 0);
  EXPECT_THAT(controller_.planned, SizeIs(1));
  EXPECT_THAT(fake().proposals, SizeIs(1));
}

TEST_F(EscalationTest, RaiseMakesAnAlertOfTheFlags) {
  fake().raised.set_taken(1);
  const Ran ran = Run({"raise", "QueueFlood", "--host", "mx1", "--label", "severity=page",
                       "--annotation", "summary=a=b", "--fingerprint", "f1", "--resolved"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  ASSERT_THAT(fake().raises, SizeIs(1));
  ASSERT_EQ(fake().raises[0].alerts_size(), 1);
  const v1::Alert& alert = fake().raises[0].alerts(0);
  EXPECT_EQ(alert.labels().at("alertname"), "QueueFlood");
  EXPECT_EQ(alert.labels().at("host"), "mx1");
  EXPECT_EQ(alert.labels().at("severity"), "page");
  EXPECT_EQ(alert.annotations().at("summary"), "a=b");
  EXPECT_EQ(alert.fingerprint(), "f1");
  EXPECT_EQ(alert.status(), v1::ALERT_STATUS_RESOLVED);
  EXPECT_EQ(Run({"raise"}).code, 1);
  EXPECT_EQ(Run({"raise", "A", "--label", "x"}).code, 1);
  EXPECT_THAT(fake().raises, SizeIs(1));
}

TEST_F(EscalationTest, RaiseReadsTheGenericFormFromAFileOrStdin) {
  const std::string document =
      R"({"alerts":[{"labels":{"alertname":"A"}},{"labels":{"alertname":"B"}}]})";
  EXPECT_EQ(Run({"raise", "-f", File("a.json", document)}).code, 0);
  EXPECT_EQ(Run({"raise", "-f", "-"}, document).code, 0);
  ASSERT_THAT(fake().raises, SizeIs(2));
  EXPECT_EQ(fake().raises[0].alerts_size(), 2);
  EXPECT_EQ(fake().raises[1].alerts(1).labels().at("alertname"), "B");
  const Ran ran = Run({"raise", "-f", File("b.json", "{\"alerts\":[{}]}")});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr("alerts[0]"));
  EXPECT_EQ(Run({"raise", "-f", folder_ + "/none"}).code, 1);
  EXPECT_EQ(Run({"raise", "A", "-f", "-"}, document).code, 1);
  EXPECT_EQ(Run({"raise", "-f", "-", "--resolved"}, document).code, 1);
  EXPECT_THAT(fake().raises, SizeIs(2));
}

TEST_F(EscalationTest, RaiseDryRunOnlyTests) {
  EXPECT_EQ(Run({"raise", "A", "--dry-run"}).code, 0);
  EXPECT_THAT(fake().raises, IsEmpty());
  ASSERT_THAT(fake().tests, SizeIs(1));
  EXPECT_EQ(fake().tests[0].alerts(0).labels().at("alertname"), "A");
}

TEST_F(EscalationTest, TestSendsTheDocumentAndSaysWhatWouldHappenAndWhy) {
  auto* decision = fake().tested.add_decisions();
  decision->set_rule("queue-flood");
  decision->set_wanted(v1::ESCALATION_ACTION_START);
  decision->set_taken(v1::ESCALATION_ACTION_PROPOSE);
  decision->add_reasons("The budget is spent.");
  decision->mutable_request()->set_playbook("contain");
  decision->add_hosts()->set_name("mx1");
  decision->set_alert_count(2);
  decision->set_joins("incident i1");
  fake().tested.add_unmatched("DiskFull {}: no rule wants it.");
  const std::string document = R"({"version":"4","receiver":"r","alerts":[]})";
  Ran ran = Run({"test", File("a.json", document)});
  EXPECT_EQ(ran.code, 0) << ran.err;
  ASSERT_THAT(fake().tests, SizeIs(1));
  EXPECT_EQ(fake().tests[0].document(), document);
  EXPECT_EQ(fake().tests[0].kind(), v1::SOURCE_KIND_ALERTMANAGER);
  EXPECT_EQ(fake().tests[0].rules(), "");
  for (const char* part :
       {"would propose: playbook contain on mx1 (2 alerts)", "the rule wants start",
        "The budget is spent.", "it would join incident i1", "no rule wants it"}) {
    EXPECT_THAT(ran.out, HasSubstr(part));
  }
  ran = Run({"test", "-", "--kind", "nagios", "--rules", File("r.yaml", "rules: []\n")}, document);
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(fake().tests[1].kind(), v1::SOURCE_KIND_NAGIOS);
  EXPECT_EQ(fake().tests[1].rules(), "rules: []\n");
  EXPECT_EQ(Run({"test", "-", "--kind", "zabbix"}, document).code, 1);
}

TEST_F(EscalationTest, HistoryTellsWhatBecameOfEach) {
  auto* record = fake().alerts.add_alerts();
  record->set_sequence(7);
  record->set_done(true);
  record->set_note("no rule wants it");
  (*record->mutable_alert()->mutable_labels())["alertname"] = "DiskFull";
  fake().alerts.add_alerts()->set_sequence(8);
  const Ran ran =
      Run({"history", "--fingerprint", "f", "--escalation", "e", "--limit", "5", "-o", "wide"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(fake().histories.back().fingerprint(), "f");
  EXPECT_EQ(fake().histories.back().escalation_id(), "e");
  EXPECT_EQ(fake().histories.back().limit(), 5);
  EXPECT_THAT(ran.out, HasSubstr("DiskFull"));
  EXPECT_THAT(ran.out, HasSubstr("no rule wants it"));
  EXPECT_THAT(ran.out, HasSubstr("waits for its turn"));
}

TEST_F(EscalationTest, RulesAreShownLintedAndReadAgain) {
  fake().rules.set_file("/etc/mailquench/escalation.yaml");
  fake().rules.set_rules_text("rules: []\n");
  auto* rule = fake().rules.add_rules();
  rule->set_name("queue-flood");
  rule->set_action(v1::ESCALATION_ACTION_START);
  Ran ran = Run({"rules", "show"});
  EXPECT_THAT(ran.out, HasSubstr("queue-flood  start"));
  EXPECT_THAT(ran.err, HasSubstr("not paused"));
  EXPECT_EQ(Run({"rules", "show", "--text"}).out, "rules: []\n");
  const std::string file = File("r.yaml", "rules: [x]\n");
  EXPECT_EQ(Run({"rules", "lint", file}).code, 0);
  EXPECT_EQ(fake().lints[0].rules(), "rules: [x]\n");
  EXPECT_EQ(fake().lints[0].file(), file);
  fake().linted.add_errors("r.yaml:1:8: no rule");
  ran = Run({"rules", "lint", file});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.out, HasSubstr("error:  r.yaml:1:8: no rule"));
  EXPECT_EQ(Run({"rules", "reload"}).code, 0);
  fake().rules.set_load_error("escalation.yaml:3:1: \x1b[31mno such key");
  ran = Run({"rules", "show"});
  EXPECT_EQ(ran.out.find("error: the file of rules could not be taken: "
                         "escalation.yaml:3:1: "),
            0U)
      << ran.out;
  EXPECT_THAT(ran.out, HasSubstr("no such key; "));
  EXPECT_THAT(ran.out, Not(HasSubstr("\x1b")));
  EXPECT_THAT(Run({"rules", "show", "--text"}).err, HasSubstr("no such key"));
  EXPECT_THAT(Run({"rules", "show", "-o", "json"}).out, HasSubstr("loadError"));
  fake().status = Refusal(absl::StatusCode::kInvalidArgument, "BAD_RULES", "Line 3.");
  EXPECT_EQ(Run({"rules", "reload"}).code, 1);
}

TEST_F(EscalationTest, APauseNeedsAReasonAndItsEndAConfirmation) {
  EXPECT_EQ(Run({"pause"}).code, 1);
  EXPECT_EQ(Run({"pause", "--reason", "x", "--dry-run"}).code, 0);
  EXPECT_EQ(Run({"resume"}).code, 1);
  EXPECT_THAT(fake().pauses, IsEmpty());
  EXPECT_EQ(Run({"pause", "--reason", "maintenance"}).code, 0);
  EXPECT_EQ(Run({"resume", "--yes"}).code, 0);
  ASSERT_THAT(fake().pauses, SizeIs(2));
  EXPECT_TRUE(fake().pauses[0].paused());
  EXPECT_EQ(fake().pauses[0].reason(), "maintenance");
  EXPECT_FALSE(fake().pauses[1].paused());
}

TEST_F(EscalationTest, ATokenIsShownOnceOrWrittenForItsOwnerAlone) {
  fake().created.set_token("mqs.prometheus.secret");
  fake().created.mutable_source()->set_name("prometheus");
  Ran ran = Run({"source", "add", "prometheus", "--kind", "alertmanager"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(ran.out, "mqs.prometheus.secret\n");
  EXPECT_THAT(ran.err, HasSubstr("credentials_file"));
  EXPECT_THAT(ran.err, Not(HasSubstr("secret")));
  EXPECT_EQ(fake().creations[0].kind(), v1::SOURCE_KIND_ALERTMANAGER);
  const std::string file = folder_ + "/token";
  ran =
      Run({"-o", "json", "source", "add", "prometheus", "--kind", "metrics", "--token-file", file});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out + ran.err, Not(HasSubstr("secret")));
  std::stringstream kept;
  kept << std::ifstream(file).rdbuf();
  EXPECT_EQ(kept.str(), "mqs.prometheus.secret\n");
  struct stat info {};
  ASSERT_EQ(stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0600u);
  // What is there may be another source's token, and a token that cannot be kept is not made.
  ran = Run({"source", "add", "other", "--kind", "generic", "--token-file", file});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr("No token was made"));
  EXPECT_EQ(
      Run({"source", "add", "other", "--kind", "generic", "--token-file", folder_ + "/no/token"})
          .code,
      1);
  EXPECT_EQ(Run({"source", "add", "other"}).code, 1);
  EXPECT_THAT(fake().creations, SizeIs(2));
}

TEST_F(EscalationTest, SourcesAreListedAndRevoked) {
  auto* one = fake().sources.add_sources();
  one->set_name("prometheus");
  one->set_kind(v1::SOURCE_KIND_ALERTMANAGER);
  one->set_revoked(true);
  EXPECT_THAT(Run({"source", "list"}).out, HasSubstr("prometheus  alertmanager  revoked"));
  EXPECT_EQ(Run({"source", "revoke", "prometheus"}).code, 1);
  EXPECT_THAT(fake().revocations, IsEmpty());
  EXPECT_EQ(Run({"source", "revoke", "prometheus", "--yes"}).code, 0);
  EXPECT_EQ(fake().revocations[0].name(), "prometheus");
}

TEST_F(EscalationTest, NoticesAreListedAndChannelsTested) {
  auto* record = fake().notices.add_notices();
  record->mutable_notice()->set_notice_id("n1");
  record->mutable_notice()->set_kind("page");
  auto* delivery = record->add_deliveries();
  delivery->set_channel("pager");
  delivery->set_tries(3);
  delivery->set_error("it answered 500");
  Ran ran = RunCli(&controller_, {"notification", "list", "--undelivered"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_TRUE(fake().notice_lists[0].undelivered_only());
  EXPECT_THAT(ran.out, HasSubstr("it answered 500; 3 tries"));
  delivery->set_given_up(true);
  delivery->mutable_give_up_time()->set_seconds(1769860800);
  ran = RunCli(&controller_, {"notification", "list", "--given-up"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_TRUE(fake().notice_lists.back().given_up_only());
  EXPECT_THAT(ran.out, HasSubstr("given up"));
  EXPECT_THAT(ran.out, HasSubstr("it answered 500; given up at 2026-01-31T12:00:00Z; 3 tries"));
  EXPECT_EQ(RunCli(&controller_, {"notification", "test"}).code, 2);  // No channel at all.
  auto* tested = fake().sent.add_deliveries();
  tested->set_channel("pager");
  tested->set_delivered(true);
  ran = RunCli(&controller_, {"notification", "test", "pager"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(fake().notice_tests.back().channel(), "pager");
  tested->set_delivered(false);
  tested->set_error("refused");
  ran = RunCli(&controller_, {"notification", "test"});
  EXPECT_EQ(ran.code, 2);
  EXPECT_THAT(ran.out, HasSubstr("refused"));
}

TEST_F(EscalationTest, IdsAndSourcesAreCompleted) {
  fake().sources.add_sources()->set_name("prometheus");
  EXPECT_EQ(RunCli(&controller_, {"__complete", "escalation", "approve", ""}).out, "e1\n");
  EXPECT_EQ(RunCli(&controller_, {"__complete", "escalation", "source", "revoke", "p"}).out,
            "prometheus\n");
  EXPECT_EQ(RunCli(nullptr, {"__complete", "escalation", "source", "add", "x", "--kind", "me"}).out,
            "metrics\n");
  EXPECT_EQ(RunCli(nullptr, {"__complete", "check", "ob"}).out, "obligations\n");
}

TEST_F(EscalationTest, NothingThatOthersWroteSteersTheTerminal) {
  const std::string hostile =
      "x\x1b[2J\xe2\x80\xae"
      "fdp\nerror: all is well";
  v1::Escalation& one = fake().escalation;
  one.set_rule(hostile);
  one.add_reasons(hostile);
  one.mutable_hosts(0)->set_name(hostile);
  (*one.mutable_alerts(0)->mutable_labels())["alertname"] = hostile;
  one.mutable_timeline(0)->set_text(hostile);
  one.mutable_plan()->mutable_hosts(0)->set_name(hostile);
  *fake().escalations.mutable_escalations(0) = one;
  *fake().alerts.add_alerts()->mutable_alert() = one.alerts(0);
  fake().alerts.mutable_alerts(0)->set_note(hostile);
  fake().tested.add_unmatched(hostile);
  for (const std::vector<std::string>& args : std::vector<std::vector<std::string>>{
           {"list"}, {"show", "e1"}, {"history"}, {"approve", "e1"}, {"raise", "A", "--dry-run"}}) {
    const Ran ran = Run(args, "n\n", true);
    EXPECT_THAT(ran.out + ran.err, HasSubstr("fdp"));
    for (const char* bad : {"\x1b[2J", "\xe2\x80\xae", "\nerror: all is well"})
      EXPECT_THAT(ran.out + ran.err, Not(HasSubstr(bad))) << args[0];
  }
}

}  // namespace
}  // namespace mailquench::cli
