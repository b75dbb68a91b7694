// The slope of a queue: what a host's clock, a restart and a count that is missing do to it.
#include "controller/metrics/queue_slopes.h"

#include <gtest/gtest.h>

namespace mailquench::controller {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);

class Play {
 public:
  void Beat(int second, std::int64_t queued) {
    slopes.Add("h", kStart + absl::Seconds(second), queued, kStart + absl::Seconds(second));
  }
  std::optional<double> At(int second) { return slopes.Slope("h", kStart + absl::Seconds(second)); }
  QueueSlopes slopes;
};

TEST(QueueSlopes, IsTheSlopeOfALine) {
  Play play;
  for (int i = 0; i < 7; ++i) play.Beat(i * 30, 1000 + i * 300);
  EXPECT_DOUBLE_EQ(play.At(180).value_or(0), 10);
}

TEST(QueueSlopes, OneOddCountDoesNotTurnIt) {
  Play play;
  for (int i = 0; i < 7; ++i) play.Beat(i * 30, 1000 + i * 300 - (i == 6 ? 400 : 0));
  EXPECT_GT(play.At(180).value_or(0), 7);
}

TEST(QueueSlopes, IsNotKnownOfOneBeatOrOfAnUnknownHost) {
  Play play;
  EXPECT_FALSE(play.At(0).has_value());
  play.Beat(0, 5);
  EXPECT_FALSE(play.At(0).has_value());
  play.Beat(4, 50);
  EXPECT_FALSE(play.At(4).has_value());
  play.Beat(5, 55);
  EXPECT_TRUE(play.At(5).has_value());
}

TEST(QueueSlopes, LooksBackThreeMinutesAlone) {
  Play play;
  for (int i = 0; i <= 20; ++i) play.Beat(i * 30, i <= 10 ? 100 + i * 1000 : 10'100);
  EXPECT_DOUBLE_EQ(play.At(600).value_or(-1), 0);
}

TEST(QueueSlopes, WhatWasNotCountedIsNoEmptyQueue) {
  Play play;
  play.Beat(0, 1000);
  play.Beat(30, -1);
  play.Beat(60, 1600);
  EXPECT_DOUBLE_EQ(play.At(60).value_or(0), 10);
}

TEST(QueueSlopes, NothingIsKnownOnceNothingIsCounted) {
  Play play;
  play.Beat(0, 1000);
  play.Beat(30, 2000);
  for (int second = 60; second <= 240; second += 30) play.Beat(second, -1);
  EXPECT_FALSE(play.At(240).has_value());
}

TEST(QueueSlopes, AHostThatIsSilentHasNone) {
  Play play;
  play.Beat(0, 1000);
  play.Beat(30, 2000);
  EXPECT_TRUE(play.At(200).has_value());
  EXPECT_FALSE(play.At(211).has_value());
}

TEST(QueueSlopes, AClockThatIsSetBackBeginsAnew) {
  Play play;
  play.Beat(1000, 1000);
  play.Beat(1030, 2000);
  play.slopes.Add("h", kStart, 3000, kStart + absl::Seconds(1060));
  EXPECT_FALSE(play.At(1060).has_value());
  EXPECT_EQ(play.slopes.ClockOffset("h"), absl::Seconds(-1060));
  play.slopes.Add("h", kStart + absl::Seconds(30), 3300, kStart + absl::Seconds(1090));
  EXPECT_DOUBLE_EQ(play.At(1090).value_or(0), 10);
}

TEST(QueueSlopes, ASweptQueueThatRefillsGrows) {
  Play play;
  for (int i = 0; i < 6; ++i) play.Beat(i * 30, 50'000);
  play.Beat(180, 0);
  play.Beat(210, 600);
  EXPECT_DOUBLE_EQ(play.At(210).value_or(0), 20);
}

TEST(QueueSlopes, AFloodOfBeatsTakesNoMemory) {
  Play play;
  for (int i = 0; i < 5000; ++i)
    play.slopes.Add("h", kStart + absl::Milliseconds(i * 20), i,
                    kStart + absl::Milliseconds(i * 20));
  EXPECT_NEAR(play.At(100).value_or(0), 50, 0.001);
}

TEST(QueueSlopes, ForgetsHostsThatAreGone) {
  Play play;
  play.Beat(0, 1000);
  play.Beat(30, 2000);
  play.slopes.Keep([](const std::string& id) { return id != "h"; });
  EXPECT_FALSE(play.At(30).has_value());
  EXPECT_FALSE(play.slopes.ClockOffset("h").has_value());
}

}  // namespace
}  // namespace mailquench::controller
