// egress.set: a change like every other, and what a restore says of it.
#include <gmock/gmock.h>

#include "common/status/error.h"
#include "tests/unit/operations/rig.h"

namespace mailquench::agent {
namespace {
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kThrough[] = R"({"smarthost":"relay.example.net"})";

TEST(Egress, IsSetRecordedAndPutBack) {
  Rig rig;
  const auto planned = rig.executor->Plan(rig.Make("p", "egress.set", kThrough));
  EXPECT_THAT(planned.plan().steps(), Contains(HasSubstr("way out")));
  EXPECT_THAT(planned.plan().warnings(), Contains(HasSubstr("goes through relay.example.net")));
  EXPECT_EQ(planned.plan().preview().egress_set().settings_size(), 1);
  EXPECT_EQ(rig.mail->Get("egress"), "direct\n");
  const auto report = rig.Do("e", "egress.set", kThrough);
  ASSERT_EQ(report.outcome(), v1::OUTCOME_SUCCEEDED) << report.DebugString();
  EXPECT_EQ(report.result().egress_set().snapshot_id(), "e.egress");
  EXPECT_EQ(rig.mail->Get("egress"), "relay.example.net\n");
  EXPECT_EQ(rig.Do("e", "egress.set", kThrough).outcome(), v1::OUTCOME_SUCCEEDED) << "a repeat";
  EXPECT_EQ(rig.Do("e2", "egress.set", kThrough).outcome(), v1::OUTCOME_UNCHANGED);
  EXPECT_EQ(rig.journal->Outstanding()->size(), 1u);
  EXPECT_EQ(rig.Do("r", "restore").result().restore().put_back(), 1);
  EXPECT_EQ(rig.mail->Get("egress"), "direct\n");
}

TEST(Egress, ARestoreOfAllWarnsThatMailLeavesAsBefore) {
  Rig rig;
  rig.Do("l", "relay.lock", R"({"mode":"RELAY_MODE_CLOSED"})");
  EXPECT_THAT(rig.executor->Plan(rig.Make("p", "restore")).plan().warnings(),
              Not(Contains(HasSubstr("way out"))));
  rig.Do("e", "egress.set", kThrough);
  EXPECT_THAT(rig.executor->Plan(rig.Make("p2", "restore")).plan().warnings(),
              Contains(HasSubstr("also puts back the way out")));
  const auto lock = rig.executor->Plan(rig.Make("p3", "restore", R"({"snapshotIds":["l.lock"]})"));
  EXPECT_THAT(lock.plan().warnings(), Not(Contains(HasSubstr("way out"))));
  rig.Do("r", "restore", R"({"snapshotIds":["l.lock"]})");
  EXPECT_EQ(rig.mail->Get("egress"), "relay.example.net\n");
  EXPECT_EQ(rig.journal->Outstanding()->size(), 1u);
}

}  // namespace
}  // namespace mailquench::agent
