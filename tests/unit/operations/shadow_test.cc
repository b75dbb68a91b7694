// shadow.suspend: a change like every other.
#include <gmock/gmock.h>

#include "common/status/error.h"
#include "tests/unit/operations/rig.h"

namespace mailquench::agent {
namespace {

TEST(Shadow, IsSuspendedRecordedAndPutBack) {
  Rig rig;
  rig.mail->organisation_wide = true;
  const auto planned = rig.executor->Plan(rig.Make("s", "shadow.suspend"));
  EXPECT_THAT(planned.plan().steps(), ::testing::Contains(::testing::HasSubstr("shadow copies")));
  EXPECT_THAT(planned.plan().warnings(),
              ::testing::Contains(::testing::HasSubstr("First Organization")));
  EXPECT_EQ(rig.mail->Get("shadow"), "on\n");
  const auto report = rig.Do("s", "shadow.suspend");
  ASSERT_EQ(report.outcome(), v1::OUTCOME_SUCCEEDED) << report.DebugString();
  EXPECT_EQ(report.result().shadow_suspend().snapshot_id(), "s.shadow");
  EXPECT_EQ(report.result().shadow_suspend().organisation(), "First Organization");
  EXPECT_EQ(rig.mail->Get("shadow"), "off\n");
  EXPECT_EQ(rig.Do("s2", "shadow.suspend").outcome(), v1::OUTCOME_UNCHANGED)
      << "a second host records nothing as the original";
  EXPECT_EQ(rig.journal->Outstanding()->size(), 1u);
  EXPECT_EQ(rig.Do("r", "restore").result().restore().put_back(), 1);
  EXPECT_EQ(rig.mail->Get("shadow"), "on\n");
}

TEST(Shadow, IsRefusedWhereServersKeepNoCopiesAndWhereTheHostDoesNotAllowIt) {
  Rig rig;
  EXPECT_EQ(rig.Do("s", "shadow.suspend").outcome(), v1::OUTCOME_REFUSED);
  EXPECT_TRUE(rig.executor->Plan(rig.Make("p", "shadow.suspend")).has_refused());
  rig.mail->organisation_wide = true;
  rig.Open({"contain"});
  EXPECT_EQ(ReasonOf(FromProto(rig.Do("s3", "shadow.suspend").error())), "NOT_ALLOWED_HERE");
  EXPECT_EQ(rig.mail->Get("shadow"), "on\n");
}

}  // namespace
}  // namespace mailquench::agent
