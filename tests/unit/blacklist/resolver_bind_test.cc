// The resolver against real BIND on loopback, which answers over TCP and IPv6 too.
#include <gmock/gmock.h>

#include "tests/unit/blacklist/resolver_servers.h"

namespace mailquench::blacklist {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

class Bind : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    dir_ = PrivateFolder();
    port_ = test::FreePort();
    std::ofstream(dir_ + "/named.conf")
        << "options { directory \"" << dir_ << "\"; listen-on port " << port_
        << " { 127.0.0.1; }; listen-on-v6 port " << port_ << " { ::1; }; pid-file \"" << dir_
        << "/pid\"; session-keyfile \"" << dir_
        << "/key\"; recursion no; dnssec-validation no; };\n"
        << "controls { };\nzone \"big.test\" { type primary; file \"zone\"; };\n";
    std::ofstream zone(dir_ + "/zone");
    zone << "$TTL 60\n@ SOA ns hostmaster 20261125 60 60 60 60\n@ NS NS.big.test.\n"
         << "@ NS other.example.\nns A 127.0.0.1\n"
         << "two A 127.0.0.2\ntwo A 127.0.0.4\nsix AAAA 2001:db8::1\nsix AAAA 2001:db8::2\n"
         << "2.0.0.127.in-addr PTR Mail.Example.\nalias CNAME two\n"
         << "short 30 TXT \"one \" \"two\"\nmiddle TXT (";
    for (int i = 0; i < 12; ++i) zone << " \"" << std::string(250, 'y') << "\"";
    zone << " )\nbig A 127.0.0.2\nbig TXT (";
    for (int i = 0; i < 256; ++i) zone << " \"" << std::string(249, 'x') << "\"";
    zone << " )\n";
    zone.close();
    pid_ = test::Spawn({"/usr/sbin/named", "-f", "-c", dir_ + "/named.conf"}, dir_ + "/log");
    EXPECT_TRUE(test::Eventually(
        [] { return Ask("two.big.test", RecordType::kA).answer.addresses.size() == 2; }));
  }
  static void TearDownTestSuite() {
    kill(pid_, SIGTERM);
    test::WaitFor(pid_);
    std::filesystem::remove_all(dir_);
  }
  static ResolverOptions Options(const std::string& host = "127.0.0.1") {
    ResolverOptions options;
    options.servers = {absl::StrCat(host, ":", port_)};
    options.timeout = absl::Milliseconds(300);
    return options;
  }
  static Reply Ask(const std::string& what, RecordType type) {
    return AskOne(Options(), what, type);
  }
  static std::string dir_;
  static int port_;
  static pid_t pid_;
};
std::string Bind::dir_;
int Bind::port_ = 0;
pid_t Bind::pid_ = 0;

TEST_F(Bind, AReasonOf64000BytesComesOverTcpAndIsCut) {
  const auto resolver = MakeResolver(Options());
  Reply big, small;
  resolver->Ask("big.big.test", RecordType::kTxt, [&](const Reply& reply) { big = reply; });
  resolver->Ask("big.big.test", RecordType::kA, [&](const Reply& reply) { small = reply; });
  resolver->Run();
  EXPECT_EQ(big.answer.rcode, Rcode::kNoError);
  ASSERT_EQ(big.texts.size(), 1u);
  EXPECT_EQ(big.texts[0], std::string(4096, 'x'));
  EXPECT_EQ(big.ttl, 60u);
  EXPECT_EQ(small.answer.addresses.size(), 1u);
  EXPECT_EQ(resolver->stats().over_tcp, 1);
  EXPECT_EQ(resolver->stats().answered, 2);
  EXPECT_EQ(resolver->stats().sent, 2);
}

TEST_F(Bind, Vector12HundredsOfTruncatedAnswersComeOverTcp) {
  const auto resolver = MakeResolver(Options());
  int whole = 0;
  for (int i = 0; i < 300; ++i)
    resolver->Ask("middle.big.test", RecordType::kTxt, [&](const Reply& reply) {
      whole += reply.texts == std::vector<std::string>{std::string(3000, 'y')} ? 1 : 0;
    });
  resolver->Run();
  EXPECT_EQ(whole, 300);
  EXPECT_EQ(resolver->stats().over_tcp, 300);
}

