#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "cli/output/guard.h"
#include "cli/output/printer.h"
#include "cli/output/report.h"
#include "cli/output/transcript.h"
#include "common/text/harmless.h"
#include "mailquench/v1/fleet.pb.h"

namespace mailquench::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

v1::ListTokensResponse Tokens() {
  v1::ListTokensResponse tokens;
  v1::Token* token = tokens.add_tokens();
  token->set_token_id("t1");
  (*token->mutable_labels())["role"] = "edge";
  token->set_created_by("12");
  tokens.add_tokens()->set_token_id("t2");
  return tokens;
}

std::string Printed(const std::string& output) {
  std::ostringstream out;
  const Table table{{"TOKEN", "BY"}, {{"t1", "12"}, {"t2-longer", "é\x1b[31m"}, {"t3", ""}}};
  EXPECT_TRUE(Print(output, Tokens(), table, out).ok());
  return out.str();
}

TEST(PrinterTest, TableColumnsAlignAndControlCharactersAreTakenOut) {
  EXPECT_EQ(Printed("table"),
            "TOKEN      BY\n"
            "t1         12\n"
            "t2-longer  é [31m\n"
            "t3\n");
}

TEST(PrinterTest, JsonHasEveryFieldInLowerCamelCase) {
  EXPECT_EQ(Printed("json"), R"({
  "tokens": [
    {
      "tokenId": "t1",
      "labels": {
        "role": "edge"
      },
      "used": false,
      "createdBy": "12"
    },
    {
      "tokenId": "t2",
      "labels": {},
      "used": false,
      "createdBy": ""
    }
  ]
}
)");
}

TEST(PrinterTest, JsonlIsOneElementALine) {
  EXPECT_EQ(Printed("jsonl"),
            "{\"tokenId\":\"t1\",\"labels\":{\"role\":\"edge\"},\"used\":false,"
            "\"createdBy\":\"12\"}\n"
            "{\"tokenId\":\"t2\",\"labels\":{},\"used\":false,\"createdBy\":\"\"}\n");
}

TEST(PrinterTest, YamlKeepsTextThatLooksLikeANumberAsText) {
  EXPECT_EQ(Printed("yaml"), R"(tokens:
  - tokenId: t1
    labels:
      role: edge
    used: false
    createdBy: "12"
  - tokenId: t2
    labels: {}
    used: false
    createdBy: ""
)");
}

std::string Listed(const std::string& output, int count) {
  std::ostringstream out;
  Results results(output, true, &out);
  for (int i = 0; i < count; ++i) {
    v1::Token token;
    token.set_token_id("t\xe2\x80\xae");
    EXPECT_TRUE(results.Add(token, Table{{}, {{"t"}}}).ok());
  }
  results.Finish();
  return out.str();
}

TEST(ResultsTest, JsonAndYamlAreOneArrayAndTheOthersALineEach) {
  for (int count : {1, 3}) {
    const auto json = nlohmann::json::parse(Listed("json", count));
    ASSERT_EQ(json.size(), static_cast<std::size_t>(count));
    EXPECT_EQ(json[0]["tokenId"], "t\xe2\x80\xae");
    const YAML::Node yaml = YAML::Load(Listed("yaml", count));
    ASSERT_TRUE(yaml.IsSequence());
    EXPECT_EQ(yaml.size(), static_cast<std::size_t>(count));
    EXPECT_EQ(HarmlessLines(Listed("yaml", count)), Listed("yaml", count));
  }
  EXPECT_EQ(Listed("table", 2), "t\nt\n");
  const std::string lines = Listed("jsonl", 2);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 2);
  EXPECT_EQ(Listed("json", 0), "");
}

// What a host or a mail may hold: a clear screen in C1 and in ESC, a title, DEL, an override and an
// isolate that turn text around, a line that looks like ours, bytes that are no UTF-8.
constexpr char kHostile[] =
    "a\xc2\x9b"
    "2J\x1b[2J\x1b]0;x\x07\x7f\xe2\x80\xae"
    "fdp\xe2\x81\xa6\nerror: é\xff\xc0\xafz";
constexpr char kTamed[] = "a 2J [2J ]0;x   fdp  error: é\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz";

TEST(HarmlessTest, WhatSteersATerminalBecomesASpace) {
  EXPECT_EQ(Harmless(kHostile), kTamed);
  EXPECT_THAT(HarmlessLines(kHostile), HasSubstr("\nerror: é"));
  EXPECT_EQ(Harmless("日本 ✓ 😀"), "日本 ✓ 😀");
}

