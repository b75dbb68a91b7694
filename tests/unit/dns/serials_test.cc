// Propagation over four real BIND servers: a primary and its secondaries.
#include "controller/dns/serials.h"

#include <gmock/gmock.h>

#include <array>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/status/error.h"
#include "controller/dns/update.h"
#include "tests/e2e/processes.h"
#include "tests/unit/dns/name_server.h"

namespace mailquench::controller::dns {
namespace {

using mailquench::test::Eventually;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Serials, AreComparedAroundTheCircle) {
  struct Case {
    std::uint32_t a, b;
    SerialOrder order;
  };
  for (const Case& one : std::vector<Case>{{1, 1, SerialOrder::kEqual},
                                           {1, 2, SerialOrder::kBefore},
                                           {2, 1, SerialOrder::kAfter},
                                           {0xffffffffu, 0, SerialOrder::kBefore},
                                           {0, 0xffffffffu, SerialOrder::kAfter},
                                           {0xfffffff0u, 0x7fffffefu, SerialOrder::kBefore},
                                           {0, 0x7fffffffu, SerialOrder::kBefore},
                                           {0, 0x80000001u, SerialOrder::kAfter},
                                           {0, 0x80000000u, SerialOrder::kUndefined},
                                           {0x80000000u, 0, SerialOrder::kUndefined},
                                           {2026101901u, 2026101902u, SerialOrder::kBefore}}) {
    EXPECT_EQ(CompareSerials(one.a, one.b), one.order) << one.a << " " << one.b;
  }
}

// ns1 to ns4 on ports of 127.0.0.1, since BIND listens on the addresses of interfaces alone; ns1 on
// ::1 too. ns1 tells ns2 and ns3 of a change, not ns4.
class FourServers : public ::testing::Test {
 protected:
  void SetUp() override {
    test::MakeKey(folder_, "key", "hmac-sha384", "mq.test");
    for (int& port : ports_) port = mailquench::test::FreePort();
    std::string zone =
        "$TTL 60\n@ SOA ns1 hostmaster 4294967295 3600 600 86400 60\nmx A 192.0.2.10\n"
        "ns1 AAAA ::1\n";
    for (int i = 1; i <= 4; ++i)
      absl::StrAppend(&zone, "@ NS ns", i, "\nns", i, " A 127.0.0.", i, "\n");
    folder_.Write("zone", zone);
    servers_[0].emplace(test::Server::Bind(
        folder_, "127.0.0.1", ports_[0],
        absl::StrCat("also-notify { 127.0.0.1 port ", ports_[1], "; 127.0.0.1 port ", ports_[2],
                     "; }; notify-delay 0; serial-query-rate 100;"),
        absl::StrCat("include \"", folder_.path("key"),
                     "\";\nzone \"example.test\" { type primary; file \"zone\"; "
                     "update-policy { grant mq.test zonesub ANY; }; };\n"),
        true));
    for (int i = 2; i <= 4; ++i) StartSecondary(i);
    ASSERT_TRUE(Eventually([&] { return AskAll({"192.0.2.10"}).complete; }));
  }
  void StartSecondary(int i) {
    Restart(i, absl::StrCat("zone \"example.test\" { type secondary; primaries { 127.0.0.1 port ",
                            ports_[0], "; }; };\n"));
  }
  void Restart(int i, const std::string& zones) {
    servers_[i - 1].reset();
    servers_[i - 1].emplace(test::Server::Bind(folder_, "127.0.0.1", ports_[i - 1], "", zones));
  }
  std::string At(int i) const { return absl::StrCat("127.0.0.1:", ports_[i - 1]); }
  std::string At6() const { return absl::StrCat("[::1]:", ports_[0]); }

  PropagationQuestion AboutAll(const std::vector<std::string>& values) {
    PropagationQuestion question;
    question.zone = "example.test";
    question.primary = At(1);
    question.servers = {{"ns1.example.test", {At(1), At6()}},
                        {"ns2.example.test", {At(2)}},
                        {"ns3.example.test", {At(3)}},
                        {"ns4.example.test", {At(4)}}};
    question.name = "mx.example.test";
    question.type = "A";
    question.values = values;
    question.patience = patience_;
    return question;
  }
  Propagation AskAll(const std::vector<std::string>& values) {
    auto out = AskPropagation(AboutAll(values));
    EXPECT_TRUE(out.ok()) << out.status();
    return *std::move(out);
  }
  void Swap() {
    const Primary primary{At(1), "example.test", test::LoadKey(folder_, "key"), patience_};
    const auto done = Update(
        primary, {{"mx.example.test", "A", {"192.0.2.10"}, {"192.0.2.11"}, 60}}, absl::Now());
    ASSERT_TRUE(done.ok()) << done.status();
  }
  static std::vector<Standing> Standings(const Propagation& propagation) {
    std::vector<Standing> out;
    for (const ServerStanding& one : propagation.servers) out.push_back(one.standing);
    return out;
  }

