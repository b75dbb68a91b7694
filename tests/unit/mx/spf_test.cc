// The examples of RFC 7208, asked of a real BIND.
#include "controller/mx/spf.h"

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "controller/mx/spf_macro.h"
#include "controller/mx/spf_record.h"
#include "controller/mx/values.h"
#include "tests/unit/mx/dns_world.h"

namespace mailquench::controller::mx {
namespace {

using test::World;

// Appendix A, with what its texts and section 7 need beside it.
class SpfOfTheRfc : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    world_ = new World(
        {{"example.com",
          "@ MX 10 mail-a\n@ MX 20 mail-b\n@ A 192.0.2.10\n@ A 192.0.2.11\namy A 192.0.2.65\n"
          "bob A 192.0.2.66\nmail-a A 192.0.2.129\nmail-b A 192.0.2.130\nwww CNAME example.com.\n"
          "mary.mobile-users._spf A 127.0.0.2\nfred.mobile-users._spf A 127.0.0.2\n"
          "15.15.168.192.joel.remote-users._spf A 127.0.0.2\n"
          "many MX 10 mail-a\nempty TXT \"v=spf1\"\nloop TXT \"v=spf1 include:loop.example.com\"\n"
          "two TXT \"v=spf1 -all\"\ntwo TXT \"v=spf1 +all\"\nv6 AAAA 2001:db8::1\n"
          "long TXT \"v=spf1 ip4:192.0.2.9\" \"9 -all\"\n"},
         {"example.org", "@ MX 10 mail-c\nmail-c A 192.0.2.140\n@ TXT \"v=spf1 mx -all\"\n"},
         {"2.0.192.in-addr.arpa",
          "10 PTR example.com.\n11 PTR example.com.\n65 PTR amy.example.com.\n"
          "66 PTR bob.example.com.\n129 PTR mail-a.example.com.\n130 PTR mail-b.example.com.\n"
          "140 PTR mail-c.example.org.\n"},
         {"0.0.10.in-addr.arpa", "4 PTR bob.example.com.\n"}});
  }
  static void TearDownTestSuite() {
    delete world_;
    world_ = nullptr;
  }

  SpfAnswer Ask(const std::string& record,
                const std::string& address,
                const std::string& sender = "") {
    Lookups lookups({world_->primary()}, {absl::Seconds(1), 2});
    lookups.Assume("example.com", "TXT", {TxtValue(record)}, 60);
    return CheckSpf(&lookups, {address, "example.com", sender, "mail.example.com"});
  }
  std::string Result(const std::string& record,
                     const std::string& address,
                     const std::string& sender = "") {
    return SpfResultName(Ask(record, address, sender).result);
  }

  static World* world_;
};
World* SpfOfTheRfc::world_ = nullptr;

TEST_F(SpfOfTheRfc, SimpleExamplesOfAppendixA1) {
  EXPECT_EQ(Result("v=spf1 +all", "203.0.113.9"), "pass");
  EXPECT_EQ(Result("v=spf1 a -all", "192.0.2.10"), "pass");
  EXPECT_EQ(Result("v=spf1 a -all", "192.0.2.11"), "pass");
  EXPECT_EQ(Result("v=spf1 a -all", "192.0.2.129"), "fail");
  EXPECT_EQ(Result("v=spf1 a:example.org -all", "192.0.2.10"), "fail");
  EXPECT_EQ(Result("v=spf1 mx -all", "192.0.2.129"), "pass");
  EXPECT_EQ(Result("v=spf1 mx -all", "192.0.2.130"), "pass");
  EXPECT_EQ(Result("v=spf1 mx -all", "192.0.2.10"), "fail");
  EXPECT_EQ(Result("v=spf1 mx:example.org -all", "192.0.2.140"), "pass");
  EXPECT_EQ(Result("v=spf1 mx mx:example.org -all", "192.0.2.140"), "pass");
  EXPECT_EQ(Result("v=spf1 mx/30 mx:example.org/30 -all", "192.0.2.131"), "pass");
  EXPECT_EQ(Result("v=spf1 mx/30 mx:example.org/30 -all", "192.0.2.143"), "pass");
  EXPECT_EQ(Result("v=spf1 mx/30 mx:example.org/30 -all", "192.0.2.132"), "fail");
  EXPECT_EQ(Result("v=spf1 ptr -all", "192.0.2.65"), "pass");
  EXPECT_EQ(Result("v=spf1 ptr -all", "192.0.2.140"), "fail");
  EXPECT_EQ(Result("v=spf1 ptr -all", "10.0.0.4"), "fail");
  EXPECT_EQ(Result("v=spf1 ip4:192.0.2.128/28 -all", "192.0.2.65"), "fail");
  EXPECT_EQ(Result("v=spf1 ip4:192.0.2.128/28 -all", "192.0.2.129"), "pass");
}

