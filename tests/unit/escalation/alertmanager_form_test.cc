// Alertmanager's webhook, as version 0.25 sends it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_replace.h"
#include "common/status/error.h"
#include "controller/escalation/alerts.h"
#include "tests/unit/escalation/received.h"

namespace mailquench::controller {
namespace {

using testing::HasSubstr;

const char kMessage[] = R"({"receiver":"mailquench","status":"firing","alerts":[
  {"status":"firing",
   "labels":{"alertname":"QueueFlood","instance":"mx1.example:9154","severity":"critical"},
   "annotations":{"summary":"20,000 messages wait"},
   "startsAt":"2026-11-26T06:31:20.123Z","endsAt":"0001-01-01T00:00:00Z",
   "generatorURL":"http://prometheus:9090/graph?g0.expr=x","fingerprint":"1a2b3c4d5e6f7081"},
  {"status":"resolved",
   "labels":{"alertname":"QueueFlood","instance":"mx2.example:9154","severity":"critical"},
   "annotations":{},
   "startsAt":"2026-11-26T06:30:20.123Z","endsAt":"2026-11-26T06:40:20.123Z",
   "generatorURL":"","fingerprint":"aa2b3c4d5e6f7081"}],
  "groupLabels":{"alertname":"QueueFlood"},"commonLabels":{"alertname":"QueueFlood","severity":"critical"},
  "commonAnnotations":{},"externalURL":"http://alertmanager:9093","version":"4",
  "groupKey":"{}/{severity=\"critical\"}:{alertname=\"QueueFlood\"}","truncatedAlerts":17})";

absl::StatusOr<std::vector<v1::Alert>> ReadWith(const std::string& from, const std::string& to) {
  return ReadAlerts(v1::SOURCE_KIND_ALERTMANAGER, "prom",
                    absl::StrReplaceAll(kMessage, {{from, to}}), kNow);
}

