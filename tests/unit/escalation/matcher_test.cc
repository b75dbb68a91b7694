// Matchers as Alertmanager reads them.
#include "common/status/error.h"
#include "controller/escalation/rules.h"
#include "gmock/gmock.h"

namespace mailquench::controller {
namespace {

using testing::HasSubstr;

bool Matches(const std::string& text, const std::string& value) {
  const absl::StatusOr<Matcher> matcher = Matcher::Parse(text);
  EXPECT_TRUE(matcher.ok()) << text << ": " << matcher.status();
  google::protobuf::Map<std::string, std::string> labels;
  labels["job"] = "mail";
  if (value != "-") labels["a"] = value;
  return matcher.ok() && matcher->Matches(labels);
}

TEST(Matcher, TakesAndRefusesValues) {
  const struct {
    const char* text;
    const char* value;  // "-": the label is not there.
    bool matches;
  } kCases[] = {
      {"a=\"x\"", "x", true},
      {"a=x", "x", true},
      {"  a  =  x  ", "x", true},
      {"a=\"x\"", "xx", false},
      {"a=\"x\"", "-", false},
      {"a=\"\"", "-", true},
      {"a=", "-", true},
      {"a=\"\"", "x", false},
      {"a!=\"x\"", "y", true},
      {"a!=\"x\"", "-", true},
      {"a!=x", "x", false},
      {"a!=\"\"", "-", false},
      {"a=~\"x|y\"", "y", true},
      // Anchored, the alternatives too.
      {"a=~\"x|y\"", "xy", false},
      {"a=~\"x|y\"", "zx", false},
      {"a=~mx.*", "mx1.example.org", true},
      {"a=~\".+\"", "-", false},
      {"a=~\"\"", "-", true},
      {"a!~\"x.*\"", "xyz", false},
      {"a!~\"x.*\"", "ayz", true},
      {"a!~\"x.*\"", "-", true},
      {"a=~\"\\d+\"", "17", true},  // \d is no escape, so it stays what it is
      {"a=~\"mx\\\\.org\"", "mxxorg", false},
      {"a=~\"mx\\\\.org\"", "mx.org", true},
      {"a=\"say \\\"hi\\\"\"", "say \"hi\"", true},
      {"a=\"two\\nlines\"", "two\nlines", true},
      {"a=\"back\\\\slash\"", "back\\slash", true},
      {"a=\"c:\\temp\"", "c:\\temp", true},
      {"a=\"end\\\\\"", "end\\", true},
      {"a=x=y", "x=y", true},
      {"a=\"x,y}\"", "x,y}", true},
      {"a=~\"gr(ü|ue)n\"", "grün", true},
  };
  for (const auto& one : kCases)
    EXPECT_EQ(Matches(one.text, one.value), one.matches) << one.text << " of " << one.value;
}

TEST(Matcher, RefusesWhatAlertmanagerRefuses) {
  const struct {
    std::string text;
    const char* what;
  } kCases[] = {
      {"", "label's name"},
      {"=x", "label's name"},
      {"1a=x", "label's name"},
      {"a b=x", "is missing"},
      {"a", "is missing"},
      {"a~x", "is missing"},
      {"a=\"x", "closing quote"},
      {"a=\"", "closing quote"},
      {"a=\"x\\\"", "closing quote"},
      {"a=x\"", "a quote inside"},
      {"a=\"x\"y\"", "a quote inside"},
      {"a=~\"(\"", "regular expression"},
      {"a=~\"x{2000}\"", "regular expression"},
      {"a=~\"(((x{100}){100}){100})\"", "regular expression"},
      {"a=" + std::string(2000, 'x'), "more than 1024 bytes"},
  };
  for (const auto& one : kCases) {
    const absl::StatusOr<Matcher> matcher = Matcher::Parse(one.text);
    ASSERT_FALSE(matcher.ok()) << one.text;
    EXPECT_EQ(ReasonOf(matcher.status()), "BAD_MATCHER");
    EXPECT_THAT(std::string(matcher.status().message()), HasSubstr(one.what));
  }
}

// A pattern that makes a backtracking engine hang.
TEST(Matcher, HostilePatternsTakeNoTime) {
  EXPECT_FALSE(Matches("a=~\"(a*)*b\"", std::string(4000, 'a')));
  EXPECT_FALSE(Matches("a=~\"(a|a|aa)+$\"", std::string(4000, 'a') + "b"));
}

TEST(Matcher, FollowsFrom) {
  const struct {
    const char* weak;
    std::vector<const char*> others;
    bool follows;
  } kCases[] = {
      {"a=x", {"a=x"}, true},         {"a=~\"x|y\"", {"a=x", "b=z"}, true},
      {"a!=y", {"a=x"}, true},        {"a=~\"x|y\"", {"a=~\"x|y\""}, true},
      {"a=x", {"a=~\"x|y\""}, false}, {"a=x", {"b=x"}, false},
      {"a=x", {"a=y"}, false},        {"a=x", {}, false},
  };
  for (const auto& one : kCases) {
    std::vector<Matcher> others;
    for (const char* other : one.others) others.push_back(*Matcher::Parse(other));
    EXPECT_EQ(Matcher::Parse(one.weak)->FollowsFrom(others), one.follows) << one.weak;
  }
}

}  // namespace
}  // namespace mailquench::controller