TEST_F(SpfOfTheRfc, OtherDomainsOfAppendixA2) {
  EXPECT_EQ(Result("v=spf1 include:example.org -all", "192.0.2.140"), "pass");
  EXPECT_EQ(Result("v=spf1 include:example.org -all", "192.0.2.10"), "fail");
  EXPECT_EQ(Result("v=spf1 redirect=example.org", "192.0.2.140"), "pass");
  EXPECT_EQ(Result("v=spf1 redirect=example.org", "192.0.2.10"), "fail");
  const SpfAnswer none = Ask("v=spf1 include:mail-a.example.com -all", "192.0.2.10");
  EXPECT_EQ(none.result, SpfResult::kPermError);
  EXPECT_THAT(none.problem, ::testing::HasSubstr("mail-a.example.com, which has no SPF record"));
}

TEST_F(SpfOfTheRfc, MobileUsersOfAppendixA4) {
  const std::string record =
      "v=spf1 mx include:mobile-users._spf.%{d} include:remote-users._spf.%{d} -all";
  EXPECT_EQ(Result(record, "192.0.2.129"), "pass");
  EXPECT_EQ(Result("v=spf1 exists:%{l1r+}.mobile-users._spf.%{d} -all", "203.0.113.1",
                   "mary@example.com"),
            "pass");
  EXPECT_EQ(
      Result("v=spf1 exists:%{l1r+}.mobile-users._spf.%{d} -all", "203.0.113.1", "jim@example.com"),
      "fail");
  EXPECT_EQ(Result("v=spf1 exists:%{ir}.%{l1r+}.remote-users._spf.%{d} -all", "192.168.15.15",
                   "joel@example.com"),
            "pass");
}

TEST_F(SpfOfTheRfc, RecordsAreChosenAndJoinedAsSection4Says) {
  Lookups lookups = Lookups({world_->primary()}, {absl::Seconds(1), 2});
  EXPECT_EQ(CheckSpf(&lookups, {"192.0.2.99", "long.example.com", "", ""}).result,
            SpfResult::kPass);
  EXPECT_EQ(CheckSpf(&lookups, {"192.0.2.1", "two.example.com", "", ""}).result,
            SpfResult::kPermError);
  EXPECT_EQ(CheckSpf(&lookups, {"192.0.2.1", "empty.example.com", "", ""}).result,
            SpfResult::kNeutral);
  EXPECT_EQ(CheckSpf(&lookups, {"192.0.2.1", "mail-a.example.com", "", ""}).result,
            SpfResult::kNone);
  EXPECT_EQ(CheckSpf(&lookups, {"192.0.2.1", "loop.example.com", "", ""}).result,
            SpfResult::kPermError);
  EXPECT_EQ(Result("v=spf10 +all", "192.0.2.1"), "none");
  EXPECT_EQ(Result("v=spf1 a:v6.example.com -all", "2001:db8::1"), "pass");
  EXPECT_EQ(Result("v=spf1 ip6:2001:db8::/32 ~all", "2001:db8:1::1"), "pass");
  EXPECT_EQ(Result("v=spf1 ?all", "192.0.2.1"), "neutral");
}

TEST_F(SpfOfTheRfc, MalformedTermsBreakTheWholeRecord) {
  for (const char* term : {"ip4:192.0.2.300", "ip4:192.0.2.1/33", "a:", "include:", "al", "all:x",
                           "redirect=example.org redirect=example.org", "a/033", "exists:%{x}.a.b",
                           "include:example", "a:example.com/24/64", "ip6:::1/129", "-"}) {
    EXPECT_EQ(Result(absl::StrCat("v=spf1 ip4:192.0.2.1 ", term, " -all"), "192.0.2.1"),
              "permerror")
        << term;
  }
  // What is not known as a modifier is passed over.
  EXPECT_EQ(Result("v=spf1 moo=%{d} ip4:192.0.2.1 -all", "192.0.2.1"), "pass");
}

TEST_F(SpfOfTheRfc, TenLookUpsAreAllowedAndElevenAreNot) {
  std::string record = "v=spf1";
  for (int i = 0; i < 10; ++i) absl::StrAppend(&record, " a:amy.example.com");
  EXPECT_EQ(Result(absl::StrCat(record, " -all"), "203.0.113.1"), "fail");
  EXPECT_EQ(Result(absl::StrCat(record, " mx -all"), "203.0.113.1"), "permerror");
  EXPECT_EQ(
      Result(absl::StrCat("v=spf1 ip4:203.0.113.1", record.substr(6), " mx -all"), "203.0.113.1"),
      "pass");
  Lookups lookups = Lookups({world_->primary()}, {absl::Seconds(1), 2});
  lookups.Assume("example.com", "TXT", {TxtValue(absl::StrCat(record, " mx -all"))}, 60);
  const SpfAnswer worst = CountSpf(&lookups, "example.com");
  EXPECT_EQ(worst.lookups, 11);
  EXPECT_EQ(worst.result, SpfResult::kPermError);
  EXPECT_THAT(worst.problem, ::testing::HasSubstr("11 look-ups"));
}