TEST_F(Bind, WhatTcpHasNotAnsweredAtTheEndIsATimeout) {
  const auto resolver = MakeResolver(Options());
  int timeouts = 0;
  for (int i = 0; i < 2000; ++i)
    resolver->Ask("big.big.test", RecordType::kTxt, [&](const Reply& reply) {
      timeouts += reply.answer.rcode == Rcode::kTimeout ? 1 : 0;
      if (timeouts == 0) kill(pid_, SIGSTOP);  // Some are answered, then no more.
    });
  resolver->Run(absl::Now() + absl::Milliseconds(250));
  kill(pid_, SIGCONT);
  EXPECT_GT(timeouts, 0);
}

TEST_F(Bind, EveryTypeIsRead) {
  EXPECT_EQ(Ask("none.big.test", RecordType::kA).answer.rcode, Rcode::kNxDomain);
  EXPECT_EQ(Ask("other.test", RecordType::kA).answer.rcode, Rcode::kRefused);
  EXPECT_EQ(Ask("two.big.test", RecordType::kA).ttl, 60u);
  EXPECT_THAT(Ask("alias.big.test", RecordType::kA).answer.addresses,
              UnorderedElementsAre(0x7f000002, 0x7f000004));
  EXPECT_THAT(Ask("six.big.test", RecordType::kAaaa).addresses6,
              UnorderedElementsAre("2001:db8::1", "2001:db8::2"));
  EXPECT_THAT(Ask("2.0.0.127.in-addr.big.test", RecordType::kPtr).names,
              ElementsAre("mail.example"));
  const Reply servers = Ask("big.test.", RecordType::kNs);
  EXPECT_THAT(servers.names, UnorderedElementsAre("ns.big.test", "other.example"));
  EXPECT_EQ(servers.ttl, 60u);
  const Reply soa = Ask("big.test", RecordType::kSoa);
  EXPECT_THAT(soa.names, ElementsAre("ns.big.test"));
  EXPECT_EQ(soa.serial, 20261125u);
  const Reply text = Ask("short.big.test", RecordType::kTxt);
  EXPECT_THAT(text.texts, ElementsAre("one two"));
  EXPECT_EQ(text.ttl, 30u);
}

TEST_F(Bind, NoDataIsAnAnswerOfEveryType) {
  for (const RecordType type : {RecordType::kA, RecordType::kAaaa, RecordType::kTxt,
                                RecordType::kPtr, RecordType::kNs, RecordType::kSoa}) {
    const std::string name = type == RecordType::kA      ? "six.big.test"
                             : type == RecordType::kAaaa ? "two.big.test"
                                                         : "ns.big.test";
    const Reply reply = Ask(name, type);
    EXPECT_EQ(reply.answer.rcode, Rcode::kNoError);
    EXPECT_TRUE(reply.answer.addresses.empty() && reply.addresses6.empty() && reply.texts.empty() &&
                reply.names.empty());
  }
}

TEST_F(Bind, IsAskedOverIpv6) {
  const Reply reply = AskOne(Options("[::1]"), "two.big.test", RecordType::kA);
  EXPECT_EQ(reply.answer.addresses.size(), 2u);
  EXPECT_EQ(reply.server, absl::StrCat("[::1]:", port_));
  EXPECT_EQ(AskOne(Options("[::1]"), "big.big.test", RecordType::kTxt).texts.size(), 1u);
}

TEST_F(Bind, APortThatRefusesOnIpv6IsKnownAtOnce) {
  auto options = Options();
  options.servers.insert(options.servers.begin(), absl::StrCat("[::1]:", test::FreePort()));
  const absl::Time begin = absl::Now();
  EXPECT_EQ(AskOne(options, "two.big.test", RecordType::kA).answer.addresses.size(), 2u);
  EXPECT_LT(absl::Now() - begin, absl::Milliseconds(250));
}

TEST_F(Bind, ARefusalIsFollowedByTheNextServer) {
  // The same server twice: both refuse; the last word is the second's.
  auto options = Options();
  options.servers.push_back(absl::StrCat("[::1]:", port_));
  const auto resolver = MakeResolver(options);
  Reply got;
  resolver->Ask("other.test", RecordType::kA, [&](const Reply& reply) { got = reply; });
  resolver->Run();
  EXPECT_EQ(got.answer.rcode, Rcode::kRefused);
  EXPECT_FALSE(got.not_asked);
  EXPECT_EQ(got.server, options.servers[1]);
  EXPECT_EQ(resolver->stats().sent, 2);
}

}  // namespace
}  // namespace mailquench::blacklist
