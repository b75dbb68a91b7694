#include "common/blacklist/catalogue.h"

#include <gmock/gmock.h>

#include <set>

#include "common/blacklist/subject.h"
#include "common/status/error.h"

namespace mailquench::blacklist {
namespace {

using ::testing::HasSubstr;

TEST(BuiltIn, HasEveryKnownListOnceAndEnablesOnlyWhatLives) {
  const auto catalogue = Catalogue::BuiltIn();
  ASSERT_TRUE(catalogue.ok()) << catalogue.status();
  int live = 0, enabled = 0;
  std::set<std::string> zones;
  for (const List& list : catalogue->lists()) {
    EXPECT_TRUE(zones.insert(list.zone).second) << list.zone;
    EXPECT_TRUE(list.ip4 || list.ip6 || list.domain) << list.zone;
    live += list.state == State::kLive ? 1 : 0;
    enabled += list.enabled ? 1 : 0;
    if (list.enabled) {
      EXPECT_EQ(list.state, State::kLive) << list.zone;
      EXPECT_NE(list.confidence, 'C') << list.zone;
      EXPECT_EQ(list.purpose, Purpose::kBlock) << list.zone;
    }
    if (list.state != State::kLive) {
      EXPECT_FALSE(list.why.empty()) << list.zone << ": who asks for it is told why not";
    } else {
      EXPECT_FALSE(list.codes.empty()) << list.zone;
    }
  }
  EXPECT_EQ(zones.size(), 198u);
  EXPECT_EQ(live, 122);
  EXPECT_EQ(enabled, 89);  // 7 of them only with the key of an account.
}

TEST(BuiltIn, CountsOneFindingOnceThoughSeveralZonesHaveIt) {
  const auto catalogue = Catalogue::BuiltIn();
  ASSERT_TRUE(catalogue.ok());
  std::set<std::string> components;
  for (const char* zone :
       {"zen.spamhaus.org", "xbl.spamhaus.org", "cbl.abuseat.org", "sbl-xbl.spamhaus.org"}) {
    const List* list = catalogue->Find(zone);
    ASSERT_NE(list, nullptr) << zone;
    for (const Code& code : list->codes) {
      // 127.0.0.4, or what a list of its own answers for the same.
      if (!code.range.Has(0x7f000004) && list->codes.size() > 1) continue;
      components.insert(list->operator_name + "/" + code.component);
    }
  }
  EXPECT_EQ(components, std::set<std::string>{"Spamhaus/xbl"});
}

TEST(Own, AddsReplacesEnablesAndDisables) {
  auto catalogue = Catalogue::BuiltIn();
  ASSERT_TRUE(catalogue.ok());
  const auto applied = catalogue->Apply({"own.yaml", R"(
lists:
  - {zone: bl.mine.test, operator: Mine, covers: [ip4], codes: {127.0.0.2: {is: mine}}}
  - {zone: psbl.surriel.com, operator: Other, covers: [ip4]}
disable: [zen.spamhaus.org]
)"});
  ASSERT_TRUE(applied.ok()) << applied;
  EXPECT_TRUE(catalogue->Find("BL.mine.TEST")->enabled);
  EXPECT_EQ(catalogue->Find("psbl.surriel.com")->operator_name, "Other");
  EXPECT_FALSE(catalogue->Find("zen.spamhaus.org")->enabled);
  EXPECT_EQ(catalogue->lists().size(), 199u);
}

TEST(Own, IsRefusedWithFileLineAndColumnAndTheCatalogueStaysAsItWas) {
  auto catalogue = Catalogue::BuiltIn();
  ASSERT_TRUE(catalogue.ok());
  const std::string entry = "lists:\n  - zone: a.test\n    operator: A\n    covers: [ip4]\n";
  const std::pair<std::string, const char*> bad[] = {
      {"enable: [dnsbl.sorbs.net]\n", "own.yaml:1:10: dnsbl.sorbs.net is dead"},
      {"enable: [no.such.test]\n", "has no list 'no.such.test'"},
      {"liste: []\n", "own.yaml:1:1: unknown key 'liste'"},
      {"lists: 7\n", "own.yaml:1:8: 'lists' is a list"},
      {"lists:\n  - zone: a.test\n", "'operator' is missing"},
      {entry + "    covers: [ip4]\n", "own.yaml:5:5: 'covers' twice"},
      {entry + "    codes: {192.0.2.1: {is: x}}\n", "in 127.0.0.0/8"},
      {entry + "    codes: {127.0.0.4-127.0.0.2: {is: x}}\n", "ascending range"},
      {entry + "    codes: {127.0.0.2: {is: x}, 127.0.0.2: {is: y}}\n", "ascending order"},
      {entry + "    errors: {127.0.0.2: {why: moon}}\n", "'why' is one of resolver, quota"},
      {entry + "    tier: many\n", "'tier' is a number"},
      {entry + "    delist: {clears_after: soon}\n", "length of time"},
      {entry + "    status: dead\n    enabled: true\n", "cannot be enabled"},
      {"lists:\n  - {zone: UPPER.test, operator: A, covers: [ip4]}\n", "lower case"},
      {"lists: [\n", "own.yaml:2:"},
      {std::string(2 << 20, ' '), "larger than 1 MB"},
  };
  for (const auto& [text, what] : bad) {
    const absl::Status status = catalogue->Apply({"own.yaml", text});
    EXPECT_EQ(ReasonOf(status), "BAD_CATALOGUE") << text.substr(0, 200);
    EXPECT_THAT(std::string(status.message()), HasSubstr(what));
    EXPECT_EQ(catalogue->lists().size(), 198u);
  }
}

TEST(QueryNames, AreReversedOctetsNibblesOrTheDomain) {
  List list;
  list.zone = "bl.test";
  list.ip4 = list.ip6 = list.domain = true;
  const auto name = [&](const char* text) {
    const auto subject = Subject::Parse(text);
    EXPECT_TRUE(subject.ok()) << subject.status();
    return QueryName(list, *subject).value_or("");
  };
  EXPECT_EQ(name("192.0.2.1"), "1.2.0.192.bl.test");
  EXPECT_EQ(name("::ffff:192.0.2.1"), "1.2.0.192.bl.test");
  EXPECT_EQ(name("[2001:DB8::1]"),
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl.test");
  EXPECT_EQ(name("Example.ORG."), "example.org.bl.test");
  list.key_first = true;
  EXPECT_EQ(*QueryName(list, *Subject::Parse("192.0.2.1"), "k3y"), "1.2.0.192.k3y.bl.test");
  EXPECT_EQ(ReasonOf(QueryName(list, *Subject::Parse("192.0.2.1")).status()), "KEY_MISSING");
}

TEST(QueryNames, Vector9ADomainListIsNeverAskedForAnAddress) {
  const auto catalogue = Catalogue::BuiltIn();
  ASSERT_TRUE(catalogue.ok());
  const List* dbl = catalogue->Find("dbl.spamhaus.org");
  ASSERT_NE(dbl, nullptr);
  EXPECT_EQ(ReasonOf(QueryName(*dbl, *Subject::Parse("192.0.2.1")).status()), "NOT_COVERED");
  EXPECT_EQ(*QueryName(*dbl, *Subject::Parse("example.org")), "example.org.dbl.spamhaus.org");
}

TEST(Subjects, ThatAreNoneAreRefused) {
  for (const char* text : {"", "192.0.2", "192.0.2.256", "1.2.3.4.5", "localhost", "a..b", ".",
                           "2001:db8::g", "ex ample.org", "ex\nample.org", "[192.0.2.1", "a.b;c"})
    EXPECT_EQ(ReasonOf(Subject::Parse(text).status()), "BAD_SUBJECT") << text;
}

}  // namespace
}  // namespace mailquench::blacklist
