// The message tracking log of a simulated server.
#include "absl/strings/str_split.h"
#include "tests/unit/exchange/simulation/simulated_world.h"

namespace mailquench::simulation::exchange {
namespace {
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::SizeIs;
using ::testing::StartsWith;

TEST(Tracking, SaysWhatBecameOfEachMessage) {
  SimulatedWorld world(1, OpenRelay());
  world.Start();
  ASSERT_THAT(
      world.Send(world.Port(), "bot@spam.test", {SimulatedWorld::kAnna}, Text("buy, \"now\"")),
      StartsWith("250"));
  ASSERT_THAT(world.Send(world.Port(), "bot@spam.test", {"nobody@contoso.test"}),
              StartsWith("250"));
  ASSERT_EQ(world.Do({{"do", "submit"},
                      {"from", SimulatedWorld::kAnna},
                      {"to", Json::array({SimulatedWorld::kVictim})},
                      {"eml", Text("mine", SimulatedWorld::kAnna)}})["ok"],
            true);
  const std::string folder = world.Folder("TransportRoles/Logs/MessageTracking");
  std::string text;
  ASSERT_TRUE(Eventually([&] {
    const auto names = SimulatedWorld::Names(folder);
    text = names.empty() ? "" : SimulatedWorld::Read(folder + "/" + names[0]);
    return absl::StrContains(text, ",DSN,DSN,") && absl::StrContains(text, ",STOREDRIVER,DELIVER,");
  }));
  ASSERT_THAT(SimulatedWorld::Names(folder), SizeIs(1));
  EXPECT_THAT(SimulatedWorld::Names(folder)[0], MatchesRegex("MSGTRK[0-9]{8}-1\\.log"));
  const std::vector<std::string> lines = absl::StrSplit(text, "\r\n");
  EXPECT_EQ(lines[0], "\xEF\xBB\xBF#Software: Microsoft Exchange Server");
  EXPECT_THAT(lines[4], StartsWith("#Fields: date-time,client-ip,"));
  EXPECT_THAT(lines,
              Contains(AllOf(HasSubstr(",127.0.0.1,"), HasSubstr(",SMTP,RECEIVE,"),
                             HasSubstr("\"buy, \"\"now\"\"\""), HasSubstr(",bot@spam.test,"))));
  EXPECT_THAT(
      lines, Contains(AllOf(HasSubstr(",STOREDRIVER,RECEIVE,"), HasSubstr(",anna@contoso.test,"))));
  EXPECT_THAT(lines,
              Contains(AllOf(HasSubstr(",ROUTING,FAIL,"), HasSubstr("nobody@contoso.test"))));
}

TEST(Tracking, IsOffWhereTheServiceSaysSo) {
  SimulatedWorld world;
  world.Change([](Json& json) {
    json["servers"]["EX1"]["transport_service"]["MessageTrackingLogEnabled"] = false;
  });
  world.Start();
  ASSERT_THAT(world.Send(world.Port(), "a@b.test", {SimulatedWorld::kAnna}), StartsWith("250"));
  ASSERT_TRUE(Eventually([&] { return world.Delivered().size() == 1; }));
  EXPECT_THAT(SimulatedWorld::Names(world.Folder("TransportRoles/Logs/MessageTracking")),
              ::testing::IsEmpty());
}

}  // namespace
}  // namespace mailquench::simulation::exchange
