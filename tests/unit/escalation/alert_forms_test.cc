// What all forms share: limits, harmless texts, keys; and our own form.
#include "controller/escalation/alert_forms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "controller/escalation/alerts.h"
#include "tests/unit/escalation/received.h"

namespace mailquench::controller {
namespace {

using testing::HasSubstr;

absl::StatusOr<std::vector<v1::Alert>> Read(const std::string& document) {
  return ReadAlerts(v1::SOURCE_KIND_GENERIC, "script", document, kNow);
}

// Refused, and the sentence says so.
void ExpectBad(const std::string& document, const std::string& sentence) {
  const auto alerts = Read(document);
  ASSERT_FALSE(alerts.ok()) << document.substr(0, 200);
  EXPECT_EQ(ReasonOf(alerts.status()), "BAD_ALERTS");
  EXPECT_THAT(std::string(alerts.status().message()), HasSubstr(sentence));
  EXPECT_THAT(std::string(alerts.status().message()), HasSubstr("nothing of it was taken"));
  EXPECT_LT(alerts.status().message().size(), 600U);
}

std::string Repeat(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

TEST(GenericForm, OneAlertOrMany) {
  const auto one = Read(R"({"labels":{"alertname":"QueueFlood","host":"mx1"}})");
  ASSERT_TRUE(one.ok()) << one.status();
  ASSERT_EQ(one->size(), 1U);
  const v1::Alert& alert = one->front();
  EXPECT_EQ(alert.status(), v1::ALERT_STATUS_FIRING);
  EXPECT_EQ(alert.source(), "script");
  EXPECT_EQ(alert.labels().at("host"), "mx1");
  EXPECT_EQ(alert.start_time().seconds(), 1'800'000'000);
  EXPECT_EQ(alert.receive_time().seconds(), 1'800'000'000);
  EXPECT_FALSE(alert.has_end_time());
  EXPECT_EQ(alert.fingerprint().size(), 32U);
  EXPECT_EQ(alert.alert_key().size(), 64U);

  const auto many = Read(R"({"more":[1,{"x":null}],"alerts":[
      {"status":"firing","labels":{"a":"1"},"fingerprint":"f1","start":"2026-11-26T07:30:00.5+01:00"},
      {"status":"resolved","labels":{"a":"1"},"annotations":{"summary":"two\nlines"},
       "fingerprint":"f1","start":"2026-11-26T06:30:00.5Z","end":"2026-11-26T08:00:00Z"}]})");
  ASSERT_TRUE(many.ok()) << many.status();
  ASSERT_EQ(many->size(), 2U);
  const v1::Alert& firing = many->at(0);
  const v1::Alert& resolved = many->at(1);
  EXPECT_EQ(firing.start_time().nanos(), 500'000'000);
  EXPECT_EQ(firing.alert_key(), resolved.alert_key());
  EXPECT_NE(EventKey(firing), EventKey(resolved));
  EXPECT_TRUE(Ends(resolved, firing));
  EXPECT_FALSE(Ends(firing, resolved));
  // An end without a start is that of the same labels.
  EXPECT_TRUE(Ends(
      Read(R"({"status":"resolved","labels":{"alertname":"QueueFlood","host":"mx1"}})")->front(),
      alert));
  EXPECT_EQ(resolved.annotations().at("summary"), "two\nlines");
  EXPECT_TRUE(resolved.has_end_time());
  EXPECT_TRUE(Read(R"({"alerts":[]})")->empty());
}

TEST(GenericForm, TheKeyIsOfWhatSaysWhichAlertItIs) {
  const auto key = [](const std::string& source, const std::string& document) {
    return ReadGeneric(source, document, kNow)->front().alert_key();
  };
  const std::string base =
      R"({"labels":{"a":"b"},"fingerprint":"f","start":"2026-11-26T06:00:00Z"})";
  EXPECT_EQ(key("s", base), key("s", base));
  EXPECT_NE(key("s", base), key("t", base));
  EXPECT_NE(key("s", base),
            key("s", R"({"labels":{"a":"b"},"fingerprint":"g","start":"2026-11-26T06:00:00Z"})"));
  EXPECT_NE(key("s", base),
            key("s", R"({"labels":{"a":"b"},"fingerprint":"f","start":"2026-11-26T06:00:01Z"})"));
  // Labels that would be the same if they were only written one after the other.
  const auto fingerprint = [](const std::string& document) {
    return Read(document)->front().fingerprint();
  };
  EXPECT_NE(fingerprint(R"({"labels":{"a":"bc"}})"), fingerprint(R"({"labels":{"ab":"c"}})"));
  EXPECT_EQ(fingerprint(R"({"labels":{"a":"1","b":"2"}})"),
            fingerprint(R"({"labels":{"b":"2","a":"1"}})"));
}

TEST(GenericForm, WrongTypesAreRefusedWithTheirPlace) {
  ExpectBad(R"({"alerts":[{"labels":{"a":"b"}},{"labels":{"a":1}}]})",
            "alerts[1].labels.a: a text is wanted, not number");
  ExpectBad(R"({"alerts":[{"labels":["a"]}]})", "alerts[0].labels: an object of texts is wanted");
  ExpectBad(R"({"alerts":{"a":"b"}})", "alerts: an array is wanted, not object");
  ExpectBad(R"({"alerts":null})", "alerts: an array is wanted, not null");
  ExpectBad(R"({"alerts":["x"]})", "alerts[0]: an object is wanted, not string");
  ExpectBad(R"([])", "The document: an object is wanted, not array");
  ExpectBad(R"("text")", "an object is wanted, not string");
  ExpectBad(R"({"alerts":[{"labels":{}}]})", "alerts[0]: labels: there are none");
  ExpectBad(R"({})", "labels: there are none");
  ExpectBad(R"({"labels":{"a":"b"},"status":"on fire"})", "status: 'firing' or 'resolved'");
  ExpectBad(R"({"labels":{"a":"b"},"status":7})", "status: a text is wanted, not number");
  ExpectBad(R"({"labels":{"a":"b"},"fingerprint":{}})", "fingerprint: a text is wanted");
  for (const std::string time : {"yesterday", "infinite-past", "2026-13-01T00:00:00Z", "1800000000",
                                 "2026-11-26", "99999-01-01T00:00:00Z"}) {
    ExpectBad(absl::StrCat(R"({"labels":{"a":"b"},"start":")", time, "\"}"), "start: ");
  }
  ExpectBad(R"({"labels":{"a":"b"},"start":1800000000})", "start: a text is wanted, not number");
}

TEST(GenericForm, WhatIsNoJsonIsRefusedWithItsPlace) {
  ExpectBad("", "it is empty");
  ExpectBad(" \n\t", "it is empty");
  ExpectBad("{", "line 1, column 2");
  ExpectBad(R"({"alerts":[{"labels":{"a":"b"}})", "parse error at line 1");
  ExpectBad(R"({"labels":{"a":"b"}} more)", "parse error");
  ExpectBad(R"({"labels":{"a":"b"},})", "parse error");
  ExpectBad("\xff\xfe{}", "parse error");
  ExpectBad("{\"labels\":{\"a\":\"\xc3\x28\"}}", "ill-formed UTF-8 byte");
  ExpectBad("{\"labels\":{\"a\":\"\xed\xa0\x80\"}}", "ill-formed UTF-8 byte");
  ExpectBad(R"({"labels":{"a":"\ud800"}})", "parse error");
  ExpectBad("{\"labels\":{\"a\":\"\x01\"}}", "control character");
  ExpectBad(std::string("{\"labels\":{\"a\":\"b\"}}\0more", 25), "byte 21 is NUL");
  ExpectBad(R"({"labels":{"a":"b"},"x":1e999999})", "number overflow");
  ExpectBad(R"({"labels":{"a":"b","a":"c"}})", "has the name 'a' twice");
  ExpectBad(R"({"labels":{"a":"b"},"labels":{"a":"c"}})", "has the name 'labels' twice");
}

TEST(GenericForm, HugeNumbersWhereNobodyLooksDoNoHarm) {
  const auto alerts = Read(R"({"labels":{"a":"b"},"x":)" + std::string(10000, '9') + "}");
  // Beyond a double it is refused, below it is not looked at.
  EXPECT_FALSE(alerts.ok());
  EXPECT_TRUE(Read(R"({"labels":{"a":"b"},"x":)" + std::string(300, '9') + "}").ok());
}

TEST(GenericForm, DeepNestingIsRefused) {
  ExpectBad(Repeat("[", 1'000'000), "more than 32 levels");
  ExpectBad(R"({"labels":{"a":"b"},"x":)" + Repeat(R"({"a":)", 100'000), "more than 32 levels");
  EXPECT_TRUE(Read(R"({"labels":{"a":"b"},"x":)" + Repeat("[", 30) + Repeat("]", 30) + "}").ok());
}

TEST(GenericForm, LimitsAreKept) {
  const std::string one = R"({"labels":{"a":"b"}})";
  const std::string many = Repeat(one + ",", 9'999) + one;
  const auto most = Read(R"({"alerts":[)" + many + "]}");
  ASSERT_TRUE(most.ok()) << most.status();
  EXPECT_EQ(most->size(), 10'000U);
  ExpectBad(R"({"alerts":[)" + many + "," + one + "]}", "alerts: there are 10001 alerts");

  std::string labels = R"("l0":"x")";
  for (int i = 1; i < 64; ++i) absl::StrAppend(&labels, ",\"l", i, "\":\"x\"");
  EXPECT_TRUE(Read(R"({"labels":{)" + labels + "}}").ok());
  ExpectBad(R"({"labels":{)" + labels + R"(,"l64":"x"}})", "labels: there are more than 64");
  ExpectBad(R"({"labels":{"a":"b"},"annotations":{)" + labels + R"(,"l64":"x"}})",
            "annotations: there are more than 64");

  ExpectBad(R"({"labels":{"a":")" + std::string(4097, 'x') + "\"}}",
            "labels.a: the text is longer than 4096 bytes");
  ExpectBad(R"({"labels":{")" + std::string(257, 'x') + R"(":"a"}})", "a name is");
  ExpectBad(R"({"labels":{"":"a"}})", "a name is empty");
  ExpectBad(R"({"labels":{"a\u0007":"a"}})", "a name is");
  ExpectBad(R"({"labels":{"a":"b"},"fingerprint":")" + std::string(257, 'x') + "\"}",
            "fingerprint: the text is longer");
}

// An alert is not lost because somebody explains it at length.
TEST(GenericForm, ALongAnnotationIsCut) {
  const auto alerts = Read(R"({"labels":{"a":"b"},"annotations":{"summary":"x)" +
                           Repeat("\xc3\xa4", 4000) + "\"}}");
  ASSERT_TRUE(alerts.ok()) << alerts.status();
  const std::string& cut = alerts->front().annotations().at("summary");
  EXPECT_LE(cut.size(), 4096U);
  EXPECT_GT(cut.size(), 4090U);
  EXPECT_THAT(cut, testing::EndsWith("\xc3\xa4..."));
}

TEST(GenericForm, NoTextSteersATerminal) {
  const auto alerts =
      Read(R"({"labels":{"host":"mx1\u001b[2J\u0000\r\n\u202eend"},"fingerprint":"a\u0000b",)"
           R"("annotations":{"summary":"one\u001b]0;x\u0007\ntwo"}})");
  ASSERT_TRUE(alerts.ok()) << alerts.status();
  EXPECT_EQ(alerts->front().labels().at("host"), "mx1 [2J    end");
  EXPECT_EQ(alerts->front().fingerprint(), "a b");
  EXPECT_EQ(alerts->front().annotations().at("summary"), "one ]0;x \ntwo");
}

TEST(CompleteAlert, RefusesWhatNoFormWouldMake) {
  v1::Alert alert;
  (*alert.mutable_labels())["a"] = "b";
  EXPECT_EQ(ReasonOf(Complete("operator/ann", kNow, &alert)), "BAD_ALERTS");
  alert.set_status(v1::ALERT_STATUS_FIRING);
  alert.mutable_start_time()->set_seconds(std::int64_t{1} << 60);
  EXPECT_EQ(ReasonOf(Complete("operator/ann", kNow, &alert)), "BAD_ALERTS");
  alert.mutable_start_time()->set_seconds(1);
  alert.mutable_start_time()->set_nanos(-1);
  EXPECT_EQ(ReasonOf(Complete("operator/ann", kNow, &alert)), "BAD_ALERTS");
  alert.mutable_start_time()->set_nanos(0);
  alert.set_alert_key("forged");
  alert.set_source("forged");
  alert.set_truncated(-5);
  alert.set_group_key(std::string(5000, 'g'));
  ASSERT_TRUE(Complete("operator/ann", kNow, &alert).ok());
  EXPECT_EQ(alert.source(), "operator/ann");
  EXPECT_EQ(alert.alert_key().size(), 64U);
  EXPECT_EQ(alert.truncated(), 0);
  EXPECT_EQ(alert.group_key().size(), 32U);
  const std::string key = alert.alert_key();
  ASSERT_TRUE(Complete("operator/ann", kNow + absl::Hours(1), &alert).ok());
  EXPECT_EQ(alert.alert_key(), key);  // Once more is the same.
}

TEST(ReadAlerts, ASourceOfMetricsSendsNone) {
  EXPECT_EQ(ReasonOf(ReadAlerts(v1::SOURCE_KIND_METRICS, "s", "{}", kNow).status()), "BAD_ALERTS");
  EXPECT_EQ(ReasonOf(ReadAlerts(v1::SOURCE_KIND_UNSPECIFIED, "s", "{}", kNow).status()),
            "BAD_ALERTS");
}

}  // namespace
}  // namespace mailquench::controller
