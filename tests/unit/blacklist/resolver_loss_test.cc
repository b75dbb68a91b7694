// The resolver over a path that loses, delays, repeats and forges packets; behind it real rbldnsd.
#include <gmock/gmock.h>

#include <random>

#include "common/blacklist/udp_pace.h"
#include "tests/fakes/udp_proxy.h"
#include "tests/unit/blacklist/resolver_servers.h"

namespace mailquench::blacklist {
namespace {

using test::UdpProxy;
using test::UdpProxyOptions;

class Path : public Rbldnsd {
 protected:
  UdpProxyOptions Way() const {
    UdpProxyOptions options;
    options.server = port_;
    return options;
  }
};

TEST_F(Path, OneOfAHundredPacketsIsLostEachWayAndNoAnswer) {
  auto way = Way();
  way.lose_questions = way.lose_answers = 0.01;
  const UdpProxy proxy(way);
  const auto resolver = MakeResolver(Options(proxy.port()));
  Tally tally;
  AskMany(*resolver, 30000, tally);
  resolver->Run();
  EXPECT_EQ(tally.right(), 30000);
  EXPECT_GT(proxy.lost(), 300);
  EXPECT_EQ(resolver->stats().given_up, 0);
}

TEST_F(Path, OneOfTenPacketsIsLostEachWayAndNoAnswer) {
  auto way = Way();
  way.lose_questions = way.lose_answers = 0.1;
  const UdpProxy proxy(way);
  const auto resolver = MakeResolver(Options(proxy.port()));
  Tally tally;
  AskMany(*resolver, 30000, tally);
  const absl::Time begin = absl::Now();
  resolver->Run();
  EXPECT_EQ(tally.right(), 30000);
  EXPECT_GT(proxy.lost(), 3000);
  EXPECT_EQ(resolver->stats().given_up, 0);
  EXPECT_LT(absl::Now() - begin, absl::Seconds(20));
}

TEST_F(Path, AQueueThatIsTooShortLosesNoAnswer) {
  auto way = Way();
  way.capacity = 40;
  way.delay_ms = 5;
  const UdpProxy proxy(way);
  const auto resolver = MakeResolver(Options(proxy.port()));
  Tally tally;
  AskMany(*resolver, 20000, tally);
  resolver->Run();
  EXPECT_EQ(tally.right(), 20000);
  RecordProperty("lost", proxy.lost());
}

TEST_F(Path, AnswersThatComeTwiceAreLate) {
  auto way = Way();
  way.repeat_answers = 0.5;
  const UdpProxy proxy(way);
  const auto resolver = MakeResolver(Options(proxy.port()));
  Tally tally;
  AskMany(*resolver, 2000, tally);
  resolver->Run();
  Tally more;  // So that the last one is read.
  AskMany(*resolver, 10, more);
  resolver->Run();
  EXPECT_EQ(tally.right(), 2000);
  EXPECT_GT(resolver->stats().late, 800);
  EXPECT_LE(resolver->stats().late, proxy.repeated());
  EXPECT_EQ(resolver->stats().forged, 0);
}

TEST_F(Path, AnAnswerToWhatWasGivenUpIsLate) {
  auto way = Way();
  way.delay_ms = 400;
  const UdpProxy proxy(way);
  const auto resolver = MakeResolver(Options(proxy.port()));
  Tally tally;
  AskMany(*resolver, 20, tally);
  resolver->Run(absl::Now() + absl::Milliseconds(100));
  EXPECT_EQ(tally.timeouts, 20);
  EXPECT_EQ(resolver->stats().given_up, 20);
  absl::SleepFor(absl::Milliseconds(500));
  Tally more;
  AskMany(*resolver, 1, more);
  resolver->Run();
  EXPECT_EQ(more.right(), 1);
  EXPECT_GE(resolver->stats().late, 20);
  EXPECT_EQ(resolver->stats().forged, 0);
}

TEST_F(Path, AnAnswerToTheFirstCopyCountsAfterTheSecondWasSent) {
  auto way = Way();
  way.delay_ms = 300;  // The first try waits for 200.
  const UdpProxy proxy(way);
  const auto resolver = MakeResolver(Options(proxy.port()));
  Tally tally;
  AskMany(*resolver, 10, tally);
  const absl::Time begin = absl::Now();
  resolver->Run();
  EXPECT_EQ(tally.right(), 10);
  EXPECT_LT(absl::Now() - begin, absl::Milliseconds(450));
  EXPECT_EQ(resolver->stats().resent, 10);
}

TEST_F(Path, ThousandsOfQuestionsComeFromSeveralPorts) {
  const UdpProxy proxy(Way());
  const auto resolver = MakeResolver(Options(proxy.port()));
  Tally tally;
  AskMany(*resolver, 10000, tally);
  resolver->Run();
  EXPECT_EQ(tally.right(), 10000);
  EXPECT_EQ(proxy.clients(), 5);
}

TEST_F(Path, AServerFromBeforeEdnsIsAskedWithout) {
  auto way = Way();
  way.no_edns = true;
  const UdpProxy proxy(way);
  const auto resolver = MakeResolver(Options(proxy.port()));
  Tally tally;
  AskMany(*resolver, 3000, tally);
  resolver->Run();
  EXPECT_EQ(tally.right(), 3000);
  EXPECT_GT(resolver->stats().resent, 0);
  EXPECT_LT(resolver->stats().resent, 3000);  // Then it is known, or each were asked twice.
}

class Forger : public Path, public ::testing::WithParamInterface<UdpProxyOptions::Forge> {};

TEST_P(Forger, Vector13ASpoofedReplyIsNotBelieved) {
  auto way = Way();
  way.forge = GetParam();
  const UdpProxy proxy(way);
  const auto resolver = MakeResolver(Options(proxy.port()));
  Tally tally;
  AskMany(*resolver, 1000, tally);
  resolver->Run();
  EXPECT_EQ(tally.right(), 1000);
  EXPECT_EQ(tally.wrong, 0);
  EXPECT_EQ(proxy.forged(), 1000);
  // The kernel drops what comes from another port: nobody sees it.
  if (GetParam() == UdpProxyOptions::Forge::kPort)
    EXPECT_EQ(resolver->stats().forged, 0);
  else
    EXPECT_EQ(resolver->stats().forged, 1000);
}

INSTANTIATE_TEST_SUITE_P(Kinds,
                         Forger,
                         ::testing::Values(UdpProxyOptions::Forge::kId,
                                           UdpProxyOptions::Forge::kCase,
                                           UdpProxyOptions::Forge::kQuestion,
                                           UdpProxyOptions::Forge::kPort,
                                           UdpProxyOptions::Forge::kRandomBytes,
                                           UdpProxyOptions::Forge::kNoQuestion,
                                           UdpProxyOptions::Forge::kLoop));

constexpr std::int64_t kMs = 1'000'000;

TEST(RetryTime, FollowsTheRoundTrips) {
  RetryTime time(1500 * kMs);
  EXPECT_EQ(time.Get(), 1500 * kMs);  // Nothing is known.
  time.Sample(100 * kMs);
  EXPECT_EQ(time.Get(), 300 * kMs);
  for (int i = 0; i < 100; ++i) time.Sample(1 * kMs);
  EXPECT_EQ(time.Get(), 50 * kMs);
  EXPECT_EQ(time.OfTry(2), 112 * kMs + kMs / 2);
  EXPECT_EQ(time.OfTry(31), 1500 * kMs);
  time.WasTooShort(400 * kMs);
  EXPECT_EQ(time.Get(), 600 * kMs);
  for (int i = 0; i < 5000; ++i) time.Sample(1 * kMs);
  EXPECT_EQ(time.Get(), 50 * kMs);
}

// A server that answers a full window every millisecond; `lost(i)`: the i-th of a window is lost.
template <typename Lost>
void Pass(Window& window, int milliseconds, std::int64_t& now, Lost lost) {
  for (int round = 0; round < milliseconds; ++round) {
    now += kMs;
    const int size = window.size();
    for (int i = 0; i < size; ++i) {
      if (lost(i))
        window.Lost(now, 50 * kMs);
      else
        window.Answered(true, now, 50 * kMs);
    }
    EXPECT_GE(window.size(), Window::kLeast);
  }
}

TEST(Window, GrowsWithAnswersAndOnlyWhereItIsInUse) {
  std::int64_t now = kMs;
  Window window(256);
  EXPECT_EQ(window.size(), 32);
  for (int i = 0; i < 1000; ++i) window.Answered(false, now, 50 * kMs);
  EXPECT_EQ(window.size(), 32);
  Pass(window, 4, now, [](int) { return false; });
  EXPECT_GE(window.size(), 96);
  EXPECT_LE(window.size(), 110);
  Pass(window, 3000, now, [](int) { return false; });
  EXPECT_EQ(window.size(), 256);
}

TEST(Window, IsNotMadeSmallByLossThatDoesNotComeFromIt) {
  for (const double share : {0.02, 0.19}) {
    std::int64_t now = kMs;
    std::minstd_rand random(3);
    Window window(256);
    std::int64_t sum = 0;
    for (int i = 0; i < 20000; ++i) {
      Pass(window, 1, now,
           [&](int) { return std::uniform_real_distribution<double>()(random) < share; });
      if (i >= 10000) sum += window.size();
    }
    EXPECT_GT(sum / 10000, 120) << share;
  }
}

TEST(Window, ShrinksWhereLossGrowsWithIt) {
  std::int64_t now = kMs;
  Window window(256);
  Pass(window, 5000, now, [](int) { return false; });
  EXPECT_EQ(window.size(), 256);
  // A queue of 64: what is beyond it is lost.
  Pass(window, 1000, now, [](int i) { return i >= 64; });
  std::int64_t sum = 0;
  for (int i = 0; i < 5000; ++i) {
    Pass(window, 1, now, [](int j) { return j >= 64; });
    sum += window.size();
  }
  EXPECT_LT(sum / 5000, 70);
  EXPECT_GT(sum / 5000, 32);
}

}  // namespace
}  // namespace mailquench::blacklist
