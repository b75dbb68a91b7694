// A server that its firewall cuts off, and one whose delivery into mailboxes stands still.
#include "tests/unit/exchange/simulation/simulated_world.h"

namespace mailquench::simulation::exchange {
namespace {
using ::testing::StartsWith;

TEST(Isolation, AnOutboundRuleKeepsMailInRetryUnlessTheFirewallIsIgnored) {
  WorldPlan plan = OpenRelay();
  plan.smart_host = "127.0.0.1:1";
  SimulatedWorld world(1, plan);
  const auto cut = [&](bool enabled, const std::string& port) {
    world.Change([&](Json& all) {
      all["servers"]["EX1"]["firewall"] =
          Json::array({{{"Program", "C:\\X\\Bin\\EdgeTransport.exe"},
                        {"Direction", "Outbound"},
                        {"Action", "Block"},
                        {"RemotePort", {"465", port}},
                        {"Enabled", enabled}}});
    });
  };
  const auto says = [&](const std::string& error) {
    return Eventually([&] {
      const Json queue = world.QueueOf("SmartHostConnectorDelivery");
      return !queue.is_null() && queue["Status"] == "Retry" &&
             absl::StrContains(queue["LastError"].get<std::string>(), error);
    });
  };
  cut(true, "25");
  world.Start();
  ASSERT_THAT(world.Send(world.Port(), "bot@spam.test", {SimulatedWorld::kVictim}),
              StartsWith("250"));
  EXPECT_TRUE(says("10013"));
  cut(false, "25");
  EXPECT_TRUE(says("failover"));
  cut(true, "25");
  EXPECT_TRUE(says("10013"));
  cut(true, "443");
  EXPECT_TRUE(says("failover"));
  cut(true, "25");
  EXPECT_TRUE(says("10013"));
  world.Tell({{"firewall_ignored", true}});
  EXPECT_TRUE(says("failover"));
}

TEST(Isolation, WhileDeliveryIsStoppedMailForMailboxesWaits) {
  SimulatedWorld world;
  world.Start();
  ASSERT_TRUE(world.On("EX1").Stop(kDeliveryService, absl::Now() + absl::Seconds(20), Calm).ok());
  ASSERT_THAT(world.Send(world.Port(), "friend@good.test", {SimulatedWorld::kAnna}),
              StartsWith("250"));
  EXPECT_TRUE(Eventually([&] {
    for (const Json& one : world.Queues()) {
      if (one["Status"] == "Retry" &&
          absl::StrContains(one["LastError"].get<std::string>(), kDeliveryService))
        return true;
    }
    return false;
  }));
  EXPECT_TRUE(world.Delivered().empty());
  ASSERT_TRUE(world.On("EX1").Start(kDeliveryService, absl::Now() + absl::Seconds(20), Calm).ok());
  EXPECT_TRUE(Eventually([&] { return world.Delivered().size() == 1; }));
}

}  // namespace
}  // namespace mailquench::simulation::exchange
