// check: verdicts, figures and what makes them UNKNOWN.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <future>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "cli/tree.h"
#include "common/status/error.h"
#include "tests/unit/cli/fake_controller.h"

namespace mailquench::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

std::int64_t Ago(absl::Duration duration) {
  return absl::ToUnixSeconds(absl::Now() - duration);
}

class CheckTest : public ::testing::Test {
 protected:
  v1::Host* AddHost(const std::string& name, std::int64_t queued, bool online = true) {
    v1::Host* host = controller_.hosts.add_hosts();
    host->set_name(name);
    host->set_state(v1::HOST_STATE_ACTIVE);
    host->set_online(online);
    host->mutable_hello()->set_platform("postfix");
    host->mutable_heartbeat()->set_queued_messages(queued);
    return host;
  }
  Ran Check(std::vector<std::string> args) {
    args.insert(args.begin(), "check");
    return RunCli(&controller_, args);
  }

  FakeController controller_;
};

TEST_F(CheckTest, HostsThatAreOnlineAreOk) {
  AddHost("mx1", 3);
  AddHost("old", 0, false)->set_state(v1::HOST_STATE_EVICTED);
  AddHost("by-hand", 0, false)->mutable_manual();
  const Ran ran = Check({"hosts", "-l", "role=edge"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(ran.out,
            "MAILQUENCH HOSTS OK - 0 of 2 hosts offline, 0 alarms, 0 drifts | "
            "'offline'=0;0;;0;2 'alarms'=0;;;0 'drifted'=0;;;0 'hosts'=2;;;0\n");
  EXPECT_THAT(ran.err, IsEmpty());
  EXPECT_THAT(controller_.selectors, ElementsAre("role=edge"));
}

TEST_F(CheckTest, AnOfflineAgentWarnsAndAnAlarmIsCritical) {
  AddHost("mx1", 3);
  AddHost("mx2", 3, false)->mutable_last_seen_time()->set_seconds(1769860800);
  Ran ran = Check({"hosts"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.out, HasSubstr("\nmx2 is offline, last seen 2026-01-31T12:00:00Z\n"));
  EXPECT_EQ(Check({"hosts", "-w", "1"}).code, 0);
  EXPECT_EQ(Check({"hosts", "-w", "0", "-c", "0"}).code, 2);
  v1::Heartbeat* beat = controller_.hosts.mutable_hosts(0)->mutable_heartbeat();
  beat->set_alarm(true);
  beat->set_alarm_text("stays stopped|'x'=1\nOK");
  ran = Check({"hosts"});
  EXPECT_EQ(ran.code, 2);
  EXPECT_THAT(ran.out, HasSubstr("mx1 has an alarm: stays stopped/'x'=1 OK\n"));
  EXPECT_EQ(std::count(ran.out.begin(), ran.out.end(), '|'), 1);
  beat->set_alarm(false);
  beat->add_drifted("postfix mynetworks");
  EXPECT_EQ(Check({"hosts", "-w", "1"}).code, 1);
}

TEST_F(CheckTest, NoHostAtAllIsNoGoodNews) {
  const Ran ran = Check({"hosts", "-l", "role=typo"});
  EXPECT_EQ(ran.code, 3);
  EXPECT_THAT(ran.out, StartsWith("MAILQUENCH HOSTS UNKNOWN - No host matches"));
}

TEST_F(CheckTest, QueueJudgesTheLongestOrAllOfThem) {
  AddHost("mx1", 700);
  AddHost("mx2", 400);
  AddHost("web", -1)->mutable_hello()->set_platform("none");
  Ran ran = Check({"queue", "-w", "500", "-c", "1000"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_EQ(ran.out,
            "MAILQUENCH QUEUE WARNING - 1100 messages queued on 2 hosts, most on mx1 (700); "
            "0 not counted | 'worst'=700;500;1000;0 'total'=1100;;;0 'uncounted'=0;;;0\n"
            "mx1: 700\nmx2: 400\n");
  ran = Check({"queue", "--total", "-w", "500", "-c", "1000"});
  EXPECT_EQ(ran.code, 2);
  EXPECT_THAT(ran.out, HasSubstr("'worst'=700;;;0 'total'=1100;500;1000;0"));
  EXPECT_EQ(Check({"queue"}).code, 0);
}

TEST_F(CheckTest, AQueueThatNobodyCountsIsUnknownUnlessAnotherFloods) {
  AddHost("mx1", 700);
  AddHost("mx2", 5, false);  // What it said when it was there says nothing now.
  EXPECT_EQ(Check({"queue", "-w", "900"}).code, 3);
  EXPECT_EQ(Check({"queue", "-c", "500"}).code, 2);
  controller_.hosts.mutable_hosts(0)->mutable_heartbeat()->set_queued_messages(-1);
  const Ran ran = Check({"queue"});
  EXPECT_EQ(ran.code, 3);
  EXPECT_THAT(ran.out, HasSubstr("no queue is counted"));
}

TEST_F(CheckTest, IncidentsThatAreOpenWarnAndOneThatRefillsIsCritical) {
  controller_.incident.set_incident_id("i1");
  controller_.incident.set_title("spam | 'x'=1");
  controller_.incident.set_state(v1::INCIDENT_STATE_CONTAINED);
  Ran ran = Check({"incidents"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.out, HasSubstr("1 incident open, 0 not contained, 0 refilling | 'open'=1;0;;0"));
  controller_.incident.set_state(v1::INCIDENT_STATE_REFILLING);
  EXPECT_EQ(Check({"incidents", "-w", "5"}).code, 2);
  controller_.incident.set_state(v1::INCIDENT_STATE_CLOSED);
  EXPECT_EQ(Check({"incidents"}).code, 0);
}

TEST_F(CheckTest, ObligationsAgeWithTheirIncident) {
  controller_.incident.set_incident_id("i1");
  controller_.incident.mutable_open_time()->set_seconds(Ago(absl::Hours(30)));
  v1::Obligation* owed = controller_.incident.add_obligations();
  owed->set_host_name("mx1");
  owed->set_operation("relay.lock");
  owed->set_state(v1::Obligation::STATE_OUTSTANDING);
  Ran ran = Check({"obligations"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.out, HasSubstr("1 obligation outstanding of 1 incident, the oldest for 30 h"));
  EXPECT_THAT(ran.out, HasSubstr("s;86400;259200;0\n"));
  EXPECT_EQ(Check({"obligations", "--age-warning", "2h", "--age-critical", "20h"}).code, 2);
  EXPECT_EQ(Check({"obligations", "--age-warning", "48h"}).code, 0);
  EXPECT_EQ(Check({"obligations", "--age-warning", "48h", "-c", "0"}).code, 2);
  owed->set_state(v1::Obligation::STATE_RESTORED);
  ran = Check({"obligations"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_THAT(ran.out, HasSubstr("nothing is owed"));
}

TEST_F(CheckTest, ListingsThatTellNothingAloneDoNotCount) {
  v1::Listing* one = controller_.listings.add_listings();
  one->set_subject("192.0.2.1");
  one->set_state(v1::LISTING_STATE_WAITING);
  EXPECT_EQ(Check({"listings"}).code, 0);
  one->set_alert(true);
  one->set_late(true);
  const Ran ran = Check({"listings", "--host", "mx1"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.out, HasSubstr("1 listing not cleared, 1 later than expected"));
  EXPECT_EQ(controller_.listings_asked.back().host(), "mx1");
  EXPECT_EQ(Check({"listings", "-w", "1"}).code, 0);
}

TEST_F(CheckTest, ProposalsThatWaitWarnAndFailuresStandUntilTheirIncidentIsClosed) {
  controller_.incident.set_incident_id("i1");
  auto& all = controller_.escalations.escalations;
  v1::Escalation* one = all.add_escalations();
  one->set_escalation_id("e1");
  one->set_rule("queue-flood");
  one->set_state(v1::ESCALATION_STATE_PROPOSED);
  Ran ran = Check({"escalations"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.out, HasSubstr("1 proposal waits, 0 failed, 1 open | 'waiting'=1;0;;0"));
  EXPECT_EQ(Check({"escalations", "-w", "1"}).code, 0);
  one->set_state(v1::ESCALATION_STATE_FAILED);
  one->set_incident_id("i1");
  one->mutable_end_time()->set_seconds(Ago(absl::Hours(100)));
  EXPECT_EQ(Check({"escalations"}).code, 2);
  one->set_incident_id("closed");
  EXPECT_EQ(Check({"escalations"}).code, 0);
  one->clear_incident_id();
  EXPECT_EQ(Check({"escalations"}).code, 0);
  one->mutable_end_time()->set_seconds(Ago(absl::Hours(1)));
  EXPECT_EQ(Check({"escalations"}).code, 2);
  all.Clear();
  controller_.escalations.rules.set_paused(true);
  ran = Check({"escalations"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.out, HasSubstr("nothing starts by itself"));
}

TEST_F(CheckTest, WhatIsOlderThanTheNewestIsSeenAllTheSame) {
  controller_.incident.set_incident_id("i1");
  controller_.incident.mutable_open_time()->set_seconds(Ago(absl::Hours(100)));
  auto& all = controller_.escalations.escalations;
  for (int i = 0; i < 3000; ++i) {
    v1::Escalation* one = all.add_escalations();
    one->set_escalation_id(absl::StrCat("e", i));
    one->set_state(v1::ESCALATION_STATE_RECORDED);
    one->mutable_create_time()->set_seconds(Ago(absl::Hours(30)));
  }
  v1::Escalation* old = all.add_escalations();
  old->set_escalation_id("old");
  old->set_state(v1::ESCALATION_STATE_PROPOSED);
  Ran ran = Check({"escalations"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.out, HasSubstr("1 proposal waits, 0 failed, 3001 open |"));
  old->set_state(v1::ESCALATION_STATE_FAILED);
  old->set_incident_id("i1");
  old->mutable_end_time()->set_seconds(Ago(absl::Hours(90)));
  ran = Check({"escalations"});
  EXPECT_EQ(ran.code, 2);
  EXPECT_THAT(ran.out, HasSubstr("0 proposals wait, 1 failed, 3000 open |"));
  // An answer that is too large is asked for in part, and the check says that it was.
  controller_.escalations.most_that_fit = 1000;
  ran = Check({"escalations"});
  EXPECT_EQ(ran.code, 2);
  EXPECT_THAT(ran.out, HasSubstr("625 open; there may be more"));
  controller_.incident.clear_incident_id();
  old->clear_incident_id();
  EXPECT_EQ(Check({"escalations"}).code, 1) << "what was not looked at is no good news";
}

TEST_F(CheckTest, RulesThatCouldNotBeTakenAreCritical) {
  controller_.escalations.rules.set_load_error("escalation.yaml:3:1: there is no key 'rule'");
  controller_.escalations.rules.set_paused(true);
  const Ran ran = Check({"escalations", "-w", "5"});
  EXPECT_EQ(ran.code, 2);
  EXPECT_THAT(ran.out, StartsWith("MAILQUENCH ESCALATIONS CRITICAL - the rules could not be taken; "
                                  "0 proposals wait"));
  EXPECT_THAT(ran.out, HasSubstr("\nthe rules could not be taken: escalation.yaml:3:1: there is no "
                                 "key 'rule'; mend the file"));
}

TEST_F(CheckTest, NoticesCountOnceTheyWereTriedInVain) {
  v1::NoticeRecord* record = controller_.escalations.notices.add_notices();
  record->mutable_notice()->mutable_time()->set_seconds(Ago(absl::Minutes(1)));
  v1::NoticeDelivery* one = record->add_deliveries();
  one->set_channel("pager");
  EXPECT_EQ(Check({"notices"}).code, 0);
  one->set_tries(2);
  one->set_error("500|\nOK");
  const Ran ran = Check({"notices"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.out, HasSubstr("to pager failed 2 tries: 500/ OK\n"));
  EXPECT_TRUE(controller_.escalations.notice_lists.back().undelivered_only());
}

// Three days after what it tells of, as a rule: what counts is when it was given up.
TEST_F(CheckTest, ANoticeThatWasGivenUpIsCriticalForADayFromThen) {
  v1::NoticeRecord* record = controller_.escalations.notices.add_notices();
  record->mutable_notice()->set_notice_id("n1");
  record->mutable_notice()->set_kind("page");
  record->mutable_notice()->mutable_time()->set_seconds(Ago(absl::Hours(80)));
  v1::NoticeDelivery* one = record->add_deliveries();
  one->set_channel("pager");
  one->set_tries(400);
  one->set_error("500");
  one->set_given_up(true);
  one->mutable_give_up_time()->set_seconds(Ago(absl::Hours(8)));
  Ran ran = Check({"notices", "-w", "9"});
  EXPECT_EQ(ran.code, 2);
  EXPECT_THAT(ran.out, HasSubstr("0 notices not delivered yet, 1 given up within 24h | "));
  EXPECT_THAT(ran.out, HasSubstr("'undelivered'=1;9;;0 'given_up'=1"));
  EXPECT_THAT(ran.out, HasSubstr(" to pager was given up at 20"));
  EXPECT_EQ(Check({"notices", "--given-up-within", "6h"}).code, 0);
  one->mutable_give_up_time()->set_seconds(Ago(absl::Hours(30)));
  EXPECT_EQ(Check({"notices"}).code, 0);
  EXPECT_EQ(Check({"notices", "--given-up-within", ""}).code, 0);
  EXPECT_EQ(Check({"notices", "--given-up-within", "2d"}).code, 2);
  EXPECT_EQ(Check({"notices", "--given-up-within", "soon"}).code, 3);
  // More than one look shows is told, and is no good news.
  for (int i = 0; i < 2000; ++i) *controller_.escalations.notices.add_notices() = *record;
  ran = Check({"notices", "-w", "~:"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.out, HasSubstr("there may be more"));
}

TEST_F(CheckTest, EveryMistakeIsUnknownOnStdout) {
  AddHost("mx1", 1);
  for (const std::vector<std::string>& args :
       std::vector<std::vector<std::string>>{{"hosts", "-w", "x"},
                                             {"hosts", "--nothing"},
                                             {"hots"},
                                             {},
                                             {"hosts", "-t", "0"},
                                             {"hosts", "-t", "soon"},
                                             {"hosts", "-w"},
                                             {"hosts", "--timeout", "1000000"},
                                             {"obligations", "--age-warning", "old"}}) {
    const Ran ran = Check(args);
    EXPECT_EQ(ran.code, 3) << ::testing::PrintToString(args);
    EXPECT_THAT(ran.out, StartsWith("MAILQUENCH")) << ::testing::PrintToString(args);
    EXPECT_THAT(ran.out, HasSubstr("UNKNOWN - "));
    EXPECT_THAT(ran.err, IsEmpty());
  }
  EXPECT_EQ(RunCli(&controller_, {"-o", "csv", "check", "hosts"}).code, 3);
  EXPECT_EQ(RunCli(&controller_, {"--timeout", "x", "check", "hosts"}).code, 3);
  EXPECT_EQ(RunCli(&controller_, {"-o", "json", "check", "hosts"}).code, 0);
  EXPECT_EQ(RunCli(&controller_, {"blacklist", "chek"}).code, 1);
}

TEST_F(CheckTest, ARefusalIsUnknownAndNotTheCodeOfTheTable) {
  controller_.escalations.status = grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "No.|x\ny");
  const Ran ran = Check({"notices"});
  EXPECT_EQ(ran.code, 3);
  EXPECT_EQ(ran.out, "MAILQUENCH NOTICES UNKNOWN - No./x y\n");
  controller_.escalations.status = grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "");
  EXPECT_THAT(Check({"notices"}).out, HasSubstr("UNKNOWN - The controller does not know this"));
}

TEST_F(CheckTest, AControllerThatIsSlowIsUnknownInTime) {
  std::promise<void> go;
  std::shared_future<void> gone = go.get_future().share();
  controller_.escalations.before_answer = [gone] { gone.wait(); };
  const auto begin = std::chrono::steady_clock::now();
  const Ran ran = Check({"notices", "-t", "1"});
  const auto took = std::chrono::steady_clock::now() - begin;
  go.set_value();
  EXPECT_EQ(ran.code, 3);
  EXPECT_THAT(ran.out, HasSubstr("did not answer within the time"));
  EXPECT_LT(took, std::chrono::seconds(8));
}

TEST_F(CheckTest, NoControllerIsUnknown) {
  const Ran ran = RunCli(nullptr, {"check", "hosts"});
  EXPECT_EQ(ran.code, 3);
  EXPECT_THAT(ran.out, StartsWith("MAILQUENCH HOSTS UNKNOWN - "));
  EXPECT_THAT(ran.err, IsEmpty());
}

// What is shipped for Nagios is run as Nagios would, with all its arguments and with none.
TEST_F(CheckTest, TheShippedCommandsAreUnderstood) {
  AddHost("mx1", 3);
  std::ifstream file(MAILQUENCH_ICINGA "/check-commands.cfg");
  std::set<std::string> verbs;
  std::string line;
  while (std::getline(file, line)) {
    const auto at = line.find("/usr/bin/mailquench ");
    if (at == std::string::npos) continue;
    for (const bool given : {true, false}) {
      std::vector<std::string> args;
      for (std::string word : std::vector<std::string>(absl::StrSplit(line.substr(at), ' '))) {
        const bool macro = word.rfind("'$ARG", 0) == 0;
        if (macro) word = !given ? "" : args.back() == "-l" ? "role=edge" : "100";
        args.push_back(word);
      }
      args.erase(args.begin());
      // The file of contexts is the test's own.
      const auto config = std::find(args.begin(), args.end(), "--config");
      ASSERT_NE(config, args.end()) << line;
      args.erase(config, config + 2);
      std::replace(args.begin(), args.end(), std::string("monitoring"), std::string("lab"));
      const Ran ran = RunCli(&controller_, args);
      EXPECT_NE(ran.code, 3) << line << "\n" << ran.out;
      verbs.insert(*(std::find(args.begin(), args.end(), "check") + 1));
    }
  }
  Session session({});
  const auto root = BuildTree(&session);
  for (const CLI::App* verb : Visible(*root->get_subcommand("check")))
    EXPECT_EQ(verbs.count(verb->get_name()), 1u) << verb->get_name();
}

TEST_F(CheckTest, HelpNamesItsOwnExitCodes) {
  for (const char* verb :
       {"hosts", "queue", "incidents", "obligations", "listings", "escalations", "notices"}) {
    const Ran ran = RunCli(nullptr, {"check", verb, "--help"});
    EXPECT_EQ(ran.code, 0);
    for (const char* code :
         {"WARNING (exit code 1)", "CRITICAL (exit code 2)", "UNKNOWN (exit code 3)"})
      EXPECT_THAT(ran.out, HasSubstr(code)) << verb;
  }
  EXPECT_THAT(RunCli(nullptr, {"check", "--help"}).out,
              HasSubstr("0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN"));
  EXPECT_THAT(RunCli(nullptr, {"man"}).out, HasSubstr("EXIT STATUS OF CHECK"));
}

}  // namespace
}  // namespace mailquench::cli
