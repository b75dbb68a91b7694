// Shadow redundancy, and the trap in it: a host that comes back with another queue database gets
// its mail again from whoever has the copies.
#include "tests/unit/exchange/simulation/simulated_world.h"

namespace mailquench::simulation::exchange {
namespace {
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Shadow : public ::testing::Test {
 protected:
  Shadow() : world(2, OpenRelay()) {
    world.Start("EX1");
    world.Start("EX2");
  }
  void Attack(int messages) {
    for (int i = 0; i < messages; ++i)
      ASSERT_THAT(world.Send(world.Port(0), "bot@spam.test", {SimulatedWorld::kVictim}),
                  StartsWith("250"));
    ASSERT_TRUE(Eventually([&] { return world.CountIn("DnsConnectorDelivery") == messages; }));
    ASSERT_EQ(world.CountIn("ShadowRedundancy", "EX2"), messages);
  }
  void SetQueueAside(const std::string& server) {
    std::filesystem::rename(world.QueueFolder(server), world.dir + "/aside-" + server);
  }
  int Resubmitted(const std::string& server) {
    return Json::parse(
        SimulatedWorld::Read(SimFile(world.dir, server, "transport.json")))["resubmitted"];
  }
  // Several heartbeats, each of which would have shown it.
  static void LetHeartsBeat() { absl::SleepFor(absl::Milliseconds(1200)); }
  SimulatedWorld world;
};

TEST_F(Shadow, ACopyIsHeldUntilTheMessageIsDelivered) {
  world.Tell({{"hold_submission", true}});
  ASSERT_THAT(world.Send(world.Port(0), "bot@spam.test", {SimulatedWorld::kAnna}),
              StartsWith("250"));
  ASSERT_EQ(world.CountIn("ShadowRedundancy", "EX2"), 1);
  const Json queue = world.QueueOf("ShadowRedundancy", "EX2");
  EXPECT_THAT(queue["Identity"].get<std::string>(), StartsWith("EX2\\Shadow\\"));
  EXPECT_EQ(queue["NextHopDomain"], "EX1");
  LetHeartsBeat();
  EXPECT_EQ(world.CountIn("ShadowRedundancy", "EX2"), 1);
  world.Tell(Json::object());
  EXPECT_TRUE(Eventually([&] { return world.CountIn("ShadowRedundancy", "EX2") == 0; }));
  EXPECT_EQ(world.Delivered("EX1").size(), 1U);
  EXPECT_EQ(Resubmitted("EX2"), 0);
}

TEST_F(Shadow, SwappingOneHostBringsTheSpamBack) {
  Attack(5);
  world.Stop("EX1");
  SetQueueAside("EX1");
  world.Start("EX1");
  EXPECT_EQ(world.CountIn("DnsConnectorDelivery", "EX1"), 0);
  EXPECT_TRUE(Eventually([&] { return world.CountIn("DnsConnectorDelivery", "EX2") == 5; }));
  EXPECT_EQ(Resubmitted("EX2"), 5);
  EXPECT_EQ(world.CountIn("ShadowRedundancy", "EX2"), 0);
}

TEST_F(Shadow, SwappingAllWhileAllAreStoppedDoesNot) {
  Attack(5);
  world.Stop("EX1");
  world.Stop("EX2");
  SetQueueAside("EX1");
  SetQueueAside("EX2");
  world.Start("EX1");
  world.Start("EX2");
  LetHeartsBeat();
  for (const char* server : {"EX1", "EX2"}) {
    EXPECT_EQ(world.Messages(server).size(), 0U) << server;
    EXPECT_EQ(Resubmitted(server), 0) << server;
  }
}

TEST_F(Shadow, WithoutShadowRedundancyNothingIsCopied) {
  world.Change([](Json& json) { json["transport_config"]["ShadowRedundancyEnabled"] = false; });
  ASSERT_THAT(world.Send(world.Port(0), "bot@spam.test", {SimulatedWorld::kVictim}),
              StartsWith("250"));
  EXPECT_EQ(world.CountIn("ShadowRedundancy", "EX2"), 0);
}

TEST_F(Shadow, ARestartWithTheSameDatabaseIsNoReason) {
  Attack(3);
  world.Stop("EX1");
  world.Start("EX1");
  LetHeartsBeat();
  EXPECT_EQ(Resubmitted("EX2"), 0);
  EXPECT_EQ(world.CountIn("ShadowRedundancy", "EX2"), 3);
  // The holder's restart keeps its copies, too.
  world.Stop("EX2");
  world.Start("EX2");
  EXPECT_EQ(world.CountIn("ShadowRedundancy", "EX2"), 3);
}

TEST_F(Shadow, SilenceForTooLongIsAReason) {
  Attack(2);
  world.Stop("EX1");
  LetHeartsBeat();
  EXPECT_EQ(Resubmitted("EX2"), 0);
  world.Change(
      [](Json& json) { json["transport_config"]["ShadowResubmitTimeSpan"] = "00:00:00.5"; });
  EXPECT_TRUE(Eventually([&] { return Resubmitted("EX2") == 2; }));
}

TEST_F(Shadow, AMessageThatNobodyCanCopyIsRefusedWhereThatIsTold) {
  world.Stop("EX2");
  EXPECT_THAT(world.Send(world.Port(0), "a@b.test", {SimulatedWorld::kAnna}), StartsWith("250"));
  world.Change([](Json& json) { json["transport_config"]["RejectMessageOnShadowFailure"] = true; });
  EXPECT_THAT(world.Send(world.Port(0), "a@b.test", {SimulatedWorld::kAnna}),
              HasSubstr("450 4.5.1"));
}

}  // namespace
}  // namespace mailquench::simulation::exchange