  test::Folder folder_;
  std::array<int, 4> ports_{};
  const Patience patience_ = {absl::Milliseconds(300), 2};
  std::array<std::optional<test::Server>, 4> servers_;
};

TEST_F(FourServers, EveryAddressOfEveryNameIsFound) {
  const auto servers = FindNameServers("example.test", At(2), patience_, ports_[0]);
  ASSERT_TRUE(servers.ok()) << servers.status();
  ASSERT_EQ(servers->size(), 4u);
  EXPECT_EQ((*servers)[0].name, "ns1.example.test");
  EXPECT_THAT((*servers)[0].addresses, ElementsAre(At(1), At6()));
  EXPECT_THAT((*servers)[3].addresses, ElementsAre(absl::StrCat("127.0.0.4:", ports_[0])));
  EXPECT_EQ(ReasonOf(FindNameServers("mx.example.test", At(1), patience_).status()),
            "DNS_NO_NAME_SERVERS");
  EXPECT_EQ(ReasonOf(FindNameServers("elsewhere.test", At(1), patience_).status()),
            "DNS_RESOLVER_FAILED");
  PropagationQuestion question = AboutAll({"192.0.2.10"});
  question.servers = *servers;
  const auto seen = AskPropagation(question);
  ASSERT_TRUE(seen.ok()) << seen.status();
  EXPECT_THAT(Standings(*seen),
              ElementsAre(Standing::kCurrent, Standing::kCurrent, Standing::kSilent,
                          Standing::kSilent, Standing::kSilent));
}

// The serial goes over its end: 4294967295 is before 1 (BIND passes over 0).
TEST_F(FourServers, Vector15_one_ns_stuck) {
  Swap();
  Propagation seen;
  EXPECT_TRUE(Eventually([&] {
    seen = AskAll({"192.0.2.11"});
    return Standings(seen) == std::vector<Standing>{Standing::kCurrent, Standing::kCurrent,
                                                    Standing::kCurrent, Standing::kCurrent,
                                                    Standing::kBehind};
  })) << seen.sentence;
  EXPECT_FALSE(seen.complete);
  EXPECT_EQ(seen.primary_serial, 1u);
  EXPECT_EQ(seen.servers[4].serial, 4294967295u);
  EXPECT_EQ(seen.servers[4].name, "ns4.example.test");
  EXPECT_EQ(seen.sentence,
            absl::StrCat("4 of 5 addresses of name servers of example.test have serial 1 and the A "
                         "of mx.example.test; ns4.example.test (",
                         At(4), ") is behind: serial 4294967295, the primary has 1"));
  StartSecondary(4);  // It transfers the zone at its start.
  EXPECT_TRUE(Eventually([&] { return AskAll({"192.0.2.11"}).complete; }));
}

TEST_F(FourServers, WhoDoesNotAnswerIsLameOrHasOtherDataIsNamed) {
  servers_[1]->Pause();
  Restart(3, "");
  folder_.Write("other",
                "$TTL 60\n@ SOA ns1 hostmaster 7 3600 600 86400 60\n@ NS ns1\nns1 A 127.0.0.1\n"
                "mx A 203.0.113.1\n");
  Restart(4, "zone \"example.test\" { type primary; file \"other\"; };\n");
  PropagationQuestion question = AboutAll({"192.0.2.10"});
  question.servers.push_back({"ns5.example.test", {}});
  const auto seen = AskPropagation(question);
  servers_[1]->GoOn();
  ASSERT_TRUE(seen.ok()) << seen.status();
  EXPECT_THAT(Standings(*seen),
              ElementsAre(Standing::kCurrent, Standing::kCurrent, Standing::kSilent,
                          Standing::kLame, Standing::kOtherData, Standing::kNoAddress));
  EXPECT_THAT(seen->sentence,
              HasSubstr(absl::StrCat("ns2.example.test (", At(2), ") does not answer")));
  EXPECT_THAT(seen->sentence, HasSubstr(absl::StrCat("ns3.example.test (", At(3),
                                                     ") does not serve the zone (REFUSED)")));
  EXPECT_THAT(seen->sentence, HasSubstr("but other records: 203.0.113.1 with TTL 60"));
  EXPECT_THAT(seen->sentence, HasSubstr("ns5.example.test has no address"));
}

TEST_F(FourServers, ADelegationUpwardsIsLame) {
  folder_.Write("parent",
                "$TTL 60\n@ SOA ns hostmaster 1 60 60 60 60\n@ NS ns\nns A 127.0.0.3\n"
                "example NS ns1.example\nns1.example A 127.0.0.1\n");
  Restart(3, "zone \"test\" { type primary; file \"parent\"; };\n");
  const auto seen = AskAll({"192.0.2.10"});
  EXPECT_EQ(seen.servers[3].standing, Standing::kLame);
  EXPECT_THAT(seen.servers[3].sentence, HasSubstr("no authority"));
}

TEST_F(FourServers, ARecordSetThatShallBeGoneIsLookedFor) {
  PropagationQuestion question = AboutAll({});
  auto seen = AskPropagation(question);
  ASSERT_TRUE(seen.ok());
  EXPECT_FALSE(seen->complete);
  question.name = "gone.example.test";
  seen = AskPropagation(question);
  ASSERT_TRUE(seen.ok());
  EXPECT_TRUE(seen->complete) << seen->sentence;
}

TEST_F(FourServers, WithoutAPrimaryThereIsNoMeasure) {
  PropagationQuestion question = AboutAll({"192.0.2.10"});
  question.zone = "elsewhere.test";
  EXPECT_EQ(ReasonOf(AskPropagation(question).status()), "DNS_NOT_AUTHORITATIVE");
  question = AboutAll({"192.0.2.10"});
  question.primary = absl::StrCat("127.0.0.1:", mailquench::test::FreePort());
  EXPECT_EQ(ReasonOf(AskPropagation(question).status()), "DNS_NO_ANSWER");
  question = AboutAll({"192.0.2.10"});
  question.servers.clear();
  const auto none = AskPropagation(question);
  ASSERT_TRUE(none.ok());
  EXPECT_FALSE(none->complete);
}

TEST_F(FourServers, WithinOneLookASilentServerIsAskedOnce) {
  SerialMemory memory;
  PropagationQuestion question = AboutAll({"192.0.2.10"});
  question.memory = &memory;
  servers_[3]->Pause();
  for (int i = 0; i < 4; ++i) {
    const absl::Time begun = absl::Now();
    const auto seen = AskPropagation(question);
    ASSERT_TRUE(seen.ok()) << seen.status();
    EXPECT_EQ(seen->servers.back().standing, Standing::kSilent);
    EXPECT_FALSE(seen->complete);
    if (i == 0) {
      EXPECT_GE(absl::Now() - begun, patience_.timeout);
    } else {
      EXPECT_LT(absl::Now() - begun, patience_.timeout);
    }
  }
  servers_[3]->GoOn();
  question.memory = nullptr;  // The next look.
  EXPECT_TRUE(AskPropagation(question)->complete);
}

TEST_F(FourServers, AddressesThatCouldNotBeLookedUpAreNotTakenForNone) {
  PropagationQuestion question = AboutAll({"192.0.2.10"});
  question.servers[2].partly = true;
  const auto seen = AskPropagation(question);
  ASSERT_TRUE(seen.ok()) << seen.status();
  EXPECT_FALSE(seen->complete);
  EXPECT_THAT(seen->sentence, HasSubstr("could not be looked up"));
}

TEST_F(FourServers, OneThatIsBehindTellsWhatItGivesOutMeanwhile) {
  Swap();
  const Propagation seen = AskAll({"192.0.2.11"});
  const ServerStanding& lagging = seen.servers.back();
  ASSERT_EQ(lagging.standing, Standing::kBehind);
  EXPECT_TRUE(lagging.answered);
  EXPECT_THAT(lagging.values, ElementsAre("192.0.2.10"));
  EXPECT_EQ(lagging.ttl, 60U);
}

}  // namespace
}  // namespace mailquench::controller::dns
