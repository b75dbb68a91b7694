// The Pickup and Replay folders of a simulated server.
#include "tests/unit/exchange/simulation/simulated_world.h"

namespace mailquench::simulation::exchange {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kReplayed[] =
    "X-Sender: <bot@spam.test>\r\nX-Receiver: <anna@contoso.test>\r\nX-CreatedBy: MSExchange15\r\n"
    "From: <boss@contoso.test>\r\nTo: <all@contoso.test>\r\nSubject: again\r\n\r\nbody\r\n";

class Folders : public ::testing::Test {
 protected:
  std::string Pickup(const std::string& name = "") {
    return world.Folder("TransportRoles/Pickup/" + name);
  }
  std::string Replay(const std::string& name = "") {
    return world.Folder("TransportRoles/Replay/" + name);
  }
  std::string OnlyDelivered() {
    EXPECT_TRUE(Eventually([&] { return world.Delivered().size() == 1; }));
    const auto all = world.Delivered();
    return all.empty() ? ""
                       : SimulatedWorld::Read(SimFile(world.dir, "EX1", "delivered/" + all[0]));
  }
  SimulatedWorld world;
};

TEST_F(Folders, PickupGoesByItsHeader) {
  world.Start();
  SimulatedWorld::Write(Pickup("a.EML"),
                        "From: a@b.test\r\nTo: Anna <anna@contoso.test>\r\nSubject: p\r\n\r\nx");
  EXPECT_THAT(OnlyDelivered(), HasSubstr("Subject: p"));
  EXPECT_TRUE(Eventually([&] { return SimulatedWorld::Names(Pickup()).empty(); }));
}

TEST_F(Folders, ReplayGoesByItsEnvelope) {
  world.Start();
  SimulatedWorld::Write(Replay("r.eml"), kReplayed);
  const std::string text = OnlyDelivered();
  EXPECT_THAT(text, HasSubstr("Subject: again"));
  EXPECT_THAT(text, Not(HasSubstr("X-Receiver")));
  EXPECT_THAT(world.Delivered()[0], ::testing::StartsWith("anna@contoso.test-"));
}

TEST_F(Folders, WhatIsNoMessageIsBad) {
  SimulatedWorld::Write(Pickup("no.eml"), "Subject: to nobody\r\n\r\nx");
  SimulatedWorld::Write(Replay("no.eml"), "From: a@b.test\r\nTo: anna@contoso.test\r\n\r\nx");
  SimulatedWorld::Write(Replay("note.txt"), kReplayed);
  world.Start();
  EXPECT_TRUE(Eventually([&] { return std::filesystem::exists(Pickup("no.bad")); }));
  EXPECT_TRUE(Eventually([&] { return std::filesystem::exists(Replay("no.bad")); }));
  EXPECT_THAT(SimulatedWorld::Names(Replay()), ElementsAre("no.bad", "note.txt"));
  EXPECT_THAT(world.Delivered(), IsEmpty());
}

TEST_F(Folders, XHeadersCountUntilTheirMarkOrTheFirstRegularField) {
  world.Change([](Json& json) {
    json["mailboxes"].push_back(
        {{"UserPrincipalName", "boss@contoso.test"}, {"PrimarySmtpAddress", "boss@contoso.test"}});
  });
  world.Start();
  const std::string ours = "X-Sender: <bot@spam.test>\r\nX-Receiver: <anna@contoso.test>\r\n";
  const std::string rest = "From: <q@q.test>\r\nX-Receiver: <boss@contoso.test>\r\n\r\nbody\r\n";
  const std::string more = "X-Receiver:\r\n <boss@contoso.test>\r\n";
  SimulatedWorld::Write(Replay("marked.eml"),
                        ours + "X-EndOfInjectedXHeaders: 60\r\n" + more + rest);
  const std::string text = OnlyDelivered();
  EXPECT_THAT(text, HasSubstr("\r\nX-Receiver:\r\n <boss@contoso.test>\r\nFrom: "));
  EXPECT_THAT(world.Delivered()[0], ::testing::StartsWith("anna@contoso.test-"));
  // Without it, also behind an X-header that is none of Replay's: who writes no mark is bitten.
  SimulatedWorld::Write(Replay("unmarked.eml"), ours + "X-Mailer: m\r\n" + more + rest);
  EXPECT_TRUE(Eventually([&] { return world.Delivered().size() == 3; }));
}

TEST_F(Folders, WhatTheDocumentsForbidIsBad) {
  const std::string body = "Subject: x\r\n\r\nbody\r\n";
  const std::string sender = "X-Sender: <bot@spam.test>\r\n",
                    receiver = "X-Receiver: <anna@contoso.test>\r\n";
  SimulatedWorld::Write(Replay("two.eml"), sender + sender + receiver + body);
  SimulatedWorld::Write(Replay("nobody.eml"), sender + "X-Receiver: <>\r\n" + body);
  SimulatedWorld::Write(Replay("blank.eml"), sender + receiver + "X-CreatedBy: \r\n" + body);
  SimulatedWorld::Write(Replay("late.eml"), "From: a@b.test\r\n" + sender + receiver + body);
  SimulatedWorld::Write(Replay("endless.eml"), sender + receiver + "Subject: x\r\n");
  SimulatedWorld::Write(Replay("two.bad"), "older");
  world.Start();
  EXPECT_TRUE(Eventually([&] {
    const auto names = SimulatedWorld::Names(Replay());
    return names.size() == 6 && std::all_of(names.begin(), names.end(), [](const auto& name) {
             return absl::EndsWith(name, ".bad");
           });
  }));
  EXPECT_EQ("older", SimulatedWorld::Read(Replay("two.bad")));
  EXPECT_THAT(world.Delivered(), IsEmpty());
}

TEST_F(Folders, WhatARunningServiceFindsAsTmpIsNobodys) {
  world.Start();
  SimulatedWorld::Write(Replay("draft.tmp"), kReplayed);
  SimulatedWorld::Write(Replay("whole.eml"), kReplayed);
  (void)OnlyDelivered();
  EXPECT_THAT(SimulatedWorld::Names(Replay()), ElementsAre("draft.tmp"));
}

TEST_F(Folders, WhatAKilledServiceHadTakenIsTakenAgain) {
  SimulatedWorld::Write(Replay("half.tmp"), kReplayed);
  world.Start();
  EXPECT_THAT(OnlyDelivered(), HasSubstr("again"));
  EXPECT_TRUE(Eventually([&] { return SimulatedWorld::Names(Replay()).empty(); }));
}

TEST_F(Folders, AStoppedOrInactiveTransportTakesNothing) {
  world.Change([](Json& json) {
    json["servers"]["EX1"]["components"]["HubTransport"] = {{"Maintenance", "Inactive"}};
  });
  world.Start();
  SimulatedWorld::Write(Pickup("a.eml"), "From: a@b.test\r\nTo: anna@contoso.test\r\n\r\nx");
  absl::SleepFor(absl::Milliseconds(500));
  EXPECT_THAT(SimulatedWorld::Names(Pickup()), ElementsAre("a.eml"));
  world.Change([](Json& json) { json["servers"]["EX1"]["components"] = Json::object(); });
  (void)OnlyDelivered();
}

}  // namespace
}  // namespace mailquench::simulation::exchange
