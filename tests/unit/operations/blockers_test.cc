// mail.blockers through the executor.
#include <gmock/gmock.h>

#include "common/status/error.h"
#include "tests/unit/operations/rig.h"

namespace mailquench::agent {
namespace {

TEST(Blockers, CountsTheRepliesOfTheWindowAndObservesAlone) {
  Rig rig;
  const absl::Time now = rig.clock.Now();
  rig.mail->replies = {
      {now - absl::Hours(30), "mx.old.test", "192.0.2.1", "550 5.7.1 block list (S3140)", true},
      {now - absl::Hours(2), "mx.a.test", "192.0.2.1", "550 5.7.1 block list (S3140)", true},
      {now - absl::Hours(1), "mx.a.test", "192.0.2.1", "450 4.2.0 mailbox busy", false}};
  const auto day = rig.Do("c1", "mail.blockers");
  ASSERT_EQ(day.outcome(), v1::OUTCOME_SUCCEEDED) << day.DebugString();
  ASSERT_EQ(day.result().mail_blockers().blockers_size(), 1);
  EXPECT_EQ(day.result().mail_blockers().blockers(0).rejected(), 1);
  EXPECT_EQ(day.result().mail_blockers().replies(), 2);
  EXPECT_EQ(day.result().mail_blockers().other(), 0);
  const auto longer = rig.Do("c2", "mail.blockers", R"({"window":"172800s"})");
  EXPECT_EQ(longer.result().mail_blockers().blockers(0).rejected(), 2);
  for (const char* window : {R"({"window":"59s"})", R"({"window":"2592001s"})"}) {
    const auto bad = rig.Do(window, "mail.blockers", window);
    EXPECT_EQ(bad.outcome(), v1::OUTCOME_REFUSED);
    EXPECT_EQ(ReasonOf(FromProto(bad.error())), "BAD_WINDOW");
  }
}

}  // namespace
}  // namespace mailquench::agent
