#include "cli/core/alert_document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/status/error.h"

namespace mailquench::cli {
namespace {

using ::testing::HasSubstr;

TEST(AlertDocumentTest, OneAlertAnArrayAndAnEnvelope) {
  const std::string one =
      R"({"labels":{"alertname":"QueueFlood","host":"mx1"},"annotations":{"summary":"s"},)"
      R"("status":"resolved","fingerprint":"f","start":"2026-01-31T12:00:00.5Z",)"
      R"("end":"2026-01-31T13:00:00+01:00"})";
  for (const std::string& document : {one, "{\"alerts\":[" + one + "]}"}) {
    const auto alerts = ReadGenericAlerts(document);
    ASSERT_TRUE(alerts.ok()) << alerts.status();
    ASSERT_EQ(alerts->size(), 1u);
    const v1::Alert& alert = alerts->front();
    EXPECT_EQ(alert.labels().at("host"), "mx1");
    EXPECT_EQ(alert.annotations().at("summary"), "s");
    EXPECT_EQ(alert.status(), v1::ALERT_STATUS_RESOLVED);
    EXPECT_EQ(alert.fingerprint(), "f");
    EXPECT_EQ(alert.start_time().seconds(), 1769860800);
    EXPECT_EQ(alert.start_time().nanos(), 500000000);
    EXPECT_EQ(alert.end_time().seconds(), 1769860800);
  }
  const auto two = ReadGenericAlerts(R"({"alerts":[{"labels":{"a":"b"}},{"labels":{"a":"c"}}]})");
  ASSERT_TRUE(two.ok());
  EXPECT_EQ(two->size(), 2u);
  EXPECT_EQ(two->front().status(), v1::ALERT_STATUS_FIRING);
}

TEST(AlertDocumentTest, AllOfThemOrNoneAndItSaysWhereAndWhy) {
  const std::pair<const char*, const char*> bad[] = {
      {"", "no JSON"},
      {"{", "no JSON"},
      {"[]", "an object"},
      {R"({"alerts":[]})", "has no alert"},
      {"7", "an object"},
      {R"({"alerts":7})", "alerts: it has to be an array"},
      {R"({"alerts":[],"group":"x"})", "beside `alerts`"},
      {R"({"alerts":[{"labels":{"a":"b"}},{"labels":{"a":1}}]})",
       "alerts[1].labels.a: it has to be a text"},
      {R"({"labels":{}})", "no labels"},
      {R"({"labels":{"a":"b"},"status":"burning"})", "firing or resolved"},
      {R"({"labels":{"a":"b"},"start":"yesterday"})", "has to be a time"},
      {R"({"labels":{"a":"b"},"label":{}})", "Did you mean 'labels'?"}};
  for (const auto& [document, why] : bad) {
    const auto alerts = ReadGenericAlerts(document);
    EXPECT_EQ(ReasonOf(alerts.status()), "BAD_ALERTS") << document;
    EXPECT_THAT(std::string(alerts.status().message()), HasSubstr(why)) << document;
  }
}

TEST(AlertDocumentTest, TheKindIsSeenByItsForm) {
  EXPECT_EQ(GuessKind(R"({"version":"4","receiver":"r","alerts":[]})"),
            v1::SOURCE_KIND_ALERTMANAGER);
  EXPECT_EQ(GuessKind(R"({"alerts":[{"labels":{}}]})"), v1::SOURCE_KIND_GENERIC);
  EXPECT_EQ(GuessKind(R"({"labels":{}})"), v1::SOURCE_KIND_GENERIC);
  EXPECT_EQ(GuessKind(R"({"host":"mx1","state":"CRITICAL"})"), v1::SOURCE_KIND_NAGIOS);
  EXPECT_EQ(GuessKind("no JSON"), v1::SOURCE_KIND_GENERIC);
}

}  // namespace
}  // namespace mailquench::cli
