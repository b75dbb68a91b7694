// Updates against real BIND and Knot on loopback.
#include "controller/dns/update.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/status/error.h"
#include "controller/dns/query.h"
#include "tests/e2e/processes.h"
#include "tests/unit/dns/name_server.h"
#include "tests/unit/dns/update_fixture.h"

namespace mailquench::controller::dns {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

using BindUpdate = test::BindUpdate;

TEST_F(BindUpdate, RecordsAreReplacedCreatedAndDeletedAndTheSerialMoves) {
  EXPECT_EQ(*Send({"mx1.example.test", "A", {"192.0.2.10"}, {"192.0.2.11", "192.0.2.12"}, 60}),
            Done::kApplied);
  const auto found = Look(primary(), "MX1.example.test.", "a", absl::Now());
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_THAT(found->values, ElementsAre("192.0.2.11", "192.0.2.12"));
  EXPECT_EQ(found->ttl, 60u);
  EXPECT_EQ(*Send({"new.example.test", "AAAA", {}, {"2001:db8::1"}, 60}), Done::kApplied);
  EXPECT_THAT(Values("new.example.test", "AAAA"), ElementsAre("2001:db8::1"));
  EXPECT_EQ(*Send({"new.example.test", "AAAA", {"2001:DB8::1"}, {}, 0}), Done::kApplied);
  EXPECT_THAT(Values("new.example.test", "AAAA"), IsEmpty());
  EXPECT_THAT(Values("example.test", "SOA")[0], HasSubstr(" 4 3600 "));
}

TEST_F(BindUpdate, SeveralChangesAreOneOrNone) {
  const std::vector<Change> swap = {
      {"example.test", "MX", {"10 mx1.example.test"}, {"10 mx2.example.test"}, 60},
      {"mx2.example.test", "A", {}, {"192.0.2.20"}, 60}};
  EXPECT_EQ(*Update(primary(), swap, absl::Now()), Done::kApplied);
  EXPECT_THAT(Values("example.test", "MX"), ElementsAre("10 mx2.example.test."));
  EXPECT_THAT(Values("mx2.example.test", "A"), ElementsAre("192.0.2.20"));
  const std::vector<Change> stale = {
      {"mx3.example.test", "A", {}, {"192.0.2.30"}, 60},
      {"example.test", "MX", {"10 mx1.example.test"}, {"10 mx3.example.test"}, 60}};
  EXPECT_EQ(ReasonOf(Update(primary(), stale, absl::Now()).status()), "DNS_CHANGED_ELSEWHERE");
  EXPECT_THAT(Values("mx3.example.test", "A"), IsEmpty());
}

TEST_F(BindUpdate, TheTtlAloneIsChanged) {
  EXPECT_EQ(*Send({"mx1.example.test", "A", {"192.0.2.10"}, {"192.0.2.10"}, 42}), Done::kApplied);
  EXPECT_EQ(Look(primary(), "mx1.example.test", "A", absl::Now())->ttl, 42u);
}

TEST_F(BindUpdate, TheSameAgainIsAlreadyThere) {
  const Change change = {"mx1.example.test", "A", {"192.0.2.10"}, {"192.0.2.11"}, 60};
  EXPECT_EQ(*Send(change), Done::kApplied);
  EXPECT_EQ(*Send(change), Done::kAlready);
  // With another TTL it is not what is wanted.
  EXPECT_EQ(ReasonOf(Send({"mx1.example.test", "A", {"192.0.2.10"}, {"192.0.2.11"}, 61}).status()),
            "DNS_CHANGED_ELSEWHERE");
}

TEST_F(BindUpdate, AChangeByNsupdateBetweenLookAndUpdateIsSeenAndKept) {
  const auto before = Look(primary(), "mx1.example.test", "A", absl::Now());
  ASSERT_TRUE(before.ok()) << before.status();
  ASSERT_EQ(test::NsUpdate(folder(), "key", address(),
                           "update delete mx1.example.test A\n"
                           "update add mx1.example.test 77 A 198.51.100.7"),
            0);
  const auto done = Send({"mx1.example.test", "A", before->values, {"192.0.2.11"}, 60});
  EXPECT_EQ(done.status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(ReasonOf(done.status()), "DNS_CHANGED_ELSEWHERE");
  EXPECT_THAT(std::string(done.status().message()),
              HasSubstr("It has now A of mx1.example.test: 198.51.100.7 with TTL 77"));
  EXPECT_THAT(Values("mx1.example.test", "A"), ElementsAre("198.51.100.7"));
}

// RFC 2136 section 3.4.2.2: BIND says NOERROR to both and does neither.
TEST_F(BindUpdate, AnAliasInTheWayIsNotPassedOverInSilence) {
  const auto beside = Send({"alias.example.test", "A", {}, {"192.0.2.1"}, 60});
  EXPECT_EQ(ReasonOf(beside.status()), "DNS_CHANGED_ELSEWHERE");
  EXPECT_THAT(std::string(beside.status().message()), HasSubstr("alias for mx1.example.test."));
  const auto over = Send({"mx1.example.test", "CNAME", {}, {"mx2.example.test"}, 60});
  EXPECT_EQ(ReasonOf(over.status()), "DNS_CHANGED_ELSEWHERE");
  EXPECT_THAT(std::string(over.status().message()), HasSubstr("other records of the name"));
  EXPECT_EQ(*Send({"alias.example.test", "CNAME", {"mx1.example.test"}, {"ns1.example.test"}, 60}),
            Done::kApplied);
  EXPECT_THAT(Values("alias.example.test", "CNAME"), ElementsAre("ns1.example.test."));
}

TEST_F(BindUpdate, ALargeRecordSetGoesOverTcpBothWays) {
  Change change{"big.example.test", "TXT", {}, {}, 60};
  for (int i = 0; i < 100; ++i)  // BIND's max-records-per-type.
    change.wanted.push_back(absl::StrCat("\"", i, std::string(200, 'x'), "\""));
  EXPECT_EQ(*Send(change), Done::kApplied);
  EXPECT_EQ(Values("big.example.test", "TXT").size(), 100u);
  change.expected = change.wanted;
  change.wanted.resize(50);
  EXPECT_EQ(*Send(change), Done::kApplied);
  EXPECT_EQ(Values("big.example.test", "TXT").size(), 50u);
}

TEST_F(BindUpdate, OverIpv6) {
  Primary v6 = primary();
  v6.server = absl::StrCat("[::1]:", port());
  const std::vector<Change> change = {
      {"mx1.example.test", "A", {"192.0.2.10"}, {"192.0.2.11"}, 60}};
  EXPECT_EQ(*Update(v6, change, absl::Now()), Done::kApplied);
  EXPECT_THAT(Values("mx1.example.test", "A"), ElementsAre("192.0.2.11"));
}

TEST_F(BindUpdate, AKeyThatTheServerDoesNotKnowIsBadKey) {
  test::MakeKey(folder(), "stranger", "hmac-sha256", "stranger.test");
  Expect("DNS_BADKEY", "knows no key stranger.test", test::LoadKey(folder(), "stranger"));
  // The right name with another algorithm.
  test::MakeKey(folder(), "sha512", "hmac-sha512", "mq.test");
  Expect("DNS_BADKEY", "hmac-sha512", test::LoadKey(folder(), "sha512"));
}

TEST_F(BindUpdate, AnotherSecretIsBadSig) {
  test::MakeKey(folder(), "other", "hmac-sha256", "mq.test");
  Expect("DNS_BADSIG", "another secret for the key mq.test", test::LoadKey(folder(), "other"));
}

TEST_F(BindUpdate, WhatTheKeyMayNotChangeIsRefused) {
  const TsigKey narrow = test::LoadKey(folder(), "narrow");
  Expect("DNS_REFUSED", "update-policy", narrow);
  Primary its = primary();
  its.key = narrow;
  const std::vector<Change> granted = {{"granted.example.test", "A", {}, {"192.0.2.11"}, 60}};
  EXPECT_EQ(*Update(its, granted, absl::Now()), Done::kApplied);
}

TEST_F(BindUpdate, AZoneWithoutAnUpdatePolicyRefuses) {
  Primary locked = primary();
  locked.zone = "locked.test";
  const std::vector<Change> change = {{"mx1.locked.test", "A", {"192.0.2.10"}, {"192.0.2.11"}, 60}};
  EXPECT_EQ(ReasonOf(Update(locked, change, absl::Now()).status()), "DNS_REFUSED");
}

TEST_F(BindUpdate, AZoneThatIsNotServedIsNotAuth) {
  Primary other = primary();
  other.zone = "elsewhere.test";
  const auto done =
      Update(other, {{"mx1.elsewhere.test", "A", {}, {"192.0.2.11"}, 60}}, absl::Now());
  EXPECT_EQ(ReasonOf(done.status()), "DNS_NOTAUTH");
  EXPECT_THAT(std::string(done.status().message()), HasSubstr("zone elsewhere.test"));
}

TEST_F(BindUpdate, ANameOutsideTheZoneIsNotZone) {
  EXPECT_EQ(ReasonOf(Send({"mx1.locked.test", "A", {}, {"192.0.2.11"}, 60}).status()),
            "DNS_NOTZONE");
}

TEST_F(BindUpdate, NoServerAndAStoppedServerAreAnUnknownOutcomeInTime) {
  const std::vector<Change> change = {
      {"mx1.example.test", "A", {"192.0.2.10"}, {"192.0.2.11"}, 60}};
  Primary impatient = primary();
  impatient.patience = {absl::Milliseconds(50), 2};
  Primary nobody = impatient;
  nobody.server = absl::StrCat("127.0.0.1:", mailquench::test::FreePort());
  auto done = Update(nobody, change, absl::Now());
  EXPECT_EQ(ReasonOf(done.status()), "DNS_OUTCOME_UNKNOWN");
  EXPECT_THAT(std::string(done.status().message()), HasSubstr("Connection refused"));
  server().Pause();
  const absl::Time begun = absl::Now();
  done = Update(impatient, change, absl::Now());
  server().GoOn();
  EXPECT_LT(absl::Now() - begun, absl::Seconds(2));
  EXPECT_EQ(ReasonOf(done.status()), "DNS_OUTCOME_UNKNOWN");
  // The server reads what was sent now, and the same update says what became of it.
  EXPECT_EQ(*Update(primary(), change, absl::Now()), Done::kAlready);
}

TEST_F(BindUpdate, Vector17_clock_skew) {
  for (const int seconds : {400, -400}) {
    const absl::Time now = absl::Now() + absl::Seconds(seconds);
    const auto done =
        Update(primary(), {{"mx1.example.test", "A", {"192.0.2.10"}, {"192.0.2.11"}, 60}}, now);
    EXPECT_EQ(ReasonOf(done.status()), "DNS_BADTIME");
    const std::string sentence(done.status().message());
    const std::string format = "%Y-%m-%dT%H:";
    EXPECT_THAT(sentence, HasSubstr("its clock says " +
                                    absl::FormatTime(format, absl::Now(), absl::UTCTimeZone())));
    EXPECT_THAT(sentence, HasSubstr("ours says " + absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", now,
                                                                    absl::UTCTimeZone())));
    EXPECT_THAT(sentence, ::testing::ContainsRegex(seconds > 0 ? "6m(39|40|41)s ahead"
                                                               : "6m(39|40|41)s behind"));
    RecordProperty("sentence", sentence);
  }
  EXPECT_THAT(Values("mx1.example.test", "A"), ElementsAre("192.0.2.10"));
  // Within five minutes it is taken.
  EXPECT_EQ(*Update(primary(), {{"mx1.example.test", "A", {"192.0.2.10"}, {"192.0.2.11"}, 60}},
                    absl::Now() - absl::Seconds(290)),
            Done::kApplied);
}

// Both servers with each algorithm; hmac-sha384 is the one that ldns cannot.
void FullCircle(const std::string& algorithm, bool knot) {
  const test::Folder folder;
  const int port = mailquench::test::FreePort();
  test::MakeKey(folder, "key", algorithm, "mq.test");
  folder.Write("zone", test::ExampleZone());
  const test::Server server =
      knot ? test::Server::Knot(folder, port, "key")
           : test::Server::Bind(folder, "127.0.0.1", port, "",
                                "include \"" + folder.path("key") + "\";\n" + test::kZones);
  Primary primary{server.address(), "example.test", test::LoadKey(folder, "key"), {}};
  const std::vector<Change> change = {
      {"mx1.example.test", "A", {"192.0.2.10"}, {"192.0.2.11"}, 60}};
  auto done = Update(primary, change, absl::Now());
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(*done, Done::kApplied);
  done = Update(primary, change, absl::Now());
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(*done, Done::kAlready);
  const std::vector<Change> stale = {{"mx1.example.test", "A", {"192.0.2.10"}, {"192.0.2.12"}, 60}};
  EXPECT_EQ(ReasonOf(Update(primary, stale, absl::Now()).status()), "DNS_CHANGED_ELSEWHERE");
  const auto late = Update(primary, change, absl::Now() + absl::Seconds(400)).status();
  EXPECT_EQ(ReasonOf(late), "DNS_BADTIME") << late;
  EXPECT_THAT(std::string(late.message()), HasSubstr("its clock says"));
}

TEST(BothServers, HmacSha256) {
  FullCircle("hmac-sha256", false);
  FullCircle("hmac-sha256", true);
}
TEST(BothServers, Vector16_hmac_sha384_key) {
  FullCircle("hmac-sha384", false);
  FullCircle("hmac-sha384", true);
}
TEST(BothServers, HmacSha512) {
  FullCircle("hmac-sha512", false);
  FullCircle("hmac-sha512", true);
}

}  // namespace
}  // namespace mailquench::controller::dns
