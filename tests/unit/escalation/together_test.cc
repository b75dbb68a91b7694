// A decision is one change of the store, in which others are waited for that may want the store.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/unit/escalation/escalation_fixture.h"

namespace mailquench::controller {
namespace {

using TogetherTest = EscalationTest;

TEST_F(TogetherTest, ADecisionAndWhoeverWritesWaitForNobodyForEver) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> others;
  others.emplace_back([&] {
    while (!stop) EXPECT_TRUE(core_->Audit("ann", "test", "{}").ok());
  });
  others.emplace_back([&] {
    while (!stop) core_->events().OnConnected("c", v1::Hello());
  });
  for (int i = 0; i < 20; ++i) {
    v1::Alert alert = Alert("Maybe", "mx-a");
    alert.set_fingerprint(std::to_string(i));
    alert.set_group_key(std::to_string(i));
    alert.clear_alert_key();
    EXPECT_TRUE(Complete("am", clock_.now_, &alert).ok());
    Raise({alert});
  }
  stop = true;
  for (std::thread& one : others) one.join();
  EXPECT_FALSE(All().empty());
  EXPECT_TRUE(core_->VerifyAudit()->intact());
}

}  // namespace
}  // namespace mailquench::controller
