#include "agent/quarantine/filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/status/error.h"

namespace mailquench::agent {
namespace {

MessageFacts Message() {
  MessageFacts m;
  m.sender = "Spam@Example.org";
  m.client = "192.0.2.77";
  m.account = "bob";
  m.recipient_domains = {"a.test", "b.test"};
  m.subject = "Buy CHEAP things";
  m.bytes = 1000;
  m.arrival = absl::FromUnixSeconds(1000);
  return m;
}

bool Matches(const v1::MessageFilter& filter, const MessageFacts& message = Message()) {
  const auto made = Filter::Make(filter);
  EXPECT_TRUE(made.ok()) << made.status();
  return made.ok() && made->Matches(message, absl::FromUnixSeconds(2000));
}

TEST(Filter, EmptyMatchesEverything) {
  EXPECT_TRUE(Matches({}));
}

TEST(Filter, SenderIsWholeAddressDomainOrNull) {
  v1::MessageFilter f;
  f.add_senders("spam@example.ORG");
  EXPECT_TRUE(Matches(f));
  f.set_senders(0, "@example.org");
  EXPECT_TRUE(Matches(f));
  f.set_senders(0, "@ample.org");
  EXPECT_FALSE(Matches(f));
  f.set_senders(0, "<>");
  EXPECT_FALSE(Matches(f));
  MessageFacts bounce = Message();
  bounce.sender.clear();
  EXPECT_TRUE(Matches(f, bounce));
}

TEST(Filter, ConditionsAreAndedAndValuesAreAlternatives) {
  v1::MessageFilter f;
  f.add_accounts("alice");
  f.add_accounts("bob");
  f.add_recipient_domains("B.test");
  f.add_subjects("cheap");
  EXPECT_TRUE(Matches(f));
  f.set_min_bytes(1001);
  EXPECT_FALSE(Matches(f));
  f.set_min_bytes(1000);
  f.mutable_min_age()->set_seconds(1000);
  EXPECT_TRUE(Matches(f));
  f.mutable_min_age()->set_seconds(1001);
  EXPECT_FALSE(Matches(f));
}

TEST(Filter, ClientsAreAddressesAndBlocksOfBothFamilies) {
  const std::vector<std::tuple<std::string, std::string, bool>> cases = {
      {"192.0.2.77", "192.0.2.77", true},           {"192.0.2.64/26", "192.0.2.77", true},
      {"192.0.2.0/26", "192.0.2.77", false},        {"0.0.0.0/0", "192.0.2.77", true},
      {"0.0.0.0/0", "2001:db8::1", false},          {"2001:db8::/32", "2001:db8:ffff::1", true},
      {"2001:db8::/33", "2001:db8:ffff::1", false}, {"::/0", "2001:db8::1", true},
      {"192.0.2.77", "::ffff:192.0.2.77", true},    {"192.0.2.0/24", "unknown", false}};
  for (const auto& [block, address, expected] : cases) {
    v1::MessageFilter f;
    f.add_clients(block);
    MessageFacts m = Message();
    m.client = address;
    EXPECT_EQ(Matches(f, m), expected) << block << " " << address;
  }
}

TEST(Filter, RefusesBadBlocks) {
  for (const char* bad : {"", "x", "192.0.2.1/24", "192.0.2.0/33", "192.0.2.0/", "192.0.2.0/-1",
                          "2001:db8::/129", "192.0.2.0/24x", "192.0.2", "192.0.2.0/ 24"}) {
    v1::MessageFilter f;
    f.add_clients(bad);
    const auto made = Filter::Make(f);
    EXPECT_TRUE(absl::IsInvalidArgument(made.status())) << bad;
    EXPECT_EQ(ReasonOf(made.status()), "BAD_ADDRESS") << bad;
  }
}

TEST(Filter, ExceptTakesOut) {
  v1::MessageFilter f;
  f.mutable_except()->add_recipient_domains("a.test");
  EXPECT_FALSE(Matches(f));
  f.mutable_except()->set_recipient_domains(0, "c.test");
  EXPECT_TRUE(Matches(f));
}

TEST(Filter, RefusesWhatWouldMeanSomethingElse) {
  v1::MessageFilter empty_value, nested, empty_except, negative;
  empty_value.add_senders("");
  nested.mutable_except()->mutable_except()->add_senders("a@b");
  nested.mutable_except()->add_senders("x@y");
  empty_except.mutable_except();
  negative.set_min_bytes(-1);
  for (const auto& f : {empty_value, nested, empty_except, negative})
    EXPECT_EQ(ReasonOf(Filter::Make(f).status()), "BAD_FILTER");
}

}  // namespace
}  // namespace mailquench::agent
