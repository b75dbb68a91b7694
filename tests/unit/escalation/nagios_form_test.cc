// What the script of Nagios and Icinga sends, as a form and as JSON.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/status/error.h"
#include "controller/escalation/alerts.h"
#include "tests/unit/escalation/received.h"

namespace mailquench::controller {
namespace {

using testing::HasSubstr;
using testing::Pair;
using testing::UnorderedElementsAre;

absl::StatusOr<std::vector<v1::Alert>> ReadNagios(const std::string& document) {
  return ReadAlerts(v1::SOURCE_KIND_NAGIOS, "icinga", document, kNow);
}

TEST(NagiosForm, AServiceInTrouble) {
  const auto alerts = ReadNagios(
      "host=mx1.example&service=Mail+queue&state=CRITICAL&state_type=HARD&output=QUEUE%20CRITICAL%"
      "3A"
      "+20000%20messages%20%26%20more&address=192.0.2.7&start=1799999000&unknown=x");
  ASSERT_TRUE(alerts.ok()) << alerts.status();
  ASSERT_EQ(alerts->size(), 1U);
  const v1::Alert& alert = alerts->front();
  EXPECT_EQ(alert.status(), v1::ALERT_STATUS_FIRING);
  EXPECT_THAT(alert.labels(),
              UnorderedElementsAre(Pair("alertname", "Mail queue"), Pair("host", "mx1.example"),
                                   Pair("service", "Mail queue"), Pair("address", "192.0.2.7"),
                                   Pair("severity", "critical")));
  EXPECT_EQ(alert.annotations().at("summary"), "QUEUE CRITICAL: 20000 messages & more");
  EXPECT_EQ(alert.start_time().seconds(), 1'799'999'000);
}

TEST(NagiosForm, StatesOfServicesAndHosts) {
  const struct {
    const char* state;
    v1::AlertStatus status;
    const char* severity;
  } kCases[] = {{"OK", v1::ALERT_STATUS_RESOLVED, nullptr},
                {"WARNING", v1::ALERT_STATUS_FIRING, "warning"},
                {"CRITICAL", v1::ALERT_STATUS_FIRING, "critical"},
                {"UNKNOWN", v1::ALERT_STATUS_FIRING, "unknown"},
                {"UP", v1::ALERT_STATUS_RESOLVED, nullptr},
                {"DOWN", v1::ALERT_STATUS_FIRING, "critical"},
                {"UNREACHABLE", v1::ALERT_STATUS_FIRING, "unknown"}};
  for (const auto& one : kCases) {
    const auto alerts = ReadNagios(std::string("host=mx1&state=") + one.state);
    ASSERT_TRUE(alerts.ok()) << alerts.status();
    const v1::Alert& alert = alerts->front();
    EXPECT_EQ(alert.status(), one.status) << one.state;
    EXPECT_EQ(alert.labels().at("alertname"), "host");
    EXPECT_EQ(alert.labels().count("severity"), one.severity == nullptr ? 0U : 1U) << one.state;
    if (one.severity != nullptr) {
      EXPECT_EQ(alert.labels().at("severity"), one.severity);
    }
    EXPECT_EQ(alert.has_end_time(), one.severity == nullptr);
  }
}

// Nagios tells a recovery with the time of the recovery, so the fingerprint alone is the same.
TEST(NagiosForm, TroubleAndRecoveryHaveOneFingerprint) {
  const auto trouble =
      ReadNagios("host=mx1&service=queue&state=WARNING&start=100&address=192.0.2.7");
  const auto worse = ReadNagios("host=mx1&service=queue&state=CRITICAL&start=200&output=other");
  const auto again = ReadNagios("host=mx1&service=queue&state=CRITICAL&start=200&output=changed");
  const auto well = ReadNagios("host=mx1&service=queue&state=OK&start=300");
  const auto other = ReadNagios("host=mx1&service=disk&state=OK&start=300");
  EXPECT_EQ(trouble->front().fingerprint(), worse->front().fingerprint());
  EXPECT_EQ(trouble->front().fingerprint(), well->front().fingerprint());
  EXPECT_NE(trouble->front().fingerprint(), other->front().fingerprint());
  EXPECT_NE(EventKey(trouble->front()), EventKey(worse->front()));
  EXPECT_EQ(EventKey(worse->front()), EventKey(again->front()));  // A repeat.
  EXPECT_TRUE(Ends(well->front(), trouble->front()));
  EXPECT_TRUE(Ends(well->front(), worse->front()));
  EXPECT_FALSE(Ends(other->front(), worse->front()));
  EXPECT_FALSE(Ends(worse->front(), trouble->front()));
  // It came late: the trouble that began since goes on.
  EXPECT_FALSE(
      Ends(well->front(), ReadNagios("host=mx1&service=queue&state=WARNING&start=301")->front()));
  EXPECT_EQ(well->front().end_time().seconds(), 300);
}

TEST(NagiosForm, ASoftStateIsReadAndMakesNoAlert) {
  const auto alerts = ReadNagios("host=mx1&service=queue&state=CRITICAL&state_type=SOFT");
  ASSERT_TRUE(alerts.ok()) << alerts.status();
  EXPECT_TRUE(alerts->empty());
  EXPECT_FALSE(ReadNagios("host=mx1&service=queue&state=MAD&state_type=SOFT").ok());
}

TEST(NagiosForm, JsonIsTheSameAlsoInAnArray) {
  const auto form = ReadNagios("host=mx1&service=queue&state=CRITICAL&output=x&start=1799999000");
  const auto one = ReadNagios(
      R"( {"host":"mx1","service":"queue","state":"critical","output":"x","start":1799999000,"z":{}})");
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_EQ(form->front().SerializeAsString().size(), one->front().SerializeAsString().size());
  EXPECT_EQ(EventKey(form->front()), EventKey(one->front()));
  const auto many = ReadNagios(
      R"([{"host":"mx1","state":"UP","start":"1799999000"},{"host":"mx2","state":"DOWN","state_type":"SOFT"},
          {"host":"mx3","state":"DOWN","state_type":"HARD"}])");
  ASSERT_TRUE(many.ok()) << many.status();
  ASSERT_EQ(many->size(), 2U);
  EXPECT_EQ(many->at(1).labels().at("host"), "mx3");
}

TEST(NagiosForm, WhatIsWrongIsRefusedWithItsPlace) {
  const struct {
    std::string document;
    const char* sentence;
  } kCases[] = {
      {"", "it is empty"},
      {"state=OK", "host: it is empty"},
      {"host=&state=OK", "host: it is empty"},
      {"host=a", "state: OK, WARNING"},
      {"host=a&state=PENDING", "state: OK, WARNING"},
      {"host=a&state=OK&state_type=MAYBE", "state_type: HARD or SOFT"},
      {"host=a&state=OK&start=yesterday", "start: seconds since 1970"},
      {"host=a&state=OK&start=-5", "start: seconds since 1970"},
      {"host=a&state=OK&start=99999999999999999999", "start: seconds since 1970"},
      {"host=a&host=b&state=OK", "a field is there twice"},
      {"host=a&state", "a field has no '='"},
      {"host=%zz&state=OK", "a '%' is followed by no two hex digits"},
      {"host=a&state=OK&output=%4", "a '%' is followed by no two hex digits"},
      {"nonsense", "a field has no '='"},
      {std::string(100'000, '&') + "x", "a field has no '='"},
      {R"({"host":5,"state":"OK"})", "host: a text is wanted, not number"},
      {R"([{"host":"a","state":"UP"},{"host":"a"}])", "[1].state: OK, WARNING"},
      {R"([{"host":"a","state":"UP"},7])", "[1]: an object is wanted, not number"},
      {R"({"host":"a","state":"UP","start":-1})", "start: a whole number"},
      {R"({"host":"a","state":"UP","start":1.5})", "start: a whole number"},
  };
  for (const auto& one : kCases) {
    const auto alerts = ReadNagios(one.document);
    ASSERT_FALSE(alerts.ok()) << one.document;
    EXPECT_EQ(ReasonOf(alerts.status()), "BAD_ALERTS") << one.document;
    EXPECT_THAT(alerts.status().message(), HasSubstr(one.sentence));
  }
  std::string many = "host=a&state=OK";
  for (int i = 0; i < 1000; ++i) many += "&f" + std::to_string(i) + "=x";
  EXPECT_FALSE(ReadNagios(many).ok());
}

// Plugins write in whatever their system writes in.
TEST(NagiosForm, OutputThatIsNoUtf8IsKeptAsFarAsItIs) {
  const auto alerts = ReadNagios("host=mx1&state=DOWN&output=gr%fc%dfe%00%1b%5b2Jend");
  ASSERT_TRUE(alerts.ok()) << alerts.status();
  EXPECT_EQ(alerts->front().annotations().at("summary"),
            "gr\xef\xbf\xbd\xef\xbf\xbd"
            "e  [2Jend");
  v1::Alert again;
  EXPECT_TRUE(again.ParseFromString(alerts->front().SerializeAsString()));
}

}  // namespace
}  // namespace mailquench::controller