TEST_F(SpfOfTheRfc, TwoVoidLookUpsAreAllowedAndThreeAreNot) {
  EXPECT_EQ(Result("v=spf1 a:n1.example.com a:n2.example.com ip4:192.0.2.1 -all", "192.0.2.1"),
            "pass");
  EXPECT_EQ(Result("v=spf1 a:n1.example.com a:n2.example.com a:n3.example.com ip4:192.0.2.1 -all",
                   "192.0.2.1"),
            "permerror");
}

TEST_F(SpfOfTheRfc, NoAnswerIsNoVerdict) {
  Lookups lookups({"127.0.0.9:9"}, {absl::Milliseconds(50), 1});
  EXPECT_EQ(CheckSpf(&lookups, {"192.0.2.1", "example.com", "", ""}).result, SpfResult::kTempError);
}

TEST(SpfMacros, ExamplesOfSection74) {
  const SpfMacros four = {"192.0.2.3", "strong-bad@email.example.com", "email.example.com", ""};
  const SpfMacros six = {"2001:db8::cb01", "strong-bad@email.example.com", "email.example.com", ""};
  const std::vector<std::pair<std::string, std::string>> examples = {
      {"%{s}", "strong-bad@email.example.com"},
      {"%{o}", "email.example.com"},
      {"%{d}", "email.example.com"},
      {"%{d4}", "email.example.com"},
      {"%{d3}", "email.example.com"},
      {"%{d2}", "example.com"},
      {"%{d1}", "com"},
      {"%{dr}", "com.example.email"},
      {"%{d2r}", "example.email"},
      {"%{l}", "strong-bad"},
      {"%{l-}", "strong.bad"},
      {"%{lr}", "strong-bad"},
      {"%{lr-}", "bad.strong"},
      {"%{l1r-}", "strong"},
      {"%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"},
      {"%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"},
      {"%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"},
      {"%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"},
      {"%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"},
      {"%%%_%-", "% %20"},
      {"%{S}", "strong-bad%40email.example.com"}};
  for (const auto& [macro, value] : examples) {
    const auto expanded = ExpandMacros(macro, four);
    ASSERT_TRUE(expanded.ok()) << macro << ": " << expanded.status();
    EXPECT_EQ(*expanded, value) << macro;
  }
  EXPECT_EQ(*ExpandMacros("%{ir}.%{v}._spf.%{d2}", six),
            "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com");
  EXPECT_FALSE(ExpandMacros("%{x}", four).ok());
  EXPECT_FALSE(ExpandMacros("%{d", four).ok());
  EXPECT_FALSE(ExpandMacros("%{d0}", four).ok());
}

TEST(SpfWith, ReplacesTheOldAddressOrAddsTheNewOneFirst) {
  EXPECT_EQ(SpfWith("v=spf1 ip4:192.0.2.1 -all", "192.0.2.1", "192.0.2.2"),
            "v=spf1 ip4:192.0.2.2 -all");
  EXPECT_EQ(SpfWith("v=spf1 a IP4:192.0.2.1/32 -all", "192.0.2.1", "192.0.2.2"),
            "v=spf1 a ip4:192.0.2.2 -all");
  EXPECT_EQ(SpfWith("v=spf1 a -all", "192.0.2.1", "192.0.2.2"), "v=spf1 ip4:192.0.2.2 a -all");
  EXPECT_EQ(SpfWith("v=spf1 ip4:192.0.2.2 -all", "192.0.2.1", "192.0.2.2"),
            "v=spf1 ip4:192.0.2.2 -all");
  EXPECT_EQ(SpfWith("v=spf1 ip4:192.0.2.2 ip4:192.0.2.1 -all", "192.0.2.1", "192.0.2.2"),
            "v=spf1 ip4:192.0.2.2 -all");
  EXPECT_EQ(SpfWith("v=spf1 -all", "", "2001:db8::1"), "v=spf1 ip6:2001:db8::1 -all");
}

TEST(TxtValues, AreExactBothWays) {
  for (const std::string& text : {std::string("v=spf1 -all"), std::string("a\"b\\c"),
                                  std::string(600, 'x'), std::string("\x01\xff"), std::string()})
    EXPECT_EQ(TxtText(TxtValue(text)), text);
}

}  // namespace
}  // namespace mailquench::controller::mx
