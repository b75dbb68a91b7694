// What the mail system itself says of its queues' velocity.
#include <gmock/gmock.h>

#include "tests/unit/operations/rig.h"

namespace mailquench::agent {
namespace {

TEST(WatchVelocity, ThatIsBelowZeroForLongIsARefillThoughTheCountStandsStill) {
  Rig rig;
  rig.mail->velocities = {0, 0, -1.0, -1.2, -1.0};  // 60 a minute and more.
  const auto report = rig.Do("w", "queue.watch");
  EXPECT_EQ(report.result().queue_watch().verdict(), v1::WATCH_VERDICT_REFILLING);
  EXPECT_EQ(report.result().queue_watch().samples(3).velocity(), -1.2);
  EXPECT_EQ(report.result().queue_watch().behind_size(), 1);
}

TEST(WatchVelocity, OnceBelowZeroOrSlowOrDrainingIsNone) {
  for (const std::vector<double>& velocities :
       std::vector<std::vector<double>>{{-9, -9, -9, -9, 0},
                                        {0, 0, 0, 0, -9},
                                        {-0.9, -0.9, -0.9, -0.9, -0.9},
                                        {5, 5, 5, 5, 5},
                                        {-9, -9}}) {  // Then it says nothing more.
    Rig rig;
    rig.mail->velocities = velocities;
    EXPECT_EQ(rig.Do("w", "queue.watch").result().queue_watch().verdict(), v1::WATCH_VERDICT_QUIET);
  }
}

TEST(WatchVelocity, CountsAgainstTheLimitThatWasAskedFor) {
  Rig rig;
  rig.mail->velocities = {-0.2, -0.2, -0.2, -0.2, -0.2};
  EXPECT_EQ(
      rig.Do("w", "queue.watch", R"({"refillPerMinute":12})").result().queue_watch().verdict(),
      v1::WATCH_VERDICT_REFILLING);
}

TEST(WatchVelocity, IsAbsentWhereTheMailSystemSaysNone) {
  Rig rig;
  const auto report = rig.Do("w", "queue.watch");
  EXPECT_FALSE(report.result().queue_watch().samples(0).has_velocity());
}

}  // namespace
}  // namespace mailquench::agent
