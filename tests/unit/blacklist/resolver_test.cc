// The resolver against real rbldnsd on loopback.
#include "common/blacklist/resolver.h"

#include <gmock/gmock.h>

#include "tests/unit/blacklist/resolver_servers.h"

namespace mailquench::blacklist {
namespace {

TEST_F(Rbldnsd, ThousandsOfQuestionsAreAnsweredRightAndNoneIsLost) {
  const auto resolver = Make();
  Tally tally;
  AskMany(*resolver, 10000, tally);
  const absl::Time begin = absl::Now();
  resolver->Run();
  EXPECT_EQ(tally.right(), 10000);
  EXPECT_EQ(resolver->stats().answered, 10000);
  EXPECT_EQ(resolver->stats().given_up, 0);
  EXPECT_EQ(resolver->stats().forged, 0);
  RecordProperty("ms", static_cast<int>(absl::ToInt64Milliseconds(absl::Now() - begin)));
}

TEST_F(Rbldnsd, TheReasonIsInTheText) {
  const auto resolver = Make();
  Reply got;
  resolver->Ask("1.2.0.192.bl.test", RecordType::kTxt, [&](const Reply& reply) { got = reply; });
  resolver->Run();
  EXPECT_THAT(got.texts, ::testing::ElementsAre("Listed: 192.0.2.1"));
  EXPECT_EQ(got.server, absl::StrCat("127.0.0.1:", port_));
  EXPECT_GT(got.ttl, 0u);
}

TEST_F(Rbldnsd, ADeadServerIsFollowedByTheNext) {
  const auto resolver = Make({absl::StrCat("127.0.0.1:", test::FreePort())});
  const absl::Time begin = absl::Now();
  Tally tally;
  AskMany(*resolver, 1000, tally);
  resolver->Run();
  EXPECT_EQ(tally.right(), 1000);
  EXPECT_LT(absl::Now() - begin, absl::Seconds(2));
}

TEST_F(Rbldnsd, AServerThatIsSilentIsFollowedByTheNext) {
  // A socket that nobody reads.
  const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const auto resolver = Make({absl::StrCat("127.0.0.1:", ntohs(address.sin_port))});
  const absl::Time begin = absl::Now();
  Tally tally;
  AskMany(*resolver, 5000, tally);
  resolver->Run();
  EXPECT_EQ(tally.right(), 5000);
  EXPECT_LT(absl::Now() - begin, absl::Seconds(4));
  ::close(fd);
}

TEST(Resolver, OneSilentServerCostsItsPatienceOnce) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  ResolverOptions options;
  options.servers = {absl::StrCat("127.0.0.1:", ntohs(address.sin_port))};
  options.timeout = absl::Milliseconds(100);
  options.patience = absl::Seconds(1);
  const auto resolver = MakeResolver(options);
  int timeouts = 0, sourced = 0;
  for (int i = 0; i < 5000; ++i)
    resolver->Ask("a.test", RecordType::kA, [&](const Reply& reply) {
      timeouts += reply.answer.rcode == Rcode::kTimeout ? 1 : 0;
    });
  const absl::Time begin = absl::Now();
  resolver->Run(absl::InfiniteFuture(), [&] {
    if (sourced == 5000) return absl::InfiniteFuture();
    ++sourced;
    resolver->Ask("b.test", RecordType::kA, [&](const Reply& reply) {
      timeouts += reply.answer.rcode == Rcode::kTimeout ? 1 : 0;
    });
    return absl::InfinitePast();
  });
  EXPECT_EQ(timeouts, 10000);
  EXPECT_GT(absl::Now() - begin, absl::Seconds(1));
  EXPECT_LT(absl::Now() - begin, absl::Seconds(4));
  ::close(fd);
}

TEST_F(Rbldnsd, AServerThatRestartsLosesNoQuestion) {
  const auto resolver = Make();
  Tally tally;
  AskMany(*resolver, 1000, tally);
  Stop();  // Its port refuses now.
  const pid_t later = ::fork();
  if (later == 0) {
    absl::SleepFor(absl::Milliseconds(700));
    ::execl("/usr/sbin/rbldnsd", "rbldnsd", "-n", "-u", "rbldns:rbldns", "-w", dir_.c_str(), "-b",
            absl::StrCat("127.0.0.1/", port_).c_str(), "bl.test:ip4set:list", nullptr);
    ::_exit(127);
  }
  resolver->Run();
  EXPECT_EQ(tally.right(), 1000);
  pid_ = later;
}

TEST_F(Rbldnsd, AServerThatComesBackIsAskedAgain) {
  auto options = Options(port_);
  options.patience = absl::Milliseconds(600);
  const auto resolver = MakeResolver(options);
  kill(pid_, SIGSTOP);
  Tally lost, back;
  AskMany(*resolver, 300, lost);
  resolver->Run();
  EXPECT_EQ(lost.timeouts, 300);
  kill(pid_, SIGCONT);
  AskMany(*resolver, 300, back);
  resolver->Run();
  EXPECT_EQ(back.right(), 300);
}

TEST_F(Rbldnsd, OneWhoAsksAgainForEverDoesNotKeepTheEndFromComing) {
  kill(pid_, SIGSTOP);
  int asked = 0;
  Resolver::Callback again;  // Outlives the resolver, whose end calls it.
  const auto resolver = Make();
  again = [&](const Reply&) {
    if (++asked < 1000) resolver->Ask("1.2.0.192.bl.test", RecordType::kA, again);
  };
  for (int i = 0; i < 200; ++i) resolver->Ask("1.2.0.192.bl.test", RecordType::kA, again);
  resolver->Run(absl::Now() + absl::Milliseconds(100));
  kill(pid_, SIGCONT);
  EXPECT_EQ(asked, 200);
}

TEST_F(Rbldnsd, WhatIsNotAnsweredInTimeIsATimeout) {
  kill(pid_, SIGSTOP);
  const auto resolver = Make();
  Rcode got = Rcode::kNoError;
  resolver->Ask("1.2.0.192.bl.test", RecordType::kA,
                [&](const Reply& reply) { got = reply.answer.rcode; });
  resolver->Run(absl::Now() + absl::Milliseconds(300));
  kill(pid_, SIGCONT);
  EXPECT_EQ(got, Rcode::kTimeout);
}

TEST_F(Rbldnsd, TheDestructorEndsWhatIsAsked) {
  Rcode got = Rcode::kNoError;
  {
    const auto resolver = Make();
    resolver->Ask("1.2.0.192.bl.test", RecordType::kA,
                  [&](const Reply& reply) { got = reply.answer.rcode; });
  }
  EXPECT_EQ(got, Rcode::kTimeout);
}

TEST_F(Rbldnsd, ASourceIsAskedWhileThereIsRoomAndNoFurther) {
  auto options = Options(port_);
  options.window = 64;
  const auto resolver = MakeResolver(options);
  constexpr int kAll = 100000;
  int asked = 0, most = 0;
  Tally tally;
  resolver->Run(absl::InfiniteFuture(), [&] {
    if (asked == kAll) return absl::InfiniteFuture();
    AskNumber(*resolver, asked++, tally);
    most = std::max(most, asked - tally.right());
    return absl::InfinitePast();
  });
  EXPECT_EQ(tally.right(), kAll);
  EXPECT_LE(most, 64);
}

TEST_F(Rbldnsd, ASourceThatAsksNothingDoesNotKeepTheEndFromComing) {
  const auto resolver = Make();
  Tally tally;
  AskMany(*resolver, 100, tally);
  resolver->Run(absl::Now() + absl::Milliseconds(200), [] { return absl::InfinitePast(); });
  EXPECT_EQ(tally.right(), 100);
}

TEST_F(Rbldnsd, ASourceMayWantToWait) {
  const auto resolver = Make();
  Tally tally;
  int asked = 0;
  const absl::Time begin = absl::Now();
  resolver->Run(absl::InfiniteFuture(), [&]() -> absl::Time {
    AskNumber(*resolver, asked++, tally);
    return asked == 3 ? absl::InfiniteFuture() : absl::Now() + absl::Milliseconds(100);
  });
  EXPECT_EQ(tally.right(), 3);
  EXPECT_GE(absl::Now() - begin, absl::Milliseconds(200));
  EXPECT_LT(absl::Now() - begin, absl::Milliseconds(800));
}

TEST_F(Rbldnsd, WhatPublicResolversMustNotBeAskedIsAskedOfOurOwn) {
  // 8.8.8.8 is not there: what is asked of it would wait.
  const auto resolver = Make({"8.8.8.8"});
  int answered = 0;
  for (int i = 0; i < 500; ++i)
    resolver->Ask("1.2.0.192.bl.test", RecordType::kA,
                  [&](const Reply& reply) {
                    answered += reply.server == absl::StrCat("127.0.0.1:", port_) ? 1 : 0;
                  },
                  {/*own_servers_only=*/true});
  resolver->Run();
  EXPECT_EQ(answered, 500);
  EXPECT_EQ(resolver->stats().sent, 500);
}

TEST(Resolver, WithPublicResolversAloneNothingIsAskedOfThem) {
  ResolverOptions options;
  options.servers = {"8.8.8.8", "[2606:4700:4700::1111]:53"};
  const auto resolver = MakeResolver(options);
  Reply got;
  bool called = false;
  resolver->Ask("a.test", RecordType::kA,
                [&](const Reply& reply) {
                  called = true;
                  got = reply;
                },
                {/*own_servers_only=*/true});
  EXPECT_FALSE(called);  // From Run() only.
  resolver->Run();
  EXPECT_TRUE(called);
  EXPECT_TRUE(got.not_asked);
  EXPECT_EQ(got.answer.rcode, Rcode::kRefused);
  EXPECT_EQ(resolver->stats().sent, 0);
}

TEST_F(Rbldnsd, ANameThatIsNoneIsNotAsked) {
  const auto resolver = Make();
  std::vector<Rcode> got;
  for (const std::string& name : {std::string("a..test"), std::string(".a"), std::string(),
                                  std::string(64, 'a') + ".test", std::string("a\\25.test")})
    resolver->Ask(name, RecordType::kA,
                  [&](const Reply& reply) { got.push_back(reply.answer.rcode); });
  resolver->Run();
  EXPECT_THAT(got, ::testing::ElementsAre(Rcode::kFormErr, Rcode::kFormErr, Rcode::kFormErr,
                                          Rcode::kFormErr, Rcode::kFormErr));
}

TEST_F(Rbldnsd, TheServersOfTheSystemAreNamedByTheirAddress) {
  ResolverOptions options;
  options.resolv_conf = dir_ + "/resolv.conf";
  std::ofstream(options.resolv_conf) << "# nothing\nnameserver 127.0.0.9\n";
  options.timeout = absl::Milliseconds(50);
  const Reply reply = AskOne(options, "a.test", RecordType::kA);
  EXPECT_EQ(reply.answer.rcode, Rcode::kTimeout);
  EXPECT_EQ(reply.server, "127.0.0.9");
}

}  // namespace
}  // namespace mailquench::blacklist
