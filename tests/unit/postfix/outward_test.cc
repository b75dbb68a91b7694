// What other mail servers meet, and what they answer: on a real Postfix of the test's own.
#include "agent/mail/postfix/outward.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <map>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/mail/blockers_count.h"
#include "agent/mail/postfix/postfix_mail_system.h"
#include "agent/os/network.h"
#include "tests/unit/postfix/private_postfix.h"

namespace mailquench::agent::postfix {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Outward, TakesRealDomainsAlone) {
  Parameters parameters;
  parameters["mydomain"] = "Example.org";
  parameters["myorigin"] = "/nowhere/mailname";
  parameters["mydestination"] =
      "host.example.org, localhost.example.org, localhost, example.org hash:/etc/postfix/domains";
  parameters["virtual_alias_domains"] =
      "a.test $unknown b.test, mysql:/etc/postfix/x.cf, 192.0.2.1";
  parameters["virtual_mailbox_domains"] = "/etc/postfix/vdomains static:all";
  parameters["relay_domains"] = "A.test, .sub.test, [192.0.2.1], !c.test, inline:{d.test=OK}";
  EXPECT_THAT(DomainsIn(parameters),
              ElementsAre("example.org", "host.example.org", "a.test", "b.test"));
}

class OutwardOnRealPostfix : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!PrivatePostfix::Possible()) GTEST_SKIP() << "needs root and Postfix";
  }
};

TEST_F(OutwardOnRealPostfix, TellsAddressesNamesAndDomains) {
  PrivatePostfix postfix({"smtp_bind_address = 127.0.0.5", "smtp_helo_name = out.$mydomain",
                          "mydomain = Host.test", "myorigin = $mydomain",
                          "virtual_alias_domains = v1.test, v2.test"});
  postfix.AddService(
      "second unix - - n - - smtp -o smtp_bind_address=127.0.0.6 -o smtp_helo_name=two.test");
  const auto outward = ReadOutward(postfix.instance());
  ASSERT_TRUE(outward.ok()) << outward.status();
  EXPECT_THAT(outward->addresses, ElementsAre("127.0.0.5", "127.0.0.6"));
  EXPECT_THAT(outward->helo_names, ElementsAre("out.Host.test", "two.test"));
  EXPECT_THAT(outward->domains, ElementsAre("host.test", "v1.test", "v2.test"));
  // Postfix itself takes the only address of inet_interfaces; a loopback one it does not.
  PrivatePostfix plain;
  const auto inventory = PostfixMailSystem({{plain.config()}}).Inspect();
  ASSERT_TRUE(inventory.ok()) << inventory.status();
  const std::string source = SourceOfDefaultRoute(false);
  if (source.empty())
    EXPECT_THAT(inventory->egress_addresses, ElementsAre());
  else
    EXPECT_THAT(inventory->egress_addresses, ElementsAre(source));
  EXPECT_THAT(inventory->helo_names, ElementsAre("host.test"));
  EXPECT_THAT(inventory->mail_domains, ElementsAre("host.test"));
  EXPECT_FALSE(inventory->mail_domains_cut);
  if (source.empty()) GTEST_SKIP() << "this machine has no address but loopback";
  plain.Set("inet_interfaces = " + source);
  plain.Set("inet_protocols = ipv4");
  EXPECT_THAT(ReadOutward(plain.instance())->addresses, ElementsAre(source));
}

TEST_F(OutwardOnRealPostfix, TellsAtMostTwoHundredDomains) {
  std::string domains = "virtual_alias_domains =";
  for (int i = 0; i < 250; ++i) absl::StrAppend(&domains, " d", i, ".test");
  PrivatePostfix postfix({domains});
  const auto inventory = PostfixMailSystem({{postfix.config()}}).Inspect();
  ASSERT_TRUE(inventory.ok()) << inventory.status();
  EXPECT_EQ(inventory->mail_domains.size(), 200u);
  EXPECT_TRUE(inventory->mail_domains_cut);
}

// Refuses everything, as big receivers do: in the greeting, or at RCPT TO by the recipient's
// domain.
class Receiver {
 public:
  explicit Receiver(std::string greeting) : greeting_(std::move(greeting)) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(fd_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(fd_, 8) != 0)
      std::abort();
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] {
      while (!ending_) {
        pollfd p{fd_, POLLIN, 0};
        if (poll(&p, 1, 20) <= 0) continue;
        const int client = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
        if (client >= 0) Serve(client);
      }
    });
  }
  ~Receiver() {
    ending_ = true;
    thread_.join();
    close(fd_);
  }
  int port() const { return port_; }

 private:
  static std::string Answer(const std::string& line) {
    if (absl::StrContains(line, "hotmail.test"))
      return "550 5.7.1 Unfortunately, messages from [203.0.113.9] weren't sent. Please contact "
             "your "
             "Internet service provider since part of their network is on our block list (S3140).";
    if (absl::StrContains(line, "gmail.test"))
      return "421-4.7.0 [203.0.113.10      15] Our system has detected that this message is\r\n"
             "421-4.7.0 suspicious due to the very low reputation of the sending IP address.\r\n"
             "421 4.7.0 https://support.google.com/mail/answer/188131 x1-20si295017vso.199 - gsmtp";
    if (absl::StrContains(line, "evil.test"))
      return "554 \x1b[2J\xff\xfe blocked using zen.spamhaus.org";
    if (absl::StrContains(line, "full.test")) return "452 4.2.2 mailbox full";
    return "250 ok";
  }
  void Serve(int client) {
    const auto say = [&](const std::string& text) {
      const std::string line = text + "\r\n";
      return send(client, line.data(), line.size(), MSG_NOSIGNAL) > 0;
    };
    std::string line;
    char c = 0;
    bool open = say(greeting_);
    while (open && !ending_) {
      pollfd p{client, POLLIN, 0};
      if (poll(&p, 1, 20) == 0) continue;
      if (recv(client, &c, 1, 0) != 1) break;
      line.push_back(c);
      if (c != '\n') continue;
      open = say(absl::StartsWith(line, "RCPT")   ? Answer(line)
                 : absl::StartsWith(line, "QUIT") ? "221 bye"
                                                  : "250 ok") &&
             !absl::StartsWith(line, "QUIT");
      line.clear();
    }
    close(client);
  }
  const std::string greeting_;
  int fd_ = -1;
  int port_ = 0;
  std::atomic<bool> ending_ = false;
  std::thread thread_;
};

