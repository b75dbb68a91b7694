#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "cli/output/printer.h"
#include "cli/output/report.h"
#include "cli/output/transcript.h"
#include "mailquench/v1/fleet.pb.h"

namespace mailquench::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

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

TEST(TranscriptTest, OneLineAHostAndStepOnlyWhenSomethingChanges) {
  Transcript transcript(false);
  v1::RunEvent event = Event();
  EXPECT_THAT(transcript.Update(event),
              ElementsAre("mx1  queue.survey  running", "mx2  queue.survey  running"));
  EXPECT_THAT(transcript.Update(event), IsEmpty());
  auto* report = event.mutable_run()->mutable_hosts(1)->mutable_steps(0)->mutable_report();
  report->set_outcome(v1::OUTCOME_FAILED);
  report->mutable_error()->set_message("The queue cannot\nbe read.");
  report->mutable_start_time()->set_seconds(10);
  report->mutable_end_time()->set_seconds(12);
  EXPECT_THAT(transcript.Update(event),
              ElementsAre("mx2  queue.survey  failed  The queue cannot be read.; 2.0 s"));
}

TEST(TranscriptTest, ColourOnlyWhenAskedFor) {
  v1::RunEvent event = Event();
  event.mutable_run()->mutable_hosts(0)->mutable_steps(0)->mutable_report()->set_outcome(
      v1::OUTCOME_SUCCEEDED);
  EXPECT_THAT(Transcript(true).Update(event)[0], HasSubstr("\x1b[32msucceeded\x1b[0m"));
  EXPECT_THAT(Transcript(false).Update(event)[0], Not(HasSubstr("\x1b")));
}

TEST(TranscriptTest, AHostThatWasNeverReachedIsSaid) {
  v1::RunEvent event;
  v1::RunHost* host = event.mutable_run()->add_hosts();
  host->set_name("mx9");
  host->set_outcome(v1::OUTCOME_UNREACHABLE);
  EXPECT_THAT(Transcript(false).Update(event), ElementsAre("mx9  -  unreachable"));
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
