// Which lists are believed: the signs, what they come to, and real lists that show them.
#include "common/blacklist/health.h"

#include <gmock/gmock.h>

#include "common/blacklist/probe.h"
#include "tests/unit/blacklist/list_server.h"

namespace mailquench::blacklist {
namespace {

using Sign = Probe::Sign;

Probe Of(Sign sign, int minute = 0) {
  Probe probe;
  probe.time = absl::FromUnixSeconds(1800000000) + absl::Minutes(minute);
  probe.sign = sign;
  probe.reason = "because";
  if (sign == Sign::kGood) probe.proven.ip4 = probe.answered.ip4 = true;
  return probe;
}

ListHealth Through(std::initializer_list<Sign> signs) {
  ListHealth health;
  int minute = 0;
  for (const Sign sign : signs) health = After(health, Of(sign, ++minute));
  return health;
}

Finding Said(Verdict verdict) {
  Finding finding;
  finding.verdict = verdict;
  return finding;
}

TEST(Health, IsLostAtOnceOnAWildcardOrARewrite) {
  EXPECT_EQ(Through({Sign::kGood, Sign::kWildcard}).state, HealthState::kQuarantined);
  EXPECT_EQ(Through({Sign::kGood, Sign::kRewritten}).state, HealthState::kQuarantined);
  EXPECT_EQ(Through({Sign::kWildcard}).since, Of(Sign::kGood, 1).time);
}

TEST(Health, IsLostAfterTwoSofterSignsAndNotAfterOne) {
  EXPECT_EQ(Through({Sign::kGood, Sign::kEmptied}).state, HealthState::kSuspect);
  EXPECT_EQ(Through({Sign::kGood, Sign::kEmptied, Sign::kGone}).state, HealthState::kQuarantined);
  EXPECT_EQ(Through({Sign::kGood, Sign::kEmptied, Sign::kGood, Sign::kEmptied}).state,
            HealthState::kSuspect);
}

TEST(Health, ComesBackAfterThreeGoodProbesInARow) {
  EXPECT_EQ(Through({Sign::kWildcard, Sign::kGood, Sign::kGood}).state, HealthState::kQuarantined);
  EXPECT_EQ(Through({Sign::kWildcard, Sign::kGood, Sign::kGood, Sign::kGood}).state,
            HealthState::kWell);
  for (const Sign between : {Sign::kWildcard, Sign::kEmptied, Sign::kSilent, Sign::kBlocked}) {
    EXPECT_EQ(
        Through({Sign::kWildcard, Sign::kGood, Sign::kGood, between, Sign::kGood, Sign::kGood})
            .state,
        HealthState::kQuarantined);
  }
}

TEST(Health, OfASilentListIsNeitherGoodNorBad) {
  EXPECT_EQ(Through({Sign::kGood, Sign::kSilent}).state, HealthState::kSilent);
  EXPECT_EQ(Through({Sign::kGood, Sign::kSilent, Sign::kGood}).state, HealthState::kWell);
  EXPECT_EQ(Through({Sign::kGood, Sign::kEmptied, Sign::kSilent, Sign::kEmptied}).state,
            HealthState::kQuarantined);
}

TEST(Health, DecidesWhatAnAnswerIsWorth) {
  const auto worth = [](Verdict verdict, std::initializer_list<Sign> signs) {
    return Weigh(Said(verdict), Through(signs), Subject::Kind::kIp4).verdict;
  };
  EXPECT_EQ(worth(Verdict::kListed, {Sign::kGood}), Verdict::kListed);
  EXPECT_EQ(worth(Verdict::kClean, {Sign::kGood}), Verdict::kClean);
  EXPECT_EQ(worth(Verdict::kListed, {Sign::kEmptied}), Verdict::kListed);
  EXPECT_EQ(worth(Verdict::kClean, {Sign::kEmptied}), Verdict::kUntrusted);
  EXPECT_EQ(worth(Verdict::kListed, {Sign::kWildcard}), Verdict::kUntrusted);
  EXPECT_EQ(worth(Verdict::kClean, {Sign::kWildcard}), Verdict::kUntrusted);
  EXPECT_EQ(worth(Verdict::kClean, {}), Verdict::kUntrusted);
  EXPECT_EQ(worth(Verdict::kError, {Sign::kWildcard}), Verdict::kError);
}

TEST(Health, AFamilyThatWasProvenAndIsNotAnyMoreWasEmptied) {
  ListHealth health = Through({Sign::kGood});
  EXPECT_EQ(Weigh(Said(Verdict::kClean), health, Subject::Kind::kIp4).verdict, Verdict::kClean);
  EXPECT_EQ(Weigh(Said(Verdict::kClean), health, Subject::Kind::kIp6).verdict, Verdict::kUntrusted);
  EXPECT_EQ(Weigh(Said(Verdict::kListed), health, Subject::Kind::kIp6).verdict, Verdict::kListed);
  Probe probe = Of(Sign::kGood, 5);
  probe.proven.ip4 = false;
  health = After(health, probe);
  EXPECT_EQ(health.state, HealthState::kSuspect);
  EXPECT_EQ(After(health, probe).state, HealthState::kQuarantined);
}

TEST(Health, RemembersSinceWhenTheSerialStands) {
  Probe probe = Of(Sign::kGood, 1);
  probe.serial = 7;
  ListHealth health = After(ListHealth(), probe);
  probe.time += absl::Hours(1);
  health = After(health, probe);
  EXPECT_EQ(health.serial_since, Of(Sign::kGood, 1).time);
  probe.serial = 8;
  health = After(health, probe);
  EXPECT_EQ(health.serial_since, probe.time);
}

// ---- Real lists.

constexpr char kCatalogue[] = R"(
lists:
  - {zone: well.test, operator: O1, covers: [ip4], test: {listed: [127.0.0.2], clean: [127.0.0.1]}}
  - {zone: wild.test, operator: O2, covers: [ip4], test: {listed: [127.0.0.2], clean: [127.0.0.1]}}
  - {zone: parked.test, operator: O3, covers: [ip4], test: {listed: [127.0.0.2], clean: [127.0.0.1]}}
  - {zone: empty.test, operator: O4, covers: [ip4], test: {listed: [127.0.0.2], clean: [127.0.0.1]}}
  - zone: refuses.test
    operator: O5
    covers: [ip4]
    errors: {127.255.255.254: {why: resolver, is: asked through a public resolver}}
    test: {listed: [127.0.0.2], clean: [127.0.0.1]}
  - {zone: gone.test, operator: O6, covers: [ip4], test: {listed: [127.0.0.2], clean: [127.0.0.1]}}
  - {zone: odd.test, operator: O7, covers: [ip4], test: {listed: [127.0.0.2], clean: [127.0.0.1]},
     codes: {127.0.0.99: {is: a code of its own}}}
  - {zone: six.test, operator: O8, covers: [ip6],
     test: {listed: ["::ffff:7f00:2"], clean: ["::ffff:7f00:1"]}}
  - {zone: domains.test, operator: O9, covers: [domain],
     test: {listed: [TEST], clean: [INVALID]}}
  - {zone: keyed.test, operator: O10, covers: [ip4], key: prefix}
)";

class RealLists : public ::testing::Test {
 protected:
  RealLists()
      : server_({{"well.test", test::WellList("192.0.2.1")},
                 {"wild.test", {"ip4set", ":127.0.0.2:all\n0.0.0.0/1\n128.0.0.0/1"}},
                 {"parked.test", {"ip4set", ":91.195.240.117:\n0.0.0.0/1\n128.0.0.0/1"}},
                 {"empty.test", {"ip4set", ":127.0.0.2:none\n10.9.8.7"}},
                 {"refuses.test", {"ip4set", ":127.255.255.254:no\n0.0.0.0/1\n128.0.0.0/1"}},
                 {"odd.test", {"ip4set", ":127.0.0.99:odd\n127.0.0.2"}},
                 {"six.test", {"ip6trie", ":127.0.0.2:six\n::ffff:7f00:2/128"}},
                 {"domains.test", {"dnset", ":127.0.0.2:dom\ntest"}}}) {
    auto catalogue = Catalogue::Parse({{"test", kCatalogue}});
    EXPECT_TRUE(catalogue.ok()) << catalogue.status();
    catalogue_ = *std::move(catalogue);
  }

