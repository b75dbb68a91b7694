#include "agent/quarantine/top_k.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace mailquench::agent {
namespace {

TEST(TopK, CountsExactlyBelowItsCapacity) {
  TopK top(10);
  for (int i = 0; i < 30; ++i) top.Add(i % 3 == 0 ? "a" : "b", 10);
  ASSERT_EQ(top.Largest(5).size(), 2u);
  EXPECT_EQ(top.Largest(5)[0].value, "b");
  EXPECT_EQ(top.Largest(5)[0].count, 20);
  EXPECT_EQ(top.Largest(5)[0].bytes, 200);
  EXPECT_EQ(top.Largest(1).size(), 1u);
  EXPECT_FALSE(top.approximate());
  EXPECT_EQ(top.ErrorBound(), 0);
}

TEST(TopK, FindsTheHeavyOnesInAStreamOfRareOnes) {
  TopK top(100);
  std::mt19937 random(7);
  std::map<std::string, int> truth;
  for (int i = 0; i < 50000; ++i) {
    const std::string value =
        random() % 4 == 0 ? "heavy" + std::to_string(random() % 3) : "rare" + std::to_string(i);
    ++truth[value];
    top.Add(value, 1);
  }
  EXPECT_TRUE(top.approximate());
  EXPECT_LE(top.ErrorBound(), 50000 / 100);
  const auto largest = top.Largest(3);
  ASSERT_EQ(largest.size(), 3u);
  for (const auto& entry : largest) {
    EXPECT_EQ(entry.value.substr(0, 5), "heavy");
    EXPECT_GE(entry.count, truth[entry.value]);
    EXPECT_LE(entry.count, truth[entry.value] + top.ErrorBound());
  }
}

TEST(Picture, HoldsAtMostTwentyOfEachAndNamesTheNullSender) {
  Picture picture;
  for (int i = 0; i < 100; ++i) {
    MessageFacts m;
    m.subject = "s" + std::to_string(i);
    m.bytes = 5;
    picture.Add(m);
  }
  const v1::TrafficPicture built = picture.Build();
  EXPECT_EQ(built.subjects_size(), 20);
  ASSERT_EQ(built.senders_size(), 1);
  EXPECT_EQ(built.senders(0).value(), "<>");
  EXPECT_EQ(built.senders(0).bytes(), 500);
  EXPECT_EQ(built.accounts_size(), 0);
  EXPECT_FALSE(built.approximate());
}

TEST(Printable, GivesValidUtf8OfBoundedLength) {
  EXPECT_EQ(Printable("a\nb\x1b\xff"), "a?b??");
  EXPECT_EQ(Printable("\xc3\xbc\xe2\x82\xac"), "\xc3\xbc\xe2\x82\xac");
  EXPECT_EQ(Printable("\xed\xa0\x80"), "???");
  EXPECT_EQ(Printable("ab\xc3\xbc", 3), "ab");
}

}  // namespace
}  // namespace mailquench::agent
