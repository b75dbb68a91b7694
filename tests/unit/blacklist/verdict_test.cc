// Answers of real incidents, by the built-in catalogue.
#include "common/blacklist/verdict.h"

#include <gmock/gmock.h>

namespace mailquench::blacklist {
namespace {

std::uint32_t A(const std::string& text) {
  unsigned a = 0, b = 0, c = 0, d = 0;
  EXPECT_EQ(std::sscanf(text.c_str(), "%u.%u.%u.%u", &a, &b, &c, &d), 4) << text;
  return a << 24 | b << 16 | c << 8 | d;
}

Finding Ask(const std::string& zone, const std::vector<std::string>& addresses) {
  static const auto* catalogue = new absl::StatusOr<Catalogue>(Catalogue::BuiltIn());
  EXPECT_TRUE(catalogue->ok()) << catalogue->status();
  const List* list = (*catalogue)->Find(zone);
  EXPECT_NE(list, nullptr) << zone;
  Answer answer;
  answer.rcode = addresses.empty() ? Rcode::kNxDomain : Rcode::kNoError;
  for (const std::string& one : addresses) answer.addresses.push_back(A(one));
  return list == nullptr ? Finding() : Judge(*list, answer);
}

Finding Fail(const std::string& zone, Rcode rcode) {
  const auto catalogue = Catalogue::BuiltIn();
  Answer answer;
  answer.rcode = rcode;
  return Judge(*catalogue->Find(zone), answer);
}

TEST(Verdict, Vector1ZenAskedThroughAPublicResolverIsBlockedAndNoListing) {
  const Finding finding = Ask("zen.spamhaus.org", {"127.255.255.254"});
  EXPECT_EQ(finding.verdict, Verdict::kBlocked);
  EXPECT_EQ(finding.why, Why::kResolver);
  EXPECT_EQ(Ask("zen.spamhaus.org", {"127.255.255.255"}).why, Why::kQuota);
}

TEST(Verdict, Vector2UriblRefusesWith127001) {
  EXPECT_EQ(Ask("multi.uribl.com", {"127.0.0.1"}).verdict, Verdict::kBlocked);
  EXPECT_EQ(Ask("multi.surbl.org", {"127.0.0.1"}).verdict, Verdict::kBlocked);
}

TEST(Verdict, Vector3ValidityBlocksEverybody) {
  EXPECT_EQ(Ask("bl.score.senderscore.com", {"127.255.255.255"}).verdict, Verdict::kBlocked);
}

TEST(Verdict, Vector4HostkarmaSaysTheSameInEitherOrderAndItsWhiteIsNoListing) {
  const Finding one = Ask("hostkarma.junkemailfilter.com", {"127.0.0.4", "127.0.0.2"});
  const Finding other = Ask("hostkarma.junkemailfilter.com", {"127.0.0.2", "127.0.0.4"});
  EXPECT_EQ(one.verdict, Verdict::kListed);
  EXPECT_EQ(other.verdict, Verdict::kListed);
  EXPECT_EQ(one.meanings.size(), 2u);
  const Finding white = Ask("hostkarma.junkemailfilter.com", {"127.0.0.1"});
  EXPECT_EQ(white.verdict, Verdict::kClean);
  ASSERT_EQ(white.meanings.size(), 1u);
  EXPECT_TRUE(white.meanings[0].good);
}

TEST(Verdict, Vector5AnAnswerOutside127IsRewritten) {
  const Finding finding = Ask("zen.spamhaus.org", {"127.0.0.2", "91.195.240.117"});
  EXPECT_EQ(finding.verdict, Verdict::kRewritten);
  EXPECT_THAT(finding.reason, ::testing::HasSubstr("91.195.240.117"));
}

TEST(Verdict, Vector11AResolverThatBarracudaDoesNotKnowIsSaid) {
  const Finding finding = Fail("b.barracudacentral.org", Rcode::kServFail);
  EXPECT_EQ(finding.verdict, Verdict::kBlocked);
  EXPECT_EQ(finding.why, Why::kResolver);
  EXPECT_EQ(Fail("psbl.surriel.com", Rcode::kServFail).verdict, Verdict::kError);
  EXPECT_EQ(Fail("psbl.surriel.com", Rcode::kTimeout).verdict, Verdict::kError);
}

TEST(Verdict, ListingsHaveTheirMeaningAndComponent) {
  const Finding zen = Ask("zen.spamhaus.org", {"127.0.0.4", "127.0.0.10"});
  EXPECT_EQ(zen.verdict, Verdict::kListed);
  ASSERT_EQ(zen.meanings.size(), 2u);
  EXPECT_EQ(zen.meanings[0].component, "xbl");
  EXPECT_EQ(zen.meanings[1].component, "pbl");
  EXPECT_EQ(Ask("zen.spamhaus.org", {}).verdict, Verdict::kClean);
}

TEST(Verdict, BitsAreReadOneByOne) {
  const Finding finding = Ask("multi.surbl.org", {"127.0.0.24"});  // 8 and 16.
  EXPECT_EQ(finding.verdict, Verdict::kListed);
  EXPECT_EQ(finding.meanings.size(), 2u);
}

TEST(Verdict, AnUndocumentedAnswerOfAListWhoseCodesAreKnownNeitherAlarmsNorClears) {
  EXPECT_EQ(Ask("zen.spamhaus.org", {"127.0.0.99"}).verdict, Verdict::kError);
  EXPECT_EQ(Ask("zen.spamhaus.org", {"127.255.255.17"}).verdict, Verdict::kBlocked);
}

TEST(Verdict, AnAllowListListsNobody) {
  const Finding finding = Ask("list.dnswl.org", {"127.0.5.2"});
  EXPECT_EQ(finding.verdict, Verdict::kClean);
  ASSERT_EQ(finding.meanings.size(), 1u);
  EXPECT_TRUE(finding.meanings[0].good);
}

}  // namespace
}  // namespace mailquench::blacklist
