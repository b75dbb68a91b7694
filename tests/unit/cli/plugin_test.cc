#include "cli/core/plugin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"

namespace mailquench::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

bool Alerts(const std::string& range, double value) {
  const auto parsed = Range::Parse(range);
  EXPECT_TRUE(parsed.ok()) << range << ": " << parsed.status();
  return parsed.ok() && parsed->Alerts(value);
}

// The examples of the guidelines' table of ranges.
TEST(RangeTest, AlertsAsTheGuidelinesSay) {
  EXPECT_TRUE(Alerts("10", -1));
  EXPECT_FALSE(Alerts("10", 0));
  EXPECT_FALSE(Alerts("10", 10));
  EXPECT_TRUE(Alerts("10", 10.5));
  EXPECT_TRUE(Alerts("10:", 9));
  EXPECT_FALSE(Alerts("10:", 10));
  EXPECT_FALSE(Alerts("10:", 1e9));
  EXPECT_FALSE(Alerts("~:10", -1e9));
  EXPECT_FALSE(Alerts("~:10", 10));
  EXPECT_TRUE(Alerts("~:10", 11));
  EXPECT_TRUE(Alerts("10:20", 9));
  EXPECT_FALSE(Alerts("10:20", 10));
  EXPECT_FALSE(Alerts("10:20", 20));
  EXPECT_TRUE(Alerts("10:20", 21));
  EXPECT_FALSE(Alerts("@10:20", 9));
  EXPECT_TRUE(Alerts("@10:20", 10));
  EXPECT_TRUE(Alerts("@10:20", 20));
  EXPECT_FALSE(Alerts("@10:20", 21));
  EXPECT_TRUE(Alerts("0", 1));
  EXPECT_FALSE(Alerts("0", 0));
  EXPECT_TRUE(Alerts(":5", 6));
  EXPECT_TRUE(Alerts("-5:-2", -1));
  EXPECT_FALSE(Alerts("-5:-2", -3));
  EXPECT_TRUE(Alerts("@1", 0.5));
}

TEST(RangeTest, WhatIsNoRangeIsSaid) {
  for (const char* bad : {"", "@", "a", "10:b", "20:10", "10:20:30", "1e3", "inf", "nan", "~",
                          "10 ", "--1", "@@1", "5%"}) {
    const auto parsed = Range::Parse(bad);
    EXPECT_EQ(ReasonOf(parsed.status()), "BAD_RANGE") << bad;
  }
}

TEST(ThresholdsTest, CriticalGoesBeforeWarning) {
  const auto both = Thresholds::Parse("5", "10");
  ASSERT_TRUE(both.ok());
  EXPECT_EQ(both->Of(5), PluginState::kOk);
  EXPECT_EQ(both->Of(6), PluginState::kWarning);
  EXPECT_EQ(both->Of(11), PluginState::kCritical);
  EXPECT_EQ(Thresholds().Of(1e9), PluginState::kOk);
  EXPECT_FALSE(Thresholds::Parse("5", "x").ok());
}

TEST(PluginTest, TheWorseVerdictCounts) {
  EXPECT_EQ(Worse(PluginState::kOk, PluginState::kUnknown), PluginState::kUnknown);
  EXPECT_EQ(Worse(PluginState::kUnknown, PluginState::kWarning), PluginState::kWarning);
  EXPECT_EQ(Worse(PluginState::kCritical, PluginState::kWarning), PluginState::kCritical);
}

TEST(PluginTest, OneLineThenFiguresThenDetails) {
  const auto limits = Thresholds::Parse("~:5", "@10:20");
  ASSERT_TRUE(limits.ok());
  PluginResult result;
  result.state = PluginState::kWarning;
  result.text = "6 of 9 hosts offline";
  result.figures = {MakeFigure("offline", 6, *limits), MakeFigure("it's=odd", -1, {})};
  result.figures[0].max = "9";
  result.figures[0].unit = "s";
  result.figures[1].min = "";
  result.details = {"mx1 is offline"};
  EXPECT_EQ(Render("MAILQUENCH HOSTS", result),
            "MAILQUENCH HOSTS WARNING - 6 of 9 hosts offline | 'offline'=6s;~:5;@10:20;0;9 "
            "'it''s_odd'=-1\nmx1 is offline\n");
}

TEST(PluginTest, NothingThatOthersWroteBreaksTheLine) {
  PluginResult result;
  result.text = "mx1|'x'=1\nOK - all is well\r\x1b[2J";
  result.details = {"a|b\nc", "d\xff"};
  result.figures = {MakeFigure("n", 1, {})};
  const std::string text = Render("S", result);
  EXPECT_EQ(std::count(text.begin(), text.end(), '|'), 1);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
  EXPECT_THAT(text, HasSubstr("S OK - mx1/'x'=1 OK - all is well"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, Not(HasSubstr("\xff")));
}

TEST(PluginTest, StaysBelowWhatReceiversTake) {
  PluginResult result;
  for (int i = 0; i < 5000; ++i) {
    result.text += "\xc3\xa4";  // Two bytes a character: none is cut in half.
    result.details.push_back(std::string(500, 'x'));
  }
  const std::string text = Render("MAILQUENCH HOSTS", result);
  EXPECT_LT(text.size(), 4096u);
  EXPECT_THAT(text, HasSubstr("\xc3\xa4 ..."));
  EXPECT_THAT(text, HasSubstr("and 4985 more"));
}

}  // namespace
}  // namespace mailquench::cli