TEST(AlertmanagerForm, IsReadWhole) {
  const auto alerts = ReadAlertmanager("prom", kMessage, kNow);
  ASSERT_TRUE(alerts.ok()) << alerts.status();
  ASSERT_EQ(alerts->size(), 2U);
  const v1::Alert& firing = alerts->at(0);
  EXPECT_EQ(firing.source(), "prom");
  EXPECT_EQ(firing.status(), v1::ALERT_STATUS_FIRING);
  EXPECT_EQ(firing.receiver(), "mailquench");
  EXPECT_EQ(firing.group_key(), R"({}/{severity="critical"}:{alertname="QueueFlood"})");
  EXPECT_EQ(firing.fingerprint(), "1a2b3c4d5e6f7081");
  EXPECT_EQ(firing.labels().size(), 3U);
  EXPECT_EQ(firing.annotations().at("summary"), "20,000 messages wait");
  EXPECT_EQ(firing.start_time().seconds(), 1'795'674'680);
  EXPECT_EQ(firing.start_time().nanos(), 123'000'000);
  EXPECT_FALSE(firing.has_end_time());
  EXPECT_EQ(firing.generator_url(), "http://prometheus:9090/graph?g0.expr=x");
  EXPECT_EQ(firing.truncated(), 17);
  EXPECT_EQ(firing.alertmanager_url(), "http://alertmanager:9093");
  const v1::Alert& resolved = alerts->at(1);
  EXPECT_EQ(resolved.status(), v1::ALERT_STATUS_RESOLVED);
  EXPECT_TRUE(resolved.has_end_time());
}

TEST(AlertmanagerForm, BothStatusesShareTheKey) {
  const auto firing = ReadAlertmanager("prom", kMessage, kNow);
  const auto resolved =
      ReadWith(R"("endsAt":"0001-01-01T00:00:00Z")", R"("endsAt":"2026-11-26T07:00:00Z")");
  const auto later = ReadWith("06:31:20.123Z", "07:31:20.123Z");
  const auto other = ReadWith(R"("receiver":"mailquench")", R"("receiver":"other")");
  const auto grouped = ReadWith(R"(alertname=\"QueueFlood\")", R"(alertname=\"Other\")");
  ASSERT_TRUE(firing.ok() && resolved.ok() && later.ok() && other.ok() && grouped.ok());
  EXPECT_EQ(firing->front().alert_key(), resolved->front().alert_key());
  EXPECT_NE(firing->front().alert_key(), later->front().alert_key());
  EXPECT_NE(firing->front().alert_key(), other->front().alert_key());
  EXPECT_NE(firing->front().alert_key(), grouped->front().alert_key());
  EXPECT_NE(firing->at(0).alert_key(), firing->at(1).alert_key());
  EXPECT_FALSE(Ends(firing->at(1), firing->at(0)));  // Of another host.
}

TEST(AlertmanagerForm, OtherVersionsAndTypesAreRefusedWithTheirPlace) {
  const struct {
    const char* from;
    const char* to;
    const char* sentence;
  } kCases[] = {
      {R"("version":"4")", R"("version":"3")", "version: '4' is wanted"},
      {R"("version":"4")", R"("version":4)", "version: a text is wanted, not number"},
      {R"("version":"4",)", "", "version: '4' is wanted"},
      {R"("receiver":"mailquench")", R"("receiver":null)", "receiver: a text is wanted, not null"},
      {R"("truncatedAlerts":17)", R"("truncatedAlerts":-1)", "truncatedAlerts: a whole number"},
      {R"("truncatedAlerts":17)", R"("truncatedAlerts":1.5)", "truncatedAlerts: a whole number"},
      {R"("truncatedAlerts":17)", R"("truncatedAlerts":"x")", "truncatedAlerts: a whole number"},
      {R"("truncatedAlerts":17)", R"("truncatedAlerts":18446744073709551615)",
       "truncatedAlerts: a whole number"},
      {R"("alerts":[)", R"("notalerts":[)", "alerts: there are none"},
      {R"("status":"resolved")", R"("status":"suppressed")", "alerts[1].status: 'firing' or"},
      {R"("severity":"critical"},
   "annotations":{"summary")",
       R"("severity":null},
   "annotations":{"summary")",
       "alerts[0].labels.severity: a text is wanted, not null"},
      {"2026-11-26T06:31:20.123Z", "now", "alerts[0].startsAt: 'now' is no time"},
  };
  for (const auto& one : kCases) {
    const auto alerts = ReadWith(one.from, one.to);
    ASSERT_FALSE(alerts.ok()) << one.to;
    EXPECT_EQ(ReasonOf(alerts.status()), "BAD_ALERTS");
    EXPECT_THAT(alerts.status().message(), HasSubstr(one.sentence));
  }
}

// Wherever it is cut off, it is refused: nothing is made of a half.
TEST(AlertmanagerForm, CutOffAnywhereIsRefused) {
  const std::string whole = kMessage;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(ReadAlertmanager("prom", whole.substr(0, size), kNow).ok()) << size;
  }
}

// Each byte of it changed: it is read or refused, and what is read can be kept.
TEST(AlertmanagerForm, OneByteWrongAnywhereDoesNoHarm) {
  const std::string whole = kMessage;
  int refused = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const char byte : {'\0', '\xff', '"', '{', '}', '9', '\\'}) {
      std::string wrong = whole;
      wrong[at] = byte;
      const auto alerts = ReadAlertmanager("prom", wrong, kNow);
      if (!alerts.ok()) {
        EXPECT_EQ(ReasonOf(alerts.status()), "BAD_ALERTS");
        ++refused;
        continue;
      }
      for (const v1::Alert& alert : *alerts) {
        v1::Alert again;
        EXPECT_TRUE(again.ParseFromString(alert.SerializeAsString()));
      }
    }
  }
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace mailquench::controller
