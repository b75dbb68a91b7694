// The editors keep every byte that they were not asked to change.
#include <random>
#include <string>
#include <vector>

#include "agent/mail/postfix/cidr.h"
#include "agent/mail/postfix/effective.h"
#include "agent/mail/postfix/main_cf.h"
#include "agent/mail/postfix/master_cf.h"
#include "agent/mail/postfix/relay_traffic.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mailquench::agent::postfix {
namespace {
using ::testing::ElementsAre;
using ::testing::Optional;

std::string OddText(std::mt19937& random) {
  static const std::vector<std::string> lines = {
      "",           "# comment",      "  # indented comment",
      "\t",         "a = 1",          "a=2",
      "b =",        "b = x,",         "  more",
      "\tmore, =y", "c=$a\r",         "  crlf\r",
      "\r",         "no equals sign", "mynetworks=1.2.3.4",
      " stray = 1", "d = # no",       "smtpd_x = {y = z}",
      "#a = 9",     "a\t=\tspaced",   "long = 1 2 3"};
  std::string text;
  const int count = static_cast<int>(random() % 12);
  for (int i = 0; i < count; ++i) text += lines[random() % lines.size()] + "\n";
  if (!text.empty() && random() % 3 == 0) text.pop_back();
  return text;
}

TEST(MainCfTest, AnyTextIsPrintedByteForByteAndComesBackAfterSettingAndPuttingBack) {
  std::mt19937 random(7);
  for (int round = 0; round < 4000; ++round) {
    const std::string text = OddText(random);
    MainCf file(text);
    ASSERT_EQ(file.Text(), text);
    const std::vector<std::string> names = {"a",          "b",         "c",
                                            "mynetworks", "brand_new", "brand_new_too"};
    std::vector<std::pair<std::string, std::optional<std::string>>> before;
    for (const std::string& name : names) {
      if (random() % 2 == 0) continue;
      before.emplace_back(name, file.Get(name));
      file.Set(name, "new, value");
      ASSERT_THAT(file.Value(name), Optional(std::string("new, value"))) << text;
    }
    // Restore works from the file as it is then, not from the same object.
    MainCf later(file.Text());
    std::shuffle(before.begin(), before.end(), random);
    for (const auto& [name, raw] : before) later.SetRaw(name, raw);
    ASSERT_EQ(later.Text(), text);
  }
}

TEST(MainCfTest, TheLastDefinitionCountsAndTheEarlierStays) {
  MainCf file("a = 1\nb = 2\na = 3\n");
  EXPECT_EQ(file.Value("a"), "3");
  EXPECT_EQ(file.Count("a"), 2u);
  file.Set("a", "4");
  EXPECT_EQ(file.Text(), "a = 1\nb = 2\na = 4\n");
  file.Remove("a");
  EXPECT_EQ(file.Text(), "b = 2\n");
}

TEST(MainCfTest, AValueGoesOverContinuationLinesAndCommentsInsideBelongToTheEntry) {
  MainCf file("x = 1\na = one,\n# inside\n  two\n# after\nb = 2\n");
  EXPECT_EQ(file.Value("a"), "one,  two");
  EXPECT_EQ(file.Get("a"), "a = one,\n# inside\n  two\n");
}

TEST(MainCfTest, AFileWithoutFinalNewlineKeepsItSo) {
  MainCf file("a = 1");
  file.Set("b", "2");
  EXPECT_EQ(file.Text(), "a = 1\nb = 2");
  file.Remove("b");
  EXPECT_EQ(file.Text(), "a = 1");
}

constexpr char kMaster[] =
    "# head\n"
    "smtp inet n - y - - smtpd\n"
    "submission inet n - y - - smtpd -o a=1\n"
    "\t-o { b = two words } -oc=3\n"
    "# in\n"
    "  -o a=4\n"
    "# tail";

TEST(MasterCfTest, ReadsEveryFormOfOverrideAndTheLastCounts) {
  const MasterCf file(kMaster);
  EXPECT_EQ(file.Text(), kMaster);
  const auto service = file.Find("submission/inet");
  ASSERT_TRUE(service.has_value());
  EXPECT_EQ(service->command, "smtpd");
  EXPECT_EQ(service->overrides,
            (std::map<std::string, std::string>{{"a", "4"}, {"b", "two words"}, {"c", "3"}}));
}

TEST(MasterCfTest, SetsOverridesInPlaceAndRawBytesBringTheFileBack) {
  for (const std::string name : {"a", "b", "c", "new"}) {
    for (const std::string value : {"", "x,y", "x y"}) {
      MasterCf file(kMaster);
      const auto before = file.Get("submission/inet");
      file.SetOverride("submission/inet", name, value);
      MasterCf later(file.Text());
      EXPECT_EQ(later.Find("submission/inet")->overrides.at(name), value) << later.Text();
      EXPECT_EQ(later.Find("submission/inet")->overrides.size(), name == "new" ? 4u : 3u);
      later.SetRaw("submission/inet", before);
      EXPECT_EQ(later.Text(), kMaster);
    }
  }
}

TEST(MasterCfTest, RemovesEveryDefinitionOfAnOverride) {
  MasterCf file(kMaster);
  file.RemoveOverride("submission/inet", "a");
  EXPECT_EQ(file.Text(),
            "# head\nsmtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd\n"
            "\t-o { b = two words } -oc=3\n# in\n# tail");
}

TEST(CidrTest, AcceptsAddressesAndBlocksAndNothingElse) {
  EXPECT_EQ(Cidr::Parse("192.0.2.77/24")->ForTable(), "192.0.2.0/24");
  EXPECT_EQ(Cidr::Parse("[::1]/128")->ForMynetworks(), "[::1]/128");
  for (const char* bad : {"", "1.2.3", "1.2.3.4/33", "1.2.3.4/", "1.2.3.4/-1", "::/129",
                          "1.2.3.4 permit", "static:all", "1.2.3.4/+8", "!1.2.3.4"})
    EXPECT_FALSE(Cidr::Parse(bad).has_value()) << bad;
}

TEST(OpenRelayTest, IsSeenInNetworksAndInRestrictions) {
  for (const char* open : {"0.0.0.0/0", "127.0.0.0/8, 0.0.0.0/0", "[::]/0", "64.0.0.0/2"})
    EXPECT_TRUE(TrustsStrangers(open)) << open;
  for (const char* closed :
       {"", "127.0.0.0/8 [::1]/128", "10.0.0.0/8", "hash:/etc/postfix/networks"})
    EXPECT_FALSE(TrustsStrangers(closed)) << closed;
  for (const char* open :
       {"", "permit", "permit_mynetworks", "check_client_access hash:/x, permit, reject"})
    EXPECT_TRUE(LetsStrangersPass(open, false)) << open;
  EXPECT_TRUE(LetsStrangersPass("permit_mynetworks, reject", true));
  for (const char* closed :
       {"permit_mynetworks, reject_unauth_destination", "permit_sasl_authenticated reject",
        "check_recipient_access hash:/x, defer_unauth_destination, permit"})
    EXPECT_FALSE(LetsStrangersPass(closed, false)) << closed;
}

TEST(RelayTrafficTest, NamesWhoRelaysToOthersDomainsMostFirst) {
  const std::string log =
      "Nov 24 10:00:00 m postfix/smtpd[1]: AAAA1: client=pc[192.0.2.5]\n"
      "Nov 24 10:00:00 m postfix/smtp[2]: AAAA1: to=<x@far.test>, relay=far[1.2.3.4]:25, "
      "status=sent (250 ok)\n"
      "Nov 24 10:00:00 m postfix/smtp[2]: AAAA1: to=<y@far.test>, relay=far[1.2.3.4]:25, "
      "status=sent (250 ok)\n"
      "2026-11-24T10:00:00+00:00 m postfix/submission/smtpd[1]: AAAA2: client=u[198.51.100.7], "
      "sasl_method=PLAIN, sasl_username=bob@lab.test\n"
      "Nov 24 10:00:00 m postfix/smtp[2]: AAAA2: to=<x@far.test>, relay=none, status=deferred (x)\n"
      "Nov 24 10:00:00 m postfix/submission/smtpd[1]: AAAA3: client=u[198.51.100.7], "
      "sasl_method=PLAIN, sasl_username=bob@lab.test\n"
      "Nov 24 10:00:00 m postfix/smtp[2]: AAAA3: to=<z@far.test>, status=sent\n"
      "Nov 24 10:00:00 m postfix/smtpd[1]: AAAA4: client=pc[192.0.2.9]\n"
      "Nov 24 10:00:00 m postfix/smtp[2]: AAAA4: to=<me@sub.partner.test>, status=sent\n"
      "Nov 24 10:00:00 m postfix-out/smtpd[1]: AAAA5: client=pc[192.0.2.10]\n"
      "Nov 24 10:00:00 m postfix-out/smtp[2]: AAAA5: to=<x@far.test>, status=sent\n"
      "rubbish ]: : to=<\n postfix/smtp[2]: AAAA5: to=<\n";
  TrafficRules rules;
  rules.own_domains = {"lab.test"};
  rules.relay_domains = {"partner.test"};
  const auto uses = RelayersIn(log, rules);
  ASSERT_EQ(uses.size(), 2u);
  EXPECT_EQ(uses[0].account(), "bob@lab.test");
  EXPECT_EQ(uses[0].messages(), 2);
  EXPECT_EQ(uses[1].client(), "192.0.2.5");
  EXPECT_EQ(uses[1].messages(), 1);
  rules.accounts_stay = true;
  rules.clients_stay = {*Cidr::Parse("192.0.2.0/24")};
  EXPECT_TRUE(RelayersIn(log, rules).empty());
}

}  // namespace
}  // namespace mailquench::agent::postfix