TEST_F(OutwardOnRealPostfix, FindsWhoBlocksItInTheLogOfItsDeliveries) {
  Receiver receiver("220 mx.receiver.test ESMTP");
  Receiver closed(
      "554 IP=203.0.113.9 - A problem occurred. (Ask your postmaster for help or to contact "
      "tosa@rx.t-online.de to clarify.) (BL)");
  PrivatePostfix postfix(
      {"mynetworks = 127.0.0.0/8", absl::StrCat("relayhost = [127.0.0.1]:", receiver.port()),
       absl::StrCat("transport_maps = inline:{{t-online.test=smtp:[127.0.0.1]:", closed.port(),
                    "}}")});
  PostfixMailSystem system({{postfix.config()}});
  CallContext context;
  context.deadline = absl::Now() + absl::Seconds(120);
  ASSERT_TRUE(system.Start({}, context).ok()) << postfix.Log();
  // Each by itself, so that no answer of one cuts the delivery of another short.
  const std::vector<std::string> domains = {"hotmail.test", "gmail.test", "evil.test", "full.test",
                                            "t-online.test"};
  for (const std::string& domain : domains)
    ASSERT_EQ(SendMail(postfix.target(), "me@host.test", "you@" + domain, "x").substr(0, 3), "250");
  const absl::Time until = absl::Now() + absl::Seconds(60);
  const auto tried = [&] {
    const std::string log = postfix.Log();
    return std::all_of(domains.begin(), domains.end(), [&](const std::string& domain) {
      return absl::StrContains(log, absl::StrCat("to=<you@", domain, ">, relay="));
    });
  };
  while (!tried() && absl::Now() < until) absl::SleepFor(absl::Milliseconds(100));
  BlockersCount count;
  const auto read = system.ReadDeliveryReplies(
      absl::Now() - absl::Hours(1), [&](const DeliveryReply& reply) { count.Add(reply); }, context);
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->files.size(), 1u);
  EXPECT_EQ(read->files[0].path(), postfix.root() + "/log");
  EXPECT_GT(read->files[0].lines(), 10);
  EXPECT_TRUE(read->partial_reason.empty());
  v1::MailBlockersResult result;
  count.Fill(&result);
  std::map<std::string, v1::Blocker> by_name;
  for (const v1::Blocker& one : result.blockers()) by_name[one.name()] = one;
  SCOPED_TRACE(postfix.Log());
  ASSERT_EQ(by_name.size(), 4u) << result.DebugString();
  EXPECT_EQ(by_name["Microsoft"].rejected(), 1);
  EXPECT_THAT(by_name["Microsoft"].addresses(), ElementsAre("203.0.113.9"));
  EXPECT_THAT(by_name["Microsoft"].samples(0), testing::StartsWith("550 5.7.1 Unfortunately"));
  EXPECT_NEAR(by_name["Microsoft"].last_time().seconds(), absl::ToUnixSeconds(absl::Now()), 120);
  EXPECT_EQ(by_name["Gmail"].deferred(), 1);
  EXPECT_THAT(by_name["Gmail"].addresses(), ElementsAre("203.0.113.10"));
  EXPECT_EQ(by_name["T-Online"].deferred(), 1) << "Postfix tries again after such a greeting";
  EXPECT_EQ(by_name["Spamhaus"].rejected(), 1);
  EXPECT_EQ(by_name["Spamhaus"].samples(0).find('\x1b'), std::string::npos);
  EXPECT_GE(result.replies(), 5);
  // Another place for the log, as agent.yaml may say.
  std::ofstream(postfix.root() + "/elsewhere").close();
  const auto elsewhere = PostfixMailSystem({{postfix.config()}}, postfix.root() + "/elsewhere")
                             .ReadDeliveryReplies(
                                 absl::InfinitePast(), [](const DeliveryReply&) {}, context);
  ASSERT_TRUE(elsewhere.ok()) << elsewhere.status();
  EXPECT_EQ(elsewhere->files[0].lines(), 0);
}

}  // namespace
}  // namespace mailquench::agent::postfix
