// The resolver against real rbldnsd and BIND on loopback.
#include "common/blacklist/resolver.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/e2e/processes.h"

namespace mailquench::blacklist {
namespace {

class Rbldnsd : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/mq-rbldnsd-XXXXXX";
    dir_ = mkdtemp(name);
    std::filesystem::permissions(dir_, std::filesystem::perms(0755));
    std::ofstream(dir_ + "/list") << ":127.0.0.2:Listed: $\n127.0.0.2\n192.0.2.0/25\n";
    port_ = test::FreePort();
    pid_ = test::Spawn({"/usr/sbin/rbldnsd", "-n", "-u", "rbldns:rbldns", "-w", dir_, "-b",
                        absl::StrCat("127.0.0.1/", port_), "bl.test:ip4set:list"},
                       dir_ + "/log");
    ASSERT_TRUE(test::Eventually([&] {
      bool up = false;
      const auto resolver = Make();
      resolver->Ask("2.0.0.127.bl.test", RecordType::kA,
                    [&](const Reply& reply) { up = !reply.answer.addresses.empty(); });
      resolver->Run();
      return up;
    }));
  }
  void TearDown() override {
    kill(pid_, SIGTERM);
    test::WaitFor(pid_);
    std::filesystem::remove_all(dir_);
  }
  std::unique_ptr<Resolver> Make(std::vector<std::string> more = {}) {
    ResolverOptions options;
    options.servers = std::move(more);
    options.servers.push_back(absl::StrCat("127.0.0.1:", port_));
    options.timeout = absl::Milliseconds(200);
    auto made = Resolver::Make(options);
    EXPECT_TRUE(made.ok()) << made.status();
    return *std::move(made);
  }
  std::string dir_;
  int port_ = 0;
  pid_t pid_ = 0;
};

TEST_F(Rbldnsd, ThousandsOfQuestionsAreAnsweredRightAndNoneIsLost) {
  const auto resolver = Make();
  int listed = 0, clean = 0, other = 0;
  for (int i = 0; i < 10000; ++i) {
    const int last = i % 256;
    resolver->Ask(
        absl::StrCat(last, ".2.0.192.bl.test"), RecordType::kA, [&, last](const Reply& reply) {
          const bool is = reply.answer.rcode == Rcode::kNoError &&
                          reply.answer.addresses == std::vector<std::uint32_t>{0x7f000002};
          if (is && last < 128)
            ++listed;
          else if (reply.answer.rcode == Rcode::kNxDomain && last >= 128)
            ++clean;
          else
            ++other;
        });
  }
  const absl::Time begin = absl::Now();
  resolver->Run();
  EXPECT_EQ(other, 0);
  EXPECT_EQ(listed + clean, 10000);
  RecordProperty("ms", static_cast<int>(absl::ToInt64Milliseconds(absl::Now() - begin)));
}

TEST_F(Rbldnsd, TheReasonIsInTheText) {
  const auto resolver = Make();
  Reply got;
  resolver->Ask("1.2.0.192.bl.test", RecordType::kTxt, [&](const Reply& reply) { got = reply; });
  resolver->Run();
  EXPECT_THAT(got.texts, ::testing::ElementsAre("Listed: 192.0.2.1"));
  EXPECT_EQ(got.server, absl::StrCat("127.0.0.1:", port_));
}

TEST_F(Rbldnsd, ADeadServerIsFollowedByTheNext) {
  const auto resolver = Make({absl::StrCat("127.0.0.1:", test::FreePort())});
  int answered = 0;
  for (int i = 0; i < 100; ++i)
    resolver->Ask("1.2.0.192.bl.test", RecordType::kA, [&](const Reply& reply) {
      answered += reply.answer.addresses.size() == 1 ? 1 : 0;
    });
  resolver->Run();
  EXPECT_EQ(answered, 100);
}

TEST_F(Rbldnsd, OneWhoAsksAgainForEverDoesNotKeepTheEndFromComing) {
  kill(pid_, SIGSTOP);
  const auto resolver = Make();
  int asked = 0;
  Resolver::Callback again;
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

// BIND, which answers over TCP too.
TEST(Bind, AReasonOf60000BytesComesOverTcpIsCutAndEachAddressIsThere) {
  char name[] = "/tmp/mq-named-XXXXXX";
  const std::string dir = mkdtemp(name);
  const int port = test::FreePort();
  std::ofstream(dir + "/named.conf")
      << "options { directory \"" << dir << "\"; listen-on port " << port
      << " { 127.0.0.1; }; listen-on-v6 { none; }; pid-file \"" << dir
      << "/pid\"; session-keyfile \"" << dir << "/key\"; recursion no; dnssec-validation no; };\n"
      << "controls { };\nzone \"big.test\" { type primary; file \"zone\"; };\n";
  std::ofstream zone(dir + "/zone");
  zone << "$TTL 60\n@ SOA ns hostmaster 1 60 60 60 60\n@ NS ns\nns A 127.0.0.1\n"
       << "two A 127.0.0.2\ntwo A 127.0.0.4\nbig A 127.0.0.2\nbig TXT (";
  for (int i = 0; i < 240; ++i) zone << " \"" << std::string(250, 'x') << "\"";
  zone << " )\n";
  zone.close();
  const pid_t pid = test::Spawn({"/usr/sbin/named", "-f", "-c", dir + "/named.conf"}, dir + "/log");
  ResolverOptions options;
  options.servers = {absl::StrCat("127.0.0.1:", port)};
  const auto ask = [&](const std::string& what, RecordType type) {
    const auto resolver = Resolver::Make(options);
    EXPECT_TRUE(resolver.ok()) << resolver.status();
    Reply got;
    (*resolver)->Ask(what, type, [&](const Reply& reply) { got = reply; });
    (*resolver)->Run();
    return got;
  };
  EXPECT_TRUE(test::Eventually(
      [&] { return ask("two.big.test", RecordType::kA).answer.addresses.size() == 2; }));
  const Reply big = ask("big.big.test", RecordType::kTxt);
  EXPECT_EQ(big.answer.rcode, Rcode::kNoError);
  ASSERT_EQ(big.texts.size(), 1u);
  EXPECT_EQ(big.texts[0].size(), 4096u);
  EXPECT_EQ(ask("none.big.test", RecordType::kA).answer.rcode, Rcode::kNxDomain);
  EXPECT_EQ(ask("big.test", RecordType::kA).answer.rcode, Rcode::kNoError);  // No data.
  EXPECT_EQ(ask("other.test", RecordType::kA).answer.rcode, Rcode::kRefused);
  EXPECT_EQ(ask("two.big.test", RecordType::kA).ttl, 60u);
  kill(pid, SIGTERM);
  test::WaitFor(pid);
  std::filesystem::remove_all(dir);
}

TEST(Servers, ThatAreNoneAreRefused) {
  ResolverOptions options;
  options.servers = {"not an address"};
  EXPECT_TRUE(absl::IsInvalidArgument(Resolver::Make(options).status()));
}

}  // namespace
}  // namespace mailquench::blacklist