  std::map<std::string, Probe> ProbeAll(const Keys& keys = {}) {
    ResolverOptions options;
    options.servers = {server_.server()};
    options.timeout = absl::Milliseconds(100);
    options.tries = 2;
    const auto resolver = Resolver::Make(options);
    std::vector<const List*> lists;
    for (const List& list : catalogue_.lists()) lists.push_back(&list);
    std::map<std::string, Probe> probes;
    Pacer pacer;
    fault_ = ProbeLists(
        resolver->get(), &pacer, lists, {}, keys, false,
        [&](const List& list, const Probe& probe) {
          EXPECT_TRUE(probes.emplace(list.zone, probe).second) << list.zone << " twice";
        },
        absl::Now() + absl::Seconds(10));
    return probes;
  }

  test::ListServer server_;
  Catalogue catalogue_;
  std::string fault_;
};

TEST_F(RealLists, ShowTheirSigns) {
  auto probes = ProbeAll();
  ASSERT_EQ(probes.size(), catalogue_.lists().size());
  EXPECT_EQ(probes["well.test"].sign, Sign::kGood) << probes["well.test"].reason;
  EXPECT_EQ(probes["well.test"].serial, 7u);
  EXPECT_THAT(probes["well.test"].name_servers, ::testing::ElementsAre("ns.test"));
  EXPECT_EQ(probes["six.test"].sign, Sign::kGood) << probes["six.test"].reason;
  EXPECT_EQ(probes["domains.test"].sign, Sign::kGood) << probes["domains.test"].reason;
}

TEST_F(RealLists, Vector5ParkedZoneIsRewrittenAndQuarantined) {
  const Probe probe = ProbeAll()["parked.test"];
  EXPECT_EQ(probe.sign, Sign::kRewritten);
  EXPECT_THAT(probe.reason, ::testing::HasSubstr("91.195.240.117"));
  EXPECT_EQ(After(ListHealth(), probe).state, HealthState::kQuarantined);
}

TEST_F(RealLists, Vector6WildcardFailsTheNegativeProbe) {
  const Probe probe = ProbeAll()["wild.test"];
  EXPECT_EQ(probe.sign, Sign::kWildcard);
  EXPECT_THAT(probe.reason, ::testing::HasSubstr("127.0.0.1 is listed"));
  EXPECT_EQ(Weigh(Said(Verdict::kListed), After(ListHealth(), probe), Subject::Kind::kIp4).verdict,
            Verdict::kUntrusted);
}

TEST_F(RealLists, Vector7EmptiedZoneIsNeverCleanAndIsQuarantinedTheSecondTime) {
  const Probe probe = ProbeAll()["empty.test"];
  EXPECT_EQ(probe.sign, Sign::kEmptied);
  const ListHealth once = After(ListHealth(), probe);
  EXPECT_EQ(Weigh(Said(Verdict::kClean), once, Subject::Kind::kIp4).verdict, Verdict::kUntrusted);
  EXPECT_EQ(After(once, probe).state, HealthState::kQuarantined);
}

TEST_F(RealLists, Vector10AnOddTestAnswerIsHealthy) {
  const Probe probe = ProbeAll()["odd.test"];
  EXPECT_EQ(probe.sign, Sign::kGood) << probe.reason;
  // The two real ones, by the built-in catalogue.
  const auto built_in = Catalogue::BuiltIn();
  for (const auto& [zone, code] : std::map<std::string, std::uint32_t>{
           {"bl.blocklist.de", 0x7f00000f}, {"bl.suomispam.net", 0x7f000063}}) {
    const List* list = built_in->Find(zone);
    ASSERT_NE(list, nullptr) << zone;
    HealthAnswer listed;
    listed.point = HealthAnswer::Point::kListed;
    listed.reply.answer.rcode = Rcode::kNoError;
    listed.reply.answer.addresses = {code};
    HealthAnswer random;
    random.point = HealthAnswer::Point::kRandom;
    random.reply.answer.rcode = Rcode::kNxDomain;
    EXPECT_EQ(Fold(*list, {listed, random}, absl::Now()).sign, Sign::kGood) << zone;
  }
}

TEST_F(RealLists, WithoutTestEntriesInTheDataThoseOfRfc5782AreTried) {
  catalogue_ =
      *Catalogue::Parse({{"test",
                          "lists:\n  - {zone: well.test, operator: A, covers: [ip4, ip6]}\n"
                          "  - {zone: wild.test, operator: B, covers: [ip4]}\n"
                          "  - {zone: empty.test, operator: C, covers: [ip4]}\n"}});
  auto probes = ProbeAll();
  EXPECT_EQ(probes["well.test"].sign, Sign::kGood) << probes["well.test"].reason;
  EXPECT_TRUE(probes["well.test"].proven.ip4);
  EXPECT_EQ(probes["wild.test"].sign, Sign::kWildcard);
  // Nothing shows that it is there, or not empty: what it says clears nobody.
  const ListHealth health = After(ListHealth(), probes["empty.test"]);
  EXPECT_NE(Weigh(Said(Verdict::kClean), health, Subject::Kind::kIp4).verdict, Verdict::kClean);
}

TEST_F(RealLists, ThatAllFailAtOnceAreNotBlamed) {
  catalogue_ = *Catalogue::Parse(
      {{"test",
        "lists:\n  - {zone: parked.test, operator: A, covers: [ip4]}\n"
        "  - {zone: empty.test, operator: B, covers: [ip4], test: {listed: [127.0.0.2]}}\n"
        "  - {zone: gone.test, operator: C, covers: [ip4]}\n"}});
  EXPECT_TRUE(ProbeAll().empty());
  EXPECT_THAT(fault_, ::testing::HasSubstr("3 operators"));
}

TEST_F(RealLists, AFewThatFailAreBlamedOnlyWhereAnotherStillPasses) {
  const List* empty = catalogue_.Find("empty.test");
  ResolverOptions options;
  options.servers = {server_.server()};
  const auto resolver = Resolver::Make(options);
  Pacer pacer;
  int done = 0;
  const auto count = [&](const List&, const Probe&) { ++done; };
  const absl::Time until = absl::Now() + absl::Seconds(10);
  EXPECT_EQ(ProbeLists(resolver->get(), &pacer, {empty}, {catalogue_.Find("well.test")}, {}, false,
                       count, until),
            "");
  EXPECT_EQ(done, 2);
  EXPECT_NE(ProbeLists(resolver->get(), &pacer, {empty}, {catalogue_.Find("gone.test")}, {}, false,
                       count, until),
            "");
  EXPECT_EQ(done, 2);
}

TEST_F(RealLists, OneThatRefusesIsBlockedOnceAndNotForEachAddress) {
  const Probe probe = ProbeAll()["refuses.test"];
  EXPECT_EQ(probe.sign, Sign::kBlocked);
  EXPECT_EQ(probe.why, Why::kResolver);
}

TEST_F(RealLists, OneThatIsNotServedSaysNothing) {
  const Probe probe = ProbeAll()["gone.test"];
  EXPECT_EQ(probe.sign, Sign::kSilent);
  EXPECT_THAT(probe.reason, ::testing::HasSubstr("REFUSED"));
}

TEST_F(RealLists, APrivateOneIsNotAskedWithoutItsKeyAndItsKeyIsInNoReason) {
  EXPECT_EQ(ProbeAll()["keyed.test"].sign, Sign::kBlocked);
  const Probe probe = ProbeAll({{"keyed.test", "sekret"}})["keyed.test"];
  EXPECT_EQ(probe.sign, Sign::kSilent);
  EXPECT_THAT(probe.reason, ::testing::Not(::testing::HasSubstr("sekret")));
}

}  // namespace
}  // namespace mailquench::blacklist