TEST(HarmlessTest, EveryHarmfulCharacterAndNoNeighbour) {
  const auto utf8 = [](unsigned point) {
    std::string out;
    if (point < 0x80) return std::string(1, static_cast<char>(point));
    if (point < 0x800)
      return std::string{static_cast<char>(0xc0 | point >> 6),
                         static_cast<char>(0x80 | (point & 0x3f))};
    return std::string{static_cast<char>(0xe0 | point >> 12),
                       static_cast<char>(0x80 | (point >> 6 & 0x3f)),
                       static_cast<char>(0x80 | (point & 0x3f))};
  };
  for (unsigned point = 0; point < 0x2100; ++point) {
    const bool harmful = point < 0x20 || (point >= 0x7f && point < 0xa0) ||
                         (point >= 0x202a && point <= 0x202e) ||
                         (point >= 0x2066 && point <= 0x2069);
    EXPECT_EQ(Harmless(utf8(point)), harmful ? " " : utf8(point)) << point;
  }
}

TEST(HarmlessTest, OverlongFormsSurrogatesAndCutCharactersAreNoUtf8) {
  for (const char* bad : {"\xe0\x80\x9b", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc1\x9b", "\xf8"}) {
    EXPECT_THAT(Harmless(bad), StartsWith("\xef\xbf\xbd")) << bad;
    EXPECT_THAT(Harmless(bad), Not(HasSubstr(bad)));
  }
  EXPECT_EQ(Harmless("\xf0\x9f\x98"), "\xef\xbf\xbd");
}

TEST(HarmlessTest, JsonAndYamlKeepWhatWasThere) {
  v1::Token token;
  std::string text = kHostile;
  text.resize(text.find('\xff'));  // A message of the wire holds valid UTF-8.
  token.set_token_id(text);
  (*token.mutable_labels())["\xe2\x80\xae"] = "x";
  for (const auto& printed : {ToJson(token), ToJsonLine(token), ToYaml(token)}) {
    ASSERT_TRUE(printed.ok());
    EXPECT_EQ(HarmlessLines(*printed), *printed);
    EXPECT_THAT(*printed, HasSubstr("\\u202e"));
  }
  EXPECT_EQ(nlohmann::json::parse(*ToJson(token))["tokenId"], text);
  EXPECT_EQ(nlohmann::json::parse(*ToJsonLine(token))["tokenId"], text);
  const YAML::Node yaml = YAML::Load(*ToYaml(token));
  EXPECT_EQ(yaml["tokenId"].as<std::string>(), text);
  EXPECT_EQ(yaml["labels"]["\xe2\x80\xae"].as<std::string>(), "x");
}

TEST(GuardTest, NothingPassesItInWhateverPiecesItComes) {
  for (std::size_t size : {1, 2, 3, 1000}) {
    std::ostringstream out;
    {
      Guard guard(out.rdbuf());
      std::ostream stream(&guard);
      const std::string text = absl::StrCat(kHostile, "\n\xe2\x80");
      for (std::size_t at = 0; at < text.size(); at += size)
        stream << text.substr(at, size) << std::flush;
      stream << Colour::kRed << "!";
    }
    EXPECT_EQ(out.str(), absl::StrCat(HarmlessLines(kHostile), "\n\xef\xbf\xbd\x1b[31m!")) << size;
  }
}

v1::RunEvent Event() {
  v1::RunEvent event;
  v1::Run* run = event.mutable_run();
  run->set_run_id("r1");
  run->mutable_playbook()->add_steps()->mutable_operation()->mutable_queue_survey();
  for (const char* name : {"mx1", "mx2"}) {
    v1::RunHost* host = run->add_hosts();
    host->set_host_id(name);
    host->set_name(name);
    host->add_steps()->set_sent(true);
  }
  return event;
}

std::vector<std::string> Texts(const std::vector<Line>& lines) {
  std::vector<std::string> out;
  for (const Line& line : lines) out.push_back(line.Text());
  return out;
}

TEST(TranscriptTest, OneLineAHostAndStepOnlyWhenSomethingChanges) {
  Transcript transcript;
  v1::RunEvent event = Event();
  EXPECT_THAT(Texts(transcript.Update(event)),
              ElementsAre("mx1  queue.survey  running", "mx2  queue.survey  running"));
  EXPECT_THAT(transcript.Update(event), IsEmpty());
  auto* report = event.mutable_run()->mutable_hosts(1)->mutable_steps(0)->mutable_report();
  report->set_outcome(v1::OUTCOME_FAILED);
  report->mutable_error()->set_message("The queue cannot\nbe read.");
  report->mutable_start_time()->set_seconds(10);
  report->mutable_end_time()->set_seconds(12);
  EXPECT_THAT(Texts(transcript.Update(event)),
              ElementsAre("mx2  queue.survey  failed  The queue cannot be read.; 2.0 s"));
}

TEST(TranscriptTest, SaysWhomAHostWaitsForAndLeavesOutWhatIsNotItsOwn) {
  Transcript transcript;
  v1::RunEvent event = Event();
  v1::Run* run = event.mutable_run();
  v1::PlaybookStep* step = run->mutable_playbook()->mutable_steps(0);
  step->set_lockstep("transport");
  step->set_only_grouped(true);
  v1::HostStep* waits = run->mutable_hosts(0)->mutable_steps(0);
  waits->set_sent(false);
  waits->set_progress("waits for ex2 (stop)");
  v1::HostStep* left_out = run->mutable_hosts(1)->mutable_steps(0);
  left_out->set_sent(false);
  left_out->set_notice("left out");
  left_out->mutable_report()->set_outcome(v1::OUTCOME_UNCHANGED);
  EXPECT_THAT(Texts(transcript.Update(event)),
              ElementsAre("mx1  queue.survey  waiting  waits for ex2 (stop)"));
  EXPECT_EQ(RunTable(*run).rows[0][3], "waits for ex2 (stop)");
  EXPECT_EQ(RunTable(*run).rows[1][3], "-");
  step->set_only_grouped(false);
  EXPECT_EQ(RunTable(*run).rows[1][3], "left out");
}

TEST(PlanTableTest, WhatTheStepsOfAHostShareIsToldOnce) {
  v1::Plan plan;
  v1::PlannedHost* host = plan.add_hosts();
  host->set_name("ex1");
  for (const char* until : {"stop under a lease", "stop"}) {
    v1::OperationPlan* step = host->add_steps();
    step->set_operation("contain");
    step->add_steps(until);
    step->add_steps("set aside 5 queued messages");
    step->add_warnings("mail waits");
  }
  host->add_steps()->set_operation("queue.watch");
  host->mutable_steps(2)->add_warnings("mail waits");
  host->mutable_steps(2)->add_warnings("mail waits");
  std::vector<std::string> told;
  for (const auto& row : PlanTable(plan).rows) told.push_back(row[3] + ": " + row[4]);
  EXPECT_EQ(told, (std::vector<std::string>{
                      "contain: stop under a lease", "contain: set aside 5 queued messages",
                      "contain: WARN mail waits", "contain: stop", "queue.watch: WARN mail waits",
                      "queue.watch: WARN mail waits"}));
}

TEST(PlanTableTest, NoticesComeFirst) {
  v1::Plan plan;
  plan.add_notices("group DAG1: ex1, ex2 stop at the same time");
  plan.add_hosts()->set_name("ex1");
  const Table table = PlanTable(plan);
  ASSERT_EQ(table.rows.size(), 2u);
  EXPECT_EQ(table.rows[0][4], "group DAG1: ex1, ex2 stop at the same time");
}

TEST(TranscriptTest, SaysWhatAPersonOwesAndForWhomAChangeWas) {
  v1::RunEvent event = Event();
  auto* report = event.mutable_run()->mutable_hosts(0)->mutable_steps(0)->mutable_report();
  report->set_outcome(v1::OUTCOME_SUCCEEDED);
  v1::ChangeResult* change = report->mutable_result()->mutable_shadow_suspend();
  change->set_snapshot_id("s");
  change->set_organisation("contoso");
  change->add_settings();
  change->add_duties("reset the password of anna@contoso.test");
  EXPECT_THAT(Texts(Transcript().Update(event))[0],
              HasSubstr("copies of mail suspended: 1 setting changed for all of contoso (snapshot "
                        "s); a person owes: reset the password of anna@contoso.test"));
}

TEST(TranscriptTest, SaysByWhichWayMailLeavesAndWhatStillGoesAnother) {
  v1::RunEvent event = Event();
  auto* report = event.mutable_run()->mutable_hosts(0)->mutable_steps(0)->mutable_report();
  report->set_outcome(v1::OUTCOME_SUCCEEDED);
  v1::ChangeResult* change = report->mutable_result()->mutable_egress_set();
  change->set_snapshot_id("s");
  change->add_settings();
  change->set_notice("Mail to other hosts goes through relay.example.net.");
  EXPECT_THAT(Texts(Transcript().Update(event))[0],
              HasSubstr("way out set: 1 setting changed (snapshot s); Mail to other hosts goes "
                        "through relay.example.net."));
}

TEST(TranscriptTest, SaysWhoBlocksAndWhatAListAnswered) {
  v1::RunEvent event = Event();
  auto* report = event.mutable_run()->mutable_hosts(0)->mutable_steps(0)->mutable_report();
  report->set_outcome(v1::OUTCOME_SUCCEEDED);
  auto* blockers = report->mutable_result()->mutable_mail_blockers();
  blockers->set_replies(40);
  blockers->set_other(2);
  blockers->set_partial(true);
  blockers->set_partial_reason("the time for reading ended");
  blockers->add_not_read("/var/log/mail.log.2.gz");
  auto* one = blockers->add_blockers();
  one->set_name("Microsoft");
  one->set_way_out("https://sender.office.com/");
  one->add_addresses("203.0.113.9");
  one->set_deferred(3);
  one->set_rejected(9);
  const std::string said = Texts(Transcript().Update(event))[0];
  EXPECT_THAT(said,
              HasSubstr("Microsoft 3 deferred, 9 rejected, names 203.0.113.9, way out "
                        "https://sender.office.com/; 2 other replies look like a block; of 40 "
                        "refusals since "));
  EXPECT_THAT(said, HasSubstr("WARN in part: the time for reading ended"));
  EXPECT_THAT(said, HasSubstr("not read: /var/log/mail.log.2.gz"));
  auto* fetch = report->mutable_result()->mutable_delist_fetch();
  fetch->set_http_status(302);
  fetch->set_peer_address("198.51.100.1");
  fetch->set_from_address("203.0.113.9");
  fetch->set_location("https://a.test/\x1b[2J");
  fetch->set_body("moved\x1b[31m");
  EXPECT_THAT(Texts(Transcript().Update(event))[0],
              HasSubstr("status 302 from 198.51.100.1, asked from 203.0.113.9; points to "
                        "https://a.test/ [2J, which was not followed; said: moved [31m"));
}

TEST(TranscriptTest, TheOutcomeHasAColourAndNoLineHoldsAControlCharacter) {
  v1::RunEvent event = Event();
  auto* host = event.mutable_run()->mutable_hosts(0);
  host->set_name("mx1\x1b[31m");
  host->mutable_steps(0)->mutable_report()->set_outcome(v1::OUTCOME_SUCCEEDED);
  host->mutable_steps(0)->mutable_report()->mutable_error()->set_message(kHostile);
  const Line line = Transcript().Update(event)[0];
  EXPECT_EQ(line.colour, Colour::kGreen);
  EXPECT_EQ(line.word, "succeeded");
  EXPECT_EQ(line.Text(), Harmless(line.Text()));
  event.Clear();
  event.set_text(kHostile);
  EXPECT_EQ(Transcript().Update(event)[0].Text(), absl::StrCat("-- ", kTamed));
}

TEST(TranscriptTest, AHostThatWasNeverReachedIsSaid) {
  v1::RunEvent event;
  v1::RunHost* host = event.mutable_run()->add_hosts();
  host->set_name("mx9");
  host->set_outcome(v1::OUTCOME_UNREACHABLE);
  EXPECT_THAT(Texts(Transcript().Update(event)), ElementsAre("mx9  -  unreachable"));
}

TEST(TranscriptTest, SummaryCountsByOutcomeWithSeconds) {
  v1::Run run = Event().run();
  run.mutable_hosts(0)->set_outcome(v1::OUTCOME_SUCCEEDED);
  run.mutable_hosts(1)->set_outcome(v1::OUTCOME_UNREACHABLE);
  run.mutable_start_time()->set_seconds(100);
  run.mutable_end_time()->set_seconds(103);
  run.mutable_end_time()->set_nanos(200'000'000);
  EXPECT_EQ(SummaryLine(run), "2 hosts: 1 succeeded, 1 unreachable; 3.2 s; run r1");
}

v1::Incident Spam() {
  v1::Incident incident;
  incident.set_incident_id("i1");
  incident.set_title("<script>spam</script>");
  incident.set_state(v1::INCIDENT_STATE_CONTAINED);
  incident.mutable_time_to_contain()->set_seconds(95);
  incident.add_causes()->set_value("mallory");
  auto* owed = incident.add_obligations();
  owed->set_host_name("mx1");
  owed->set_state(v1::Obligation::STATE_KEPT_AS_FIX);
  owed->set_reason("was open");
  owed->add_settings()->set_key("main.cf:mynetworks");
  return incident;
}

TEST(ReportTest, SaysTimeToContainMailSettingsAndOpenPoints) {
  v1::Run run = Event().run();
  auto* step = run.mutable_hosts(0)->mutable_steps(0)->mutable_report()->mutable_result();
  step->mutable_contain()->mutable_quarantine()->add_quarantines()->set_messages(1204);
  const std::string text = IncidentReport(Spam(), {run}, "md");
  EXPECT_THAT(text, HasSubstr("contained after 1 min 35 s"));
  EXPECT_THAT(text, HasSubstr("1204 messages were set aside"));
  EXPECT_THAT(text, HasSubstr("| main.cf:mynetworks | kept-as-fix | was open |"));
  EXPECT_THAT(text, HasSubstr("mallory | not resolved |"));
}

TEST(ReportTest, NothingFromOutsideBecomesMarkup) {
  for (const char* format : {"md", "html"}) {
    EXPECT_THAT(IncidentReport(Spam(), {}, format), Not(HasSubstr("<script>"))) << format;
  }
}

}  // namespace
}  // namespace mailquench::cli
