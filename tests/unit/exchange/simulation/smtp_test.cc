// Mail into, through and out of a simulated server.
#include "tests/unit/exchange/simulation/simulated_world.h"

namespace mailquench::simulation::exchange {
namespace {
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr char kAnna[] = "anna@contoso.test";
constexpr char kVictim[] = "x@victim.test";

Json& Connectors(Json& json) {
  return json["servers"]["EX1"]["receive_connectors"];
}

TEST(Smtp, MailForAMailboxIsDeliveredThroughTheFrontEnd) {
  SimulatedWorld world;
  world.Start();
  EXPECT_THAT(world.Send(world.Port(), "a@b.test", {kAnna}), StartsWith("250 2.6.0"));
  ASSERT_TRUE(Eventually([&] { return world.Delivered().size() == 1; }));
  EXPECT_THAT(world.Delivered()[0], StartsWith("anna@contoso.test-"));
  EXPECT_THAT(SimulatedWorld::Read(SimFile(world.dir, "EX1", "delivered/" + world.Delivered()[0])),
              HasSubstr("Subject: offer"));
}

TEST(Smtp, StrangersRelayOnlyWhereAnEntryLetsThem) {
  SimulatedWorld world;
  world.Start();
  EXPECT_THAT(world.Send(world.Port(), "a@b.test", {kVictim}), StartsWith("550 5.7.54"));
  world.Change([](Json& json) {
    Connectors(json)[0]["Permissions"].push_back(
        {{"User", "NT AUTHORITY\\ANONYMOUS LOGON"},
         {"ExtendedRights", Json::array({"ms-Exch-SMTP-Accept-Any-Recipient"})}});
  });
  EXPECT_THAT(world.Send(world.Port(), "a@b.test", {kVictim}), StartsWith("250"));
  EXPECT_THAT(world.Send(world.plan.servers[0].hub_port, "a@b.test", {kAnna}),
              StartsWith("530 5.7.57"));
}

TEST(Smtp, WhoLogsInRelaysOnTheClientConnector) {
  SimulatedWorld world;
  world.Start();
  const int client = world.plan.servers[0].client_port;
  EXPECT_THAT(world.Send(client, kAnna, {kVictim}, Text(), kAnna), StartsWith("250"));
  EXPECT_THAT(world.Send(client, kAnna, {kVictim}), StartsWith("530"));
  EXPECT_THAT(world.Send(client, kAnna, {kVictim}, Text(), "bob@contoso.test"), StartsWith("535"));
  EXPECT_THAT(world.Send(world.Port(), kAnna, {kVictim}, Text(), kAnna), StartsWith("504"));
  world.Change([](Json& json) { Connectors(json)[2]["PermissionGroups"] = "ExchangeServers"; });
  EXPECT_THAT(world.Send(client, kAnna, {kVictim}, Text(), kAnna), StartsWith("550 5.7.1"));
}

TEST(Smtp, AnInactiveComponentTakesNothing) {
  for (const char* component : {"FrontendTransport", "ServerWideOffline"}) {
    SimulatedWorld world;
    world.Start();
    world.Change([&](Json& json) {
      json["servers"]["EX1"]["components"][component] = {{"Maintenance", "Inactive"}};
    });
    EXPECT_EQ(world.Send(world.Port(), "a@b.test", {kAnna}), "421 4.3.2 Service not active");
  }
  SimulatedWorld world;
  world.Start();
  SimulatedWorld::Write(SimFile(world.dir, "EX1", "registry.json"),
                        R"({"components": {"HubTransport": {"Maintenance": "Inactive"}}})");
  EXPECT_THAT(world.Send(world.Port(), "a@b.test", {kAnna}), StartsWith("451 4.7.0"));
  EXPECT_EQ(world.Send(world.plan.servers[0].hub_port, "a@b.test", {kAnna}),
            "421 4.3.2 Service not active");
}

TEST(Smtp, ALockThatTakesTheServersOutStopsTheFlowWithin) {
  SimulatedWorld world;
  world.Start();
  world.Change([](Json& json) { Connectors(json)[1]["AuthMechanism"] = "Tls"; });
  EXPECT_THAT(world.Send(world.Port(), "a@b.test", {kAnna}), StartsWith("451 4.7.0"));
}

TEST(Smtp, ADisabledConnectorDoesNotListen) {
  SimulatedWorld world;
  world.Start();
  world.Change([](Json& json) { Connectors(json)[0]["Enabled"] = false; });
  EXPECT_TRUE(
      Eventually([&] { return world.Send(world.Port(), "a@b.test", {kAnna}) == "no connection"; }));
  world.Change([](Json& json) { Connectors(json)[0]["Enabled"] = true; });
  EXPECT_TRUE(Eventually([&] { return IsGood(world.Send(world.Port(), "a@b.test", {kAnna})); }));
}

TEST(Smtp, TooManyRecipients) {
  SimulatedWorld world;
  world.Start();
  const std::vector<std::string> many(201, kAnna);
  EXPECT_THAT(world.Send(world.Port(), "a@b.test", many), StartsWith("452 4.5.3"));
}

TEST(Smtp, BackPressureRefuses) {
  SimulatedWorld world;
  world.Start();
  world.Tell({{"hold_submission", true}, {"submission_medium", 2}, {"submission_high", 3}});
  for (int i = 0; i < 3; ++i)
    ASSERT_THAT(world.Send(world.Port(), "a@b.test", {kAnna}), StartsWith("250"));
  EXPECT_EQ(world.Send(world.Port(), "a@b.test", {kAnna}),
            "452 4.3.1 Insufficient system resources");
  const Json submit = {
      {"do", "submit"}, {"from", kAnna}, {"to", Json::array({kAnna})}, {"eml", Text()}};
  EXPECT_EQ(world.Do(submit)["ok"], true);  // From inside it takes the high level.
  EXPECT_EQ(world.Do(submit)["ok"], false);
  SimulatedWorld::Write(world.Folder("TransportRoles/Pickup/a.eml"), Text());
  absl::SleepFor(absl::Milliseconds(500));
  EXPECT_THAT(SimulatedWorld::Names(world.Folder("TransportRoles/Pickup")),
              ::testing::ElementsAre("a.eml"));
  world.Tell({{"min_free_bytes", std::int64_t{1} << 60}});
  ASSERT_TRUE(Eventually([&] { return world.CountIn("Undefined") == 0; }));
  EXPECT_THAT(world.Send(world.Port(), "a@b.test", {kAnna}), StartsWith("452 4.3.1"));
  world.Tell(Json::object());
  EXPECT_THAT(world.Send(world.Port(), "a@b.test", {kAnna}), StartsWith("250"));
}

TEST(Smtp, ATransportRuleRejectsASenderOnEveryWay) {
  SimulatedWorld world;
  world.Start();
  world.Change([](Json& json) {
    json["transport_rules"].push_back({{"Name", "block"},
                                       {"State", "Enabled"},
                                       {"From", Json::array({"Bot@spam.test", kAnna})},
                                       {"RejectMessageReasonText", "incident 7"}});
  });
  ASSERT_THAT(world.Send(world.Port(), "bot@spam.test", {kAnna}, Text("x", "bot@spam.test")),
              StartsWith("250"));
  ASSERT_EQ(world.Do({{"do", "submit"},
                      {"from", kAnna},
                      {"to", Json::array({kVictim})},
                      {"eml", Text("y", kAnna)}})["ok"],
            true);
  // Anna is told why; outside, the notification waits for a route.
  ASSERT_TRUE(Eventually([&] { return world.Delivered().size() == 1; }));
  EXPECT_THAT(SimulatedWorld::Read(SimFile(world.dir, "EX1", "delivered/" + world.Delivered()[0])),
              HasSubstr("incident 7"));
  ASSERT_TRUE(Eventually([&] { return world.Messages().size() == 1; }));
  EXPECT_EQ(world.Messages()[0]["FromAddress"], "<>");
}

TEST(Ndr, GoesOutOnlyWhereTheRemoteDomainLetsIt) {
  SimulatedWorld world;
  world.Start();
  const auto unknown = [&](const std::string& from) {
    ASSERT_THAT(world.Send(world.Port(), from, {"nobody@contoso.test"}), StartsWith("250"));
    ASSERT_TRUE(Eventually([&] { return world.CountIn("Undefined") == 0; }));
  };
  unknown("bot@spam.test");
  ASSERT_TRUE(Eventually([&] { return world.Messages().size() == 1; }));
  const Json notice = world.Messages()[0];
  EXPECT_EQ(notice["MessageSourceName"], "DSN");
  EXPECT_EQ(notice["Subject"], "Undeliverable: offer");
  EXPECT_EQ(notice["Recipients"][0]["Address"], "bot@spam.test");
  world.Change([](Json& json) {
    json["remote_domains"][0]["NDREnabled"] = false;
    json["remote_domains"].push_back({{"DomainName", "*.spam.test"}, {"NDREnabled", true}});
  });
  unknown("bot@other.test");
  EXPECT_EQ(world.Messages().size(), 1U);
  unknown("bot@sub.spam.test");  // The special row still lets them out.
  ASSERT_TRUE(Eventually([&] { return world.Messages().size() == 2; }));
  world.Change([](Json& json) { json["remote_domains"][1]["NDREnabled"] = false; });
  unknown("bot@sub.spam.test");
  EXPECT_EQ(world.Messages().size(), 2U);
  unknown("");  // No notification about a notification.
  EXPECT_EQ(world.Messages().size(), 2U);
}

TEST(Outside, GoesToTheSmartHostOrWaits) {
  SimulatedWorld sink;  // Another organisation that takes what is for its anna.
  sink.Start();
  SimulatedWorld world(1, [] {
    WorldPlan plan;
    plan.domain = "fabrikam.test";
    plan.mailboxes = {"fred@fabrikam.test"};
    plan.open_relay = true;
    plan.smart_host = "127.0.0.1:1";
    return plan;
  }());
  world.Start();
  ASSERT_THAT(world.Send(world.Port(), "bot@spam.test", {kAnna, kVictim}), StartsWith("250"));
  ASSERT_TRUE(Eventually([&] {
    const Json queue = world.QueueOf("SmartHostConnectorDelivery");
    return !queue.is_null() && queue["Status"] == "Retry";
  }));
  Json queue = world.QueueOf("SmartHostConnectorDelivery");
  EXPECT_EQ(queue["NextHopDomain"], "127.0.0.1:1");
  EXPECT_EQ(queue["NextHopCategory"], "External");
  EXPECT_THAT(queue["LastError"].get<std::string>(), HasSubstr("Unable to connect"));
  EXPECT_FALSE(queue["NextRetryTime"].is_null());
  EXPECT_EQ(queue["MessageCount"], 1);
  EXPECT_THAT(sink.Delivered(), IsEmpty());
  world.Change([&](Json& json) {
    json["send_connectors"][0]["SmartHosts"] =
        Json::array({absl::StrCat("127.0.0.1:", sink.Port())});
  });
  ASSERT_EQ(
      world.Do({{"do", "retry-queue"}, {"queue", queue["Identity"]}, {"resubmit", true}})["ok"],
      true);
  ASSERT_TRUE(Eventually([&] { return sink.Delivered().size() == 1; }));
  // The other recipient was refused there: its sender hears of it, at the sink, which refuses him.
  EXPECT_TRUE(Eventually([&] { return world.CountIn("SmartHostConnectorDelivery") == 0; }));
}

}  // namespace
}  // namespace mailquench::simulation::exchange
