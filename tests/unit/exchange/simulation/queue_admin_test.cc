// Queues and messages as administrators see and handle them.
#include "tests/unit/exchange/simulation/simulated_world.h"

namespace mailquench::simulation::exchange {
namespace {
using ::testing::HasSubstr;
using ::testing::StartsWith;

class QueueAdmin : public ::testing::Test {
 protected:
  QueueAdmin() : world(1, OpenRelay()) { world.Start(); }
  void Put(const std::string& to, const std::string& subject = "offer") {
    ASSERT_THAT(world.Send(world.Port(), "bot@spam.test", {to}, Text(subject)), StartsWith("250"));
  }
  // The one message of a queue that keeps it.
  Json Waiting() {
    Put(SimulatedWorld::kVictim);
    EXPECT_TRUE(Eventually([&] { return world.CountIn("DnsConnectorDelivery") == 1; }));
    return world.Messages()[0];
  }
  bool Do(const std::string& what, const std::string& key, const Json& identity, Json more = {}) {
    Json request = {{"do", what}, {key, identity}};
    if (more.is_object()) request.update(more);
    last = world.Do(request);
    return BoolIn(last, "ok", false);
  }
  std::string StatusOf(const std::string& subject) {
    for (const Json& one : world.Messages()) {
      if (one["Subject"] == subject) return one["Status"];
    }
    return "gone";
  }
  SimulatedWorld world;
  Json last;
};

TEST_F(QueueAdmin, EachNextHopHasAQueueOfItsOwn) {
  Put("a@one.test");
  Put("b@two.test");
  Put("c@one.test");
  ASSERT_TRUE(
      Eventually([&] { return world.Queues().size() == 3 && world.CountIn("Undefined") == 0; }));
  std::map<std::string, Json> by_hop;
  for (const Json& one : world.Queues()) by_hop[one["NextHopDomain"]] = one;
  EXPECT_EQ(by_hop["one.test"]["MessageCount"], 2);
  EXPECT_EQ(by_hop["two.test"]["MessageCount"], 1);
  EXPECT_NE(by_hop["one.test"]["Identity"], by_hop["two.test"]["Identity"]);
  EXPECT_EQ(by_hop["Submission"]["Identity"], "EX1\\Submission");
  // Two a minute came, none went.
  EXPECT_DOUBLE_EQ(by_hop["one.test"]["IncomingRate"].get<double>(), 2.0 / 60);
  EXPECT_DOUBLE_EQ(by_hop["one.test"]["Velocity"].get<double>(), -2.0 / 60);
  EXPECT_DOUBLE_EQ(by_hop["Submission"]["Velocity"].get<double>(), 0.0);
}

TEST_F(QueueAdmin, AMessageForTwoHopsIsOneInEachQueue) {
  ASSERT_THAT(world.Send(world.Port(), "bot@spam.test", {"a@one.test", "b@two.test"}),
              StartsWith("250"));
  ASSERT_TRUE(Eventually([&] { return world.Messages().size() == 2; }));
  const Json all = world.Messages();
  EXPECT_EQ(all[0]["MessageIdentity"], all[1]["MessageIdentity"]);
  ASSERT_TRUE(Do("remove-message", "message", all[0]["Identity"], {{"ndr", false}}));
  EXPECT_EQ(world.Messages().size(), 1U);
}

TEST_F(QueueAdmin, RemovalIsRefusedInSubmission) {
  world.Tell({{"hold_submission", true}});
  Put(SimulatedWorld::kVictim);
  const Json message = world.Messages()[0];
  EXPECT_THAT(message["Identity"].get<std::string>(), StartsWith("EX1\\Submission\\"));
  EXPECT_FALSE(Do("remove-message", "message", message["Identity"]));
  EXPECT_THAT(TextIn(last, "error"), HasSubstr("Submission"));
  EXPECT_EQ(world.Messages().size(), 1U);
}

TEST_F(QueueAdmin, RemovalTellsTheSenderUnlessTold) {
  ASSERT_TRUE(Do("remove-message", "message", Waiting()["Identity"], {{"ndr", false}}));
  EXPECT_EQ(world.Messages().size(), 0U);
  ASSERT_TRUE(Do("remove-message", "message", Waiting()["Identity"]));
  ASSERT_TRUE(Eventually([&] { return world.Messages().size() == 1; }));
  EXPECT_EQ(world.Messages()[0]["FromAddress"], "<>");
  EXPECT_FALSE(Do("remove-message", "message", "EX1\\1\\999999"));
  EXPECT_FALSE(Do("remove-message", "message", ""));
}

TEST_F(QueueAdmin, ASuspendedQueueKeepsItsMessagesAndTheirStatus) {
  world.Tell({{"hold_submission", true}});
  Put(SimulatedWorld::kAnna);
  ASSERT_TRUE(Do("suspend-queue", "queue", "EX1\\Submission"));
  world.Tell(Json::object());
  absl::SleepFor(absl::Milliseconds(300));
  EXPECT_EQ(StatusOf("offer"), "Ready");
  EXPECT_EQ(world.QueueOf("Undefined")["Status"], "Suspended");
  ASSERT_TRUE(Do("resume-queue", "queue", "EX1\\Submission"));
  EXPECT_TRUE(Eventually([&] { return world.Delivered().size() == 1; }));
}

TEST_F(QueueAdmin, WhatIsInDeliveryFinishes) {
  world.Tell({{"delivery_ms", 1000}});
  Put(SimulatedWorld::kAnna, "first");
  ASSERT_TRUE(Eventually([&] { return StatusOf("first") == "Active"; }));
  const Json queue = world.QueueOf("SmtpDeliveryToMailbox")["Identity"];
  Put(SimulatedWorld::kAnna, "second");
  ASSERT_TRUE(Do("suspend-queue", "queue", queue));
  EXPECT_TRUE(Eventually([&] { return StatusOf("first") == "gone"; }));
  EXPECT_EQ(world.Delivered().size(), 1U);
  EXPECT_TRUE(Eventually([&] { return StatusOf("second") == "Ready"; }));
  world.Tell({{"delivery_ms", 300}});
  absl::SleepFor(absl::Milliseconds(500));
  EXPECT_EQ(StatusOf("second"), "Ready");
}

TEST_F(QueueAdmin, WhatIsRemovedInDeliveryIsPending) {
  world.Tell({{"delivery_ms", 1000}});
  Put(SimulatedWorld::kAnna, "first");
  ASSERT_TRUE(Eventually([&] { return StatusOf("first") == "Active"; }));
  ASSERT_TRUE(Do("remove-message", "message", world.Messages()[0]["Identity"]));
  EXPECT_EQ(StatusOf("first"), "PendingRemove");
  EXPECT_TRUE(Eventually([&] { return StatusOf("first") == "gone"; }));
}

TEST_F(QueueAdmin, ExportWantsASuspendedMessage) {
  const Json message = Waiting();
  EXPECT_FALSE(Do("export-message", "message", message["Identity"]));
  ASSERT_TRUE(Do("suspend-message", "message", message["Identity"]));
  EXPECT_EQ(StatusOf("offer"), "Suspended");
  ASSERT_TRUE(Do("export-message", "message", message["Identity"]));
  EXPECT_THAT(Unbase64(TextIn(last, "eml")), HasSubstr("Subject: offer"));
  EXPECT_EQ(world.Messages().size(), 1U);
  ASSERT_TRUE(Do("resume-message", "message", message["Identity"]));
  EXPECT_EQ(StatusOf("offer"), "Ready");
}

TEST_F(QueueAdmin, ASuspendedMessageSurvivesARestartAndIsNotResubmitted) {
  const Json message = Waiting();
  ASSERT_TRUE(Do("suspend-message", "message", message["Identity"]));
  world.Stop();
  world.Start();
  EXPECT_EQ(StatusOf("offer"), "Suspended");
  const Json queue = world.QueueOf("DnsConnectorDelivery");
  ASSERT_TRUE(Do("retry-queue", "queue", queue["Identity"], {{"resubmit", true}}));
  EXPECT_EQ(world.Messages()[0]["Identity"], message["Identity"]);
}

TEST_F(QueueAdmin, WithoutARouteItIsUnreachableUntilItIsResubmitted) {
  world.Change([](Json& json) { json["send_connectors"] = Json::array(); });
  Put(SimulatedWorld::kVictim);
  ASSERT_TRUE(Eventually([&] { return world.CountIn("Unreachable") == 1; }));
  world.Change([](Json& json) {
    json["send_connectors"].push_back({{"Name", "n"}, {"AddressSpaces", Json::array({"*"})}});
  });
  ASSERT_TRUE(Do("retry-queue", "queue", "EX1\\Unreachable", {{"resubmit", true}}));
  EXPECT_TRUE(Eventually([&] { return world.CountIn("DnsConnectorDelivery") == 1; }));
}

TEST_F(QueueAdmin, PoisonIsSuspendedAlways) {
  ASSERT_THAT(world.Send(world.Port(), "b@spam.test", {SimulatedWorld::kAnna},
                         "X-Sim-Poison: yes\r\n" + Text("poison")),
              StartsWith("250"));
  ASSERT_TRUE(Eventually([&] { return StatusOf("poison") == "Suspended"; }));
  EXPECT_FALSE(Do("suspend-queue", "queue", "EX1\\Poison"));
  EXPECT_FALSE(Do("retry-queue", "queue", "EX1\\Poison", {{"resubmit", true}}));
}

TEST_F(QueueAdmin, WhatIsNotUnderstoodIsSaid) {
  EXPECT_FALSE(BoolIn(world.Do({{"do", "dance"}}), "ok", true));
  EXPECT_FALSE(BoolIn(world.Do({{"do", "suspend-queue"}, {"queue", "EX1\\99"}}), "ok", true));
  EXPECT_FALSE(BoolIn(world.Do({{"do", "discard"}}), "ok", true));
}

}  // namespace
}  // namespace mailquench::simulation::exchange
