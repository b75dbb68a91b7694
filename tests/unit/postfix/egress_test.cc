// The way out of Postfix: what is planned on a private configuration, and from where mail really
// leaves a private instance.
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/mail/egress_request.h"
#include "agent/mail/postfix/postfix_mail_system.h"
#include "tests/unit/postfix/private_postfix.h"
#include "tests/unit/postfix/settings_fixture.h"

namespace mailquench::agent::postfix {
namespace {
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

v1::EgressSet Egress(const std::string& source,
                     const std::string& helo = "",
                     const std::string& smarthost = "") {
  v1::EgressSet out;
  out.set_source_address(source);
  out.set_helo_name(helo);
  out.set_smarthost(smarthost);
  return out;
}

TEST(EgressRequest, TakesWhatIsMeantAndNothingElse) {
  const auto read = [](const v1::EgressSet& request) { return ReadEgressRequest(request); };
  EXPECT_EQ(ReasonOf(read(Egress("")).status()), "NOTHING_NAMED");
  for (const char* bad : {"mx.example.org", "192.0.2.1/32", "192.0.2.1 ", "0.0.0.0",
                          "::", "[192.0.2.1]", "192.0.2.1\n-o x", "300.0.2.1"})
    EXPECT_EQ(ReasonOf(read(Egress(bad)).status()), "BAD_ADDRESS") << bad;
  for (const char* bad : {"localhost", "mail_1.example.org", "-a.example.org", "a..org", "a.org.",
                          "192.0.2.1", "a.org\nx", "$myhostname", "a b.org"})
    EXPECT_EQ(ReasonOf(read(Egress("", bad)).status()), "BAD_HELO_NAME") << bad;
  EXPECT_EQ(ReasonOf(read(Egress("", std::string(64, 'a') + ".org")).status()), "BAD_HELO_NAME");
  for (const char* bad :
       {"relay", "relay.example.net:", "relay.example.net:0", "relay.example.net:65536", "[::1",
        "[192.0.2.9]x", "[192.0.2.9]:", "0.0.0.0", "a.org, b.org", "inet:a.org:25", "$relayhost",
        "a.org:smtp", "[]:25", "a.org:+25"})
    EXPECT_EQ(ReasonOf(read(Egress("", "", bad)).status()), "BAD_SMARTHOST") << bad;
  EXPECT_EQ(read(Egress("2001:DB8:0::1"))->source, "2001:db8::1");
  EXPECT_EQ(read(Egress("", "Mail.Example.ORG"))->helo_name, "mail.example.org");
  EXPECT_TRUE(read(Egress("", "", "direct"))->direct);
  const auto literal = read(Egress("", "", "[2001:db8::9]:587"));
  ASSERT_TRUE(literal.ok()) << literal.status();
  EXPECT_EQ(literal->smarthost, "2001:db8::9");
  EXPECT_EQ(literal->smarthost_port, 587);
  EXPECT_TRUE(read(Egress("", "", "2001:db8::9"))->smarthost_is_address);
  EXPECT_EQ(read(Egress("", "", "Relay.example.net:2525"))->smarthost, "relay.example.net");

  const std::vector<std::string> own = {"192.0.2.1", "2001:db8::1"};
  EXPECT_TRUE(CheckOwnAddresses(*read(Egress("192.0.2.1")), own).ok());
  const absl::Status other = CheckOwnAddresses(*read(Egress("192.0.2.2")), own);
  EXPECT_EQ(ReasonOf(other), "NOT_OUR_ADDRESS");
  EXPECT_THAT(std::string(other.message()), HasSubstr("192.0.2.1, 2001:db8::1"));
  EXPECT_EQ(ReasonOf(CheckOwnAddresses(*read(Egress("", "", "[192.0.2.1]")), own)),
            "SMARTHOST_IS_THIS_HOST");
  EXPECT_TRUE(CheckOwnAddresses(*read(Egress("", "", "127.0.0.1:2525")), own).ok());
}

class EgressPlan : public SettingsTest {
 protected:
  void SetUp() override {
    SettingsTest::SetUp();
    Spill(Master(), Slurp(Master()) +
                        "smtp unix - - n - - smtp\n"
                        "relay unix - - n - - smtp\n"
                        "        -o syslog_name=postfix/$service_name\n"
                        "bulk unix - - n - - smtp -o smtp_bind_address=198.51.100.8\n"
                        "  -o { smtp_helo_name = bulk.lab.test }\n"
                        "scan unix - - n - 2 smtp\n");
  }
  void Add(const std::string& lines) { Spill(Main(), Slurp(Main()) + "\n" + lines + "\n"); }
  absl::StatusOr<SettingsChange> Plan(const v1::EgressSet& request) const {
    return PlanEgress(All(), request, {"192.0.2.5", "2001:db8::5"});
  }
  std::string NoticeOf(const v1::EgressSet& request) const {
    const auto change = Plan(request);
    return change.ok() ? change->result.notice() : change.status().ToString();
  }
};

TEST_F(EgressPlan, SetsEveryTransportAndPutsEveryByteBack) {
  const auto clean = Everything();
  const v1::EgressSet request = Egress("192.0.2.5", "out.lab.test", "relay.example.net");
  const auto change = Plan(request);
  ASSERT_TRUE(change.ok()) << change.status();
  EXPECT_FALSE(change->verify_closed);
  EXPECT_EQ(Everything(), clean) << "a plan wrote something";
  EXPECT_THAT(change->result.notice(),
              AllOf(HasSubstr("leaves from 192.0.2.5 and says the name out.lab.test and goes "
                              "through relay.example.net"),
                    HasSubstr("smtp_bind_address of its own in master.cf, and has 192.0.2.5 now: "
                              "bulk"),
                    HasSubstr("for partner.test, goes to the smarthost too")));
  MQ_ASSERT_OK(ApplyStopped(*change));
  EXPECT_EQ(Effective("smtp_bind_address"), "192.0.2.5");
  EXPECT_EQ(Effective("smtp_helo_name"), "out.lab.test");
  EXPECT_EQ(Effective("relayhost"), "relay.example.net");
  EXPECT_EQ(EffectiveAt("bulk/unix", "smtp_bind_address"), "192.0.2.5");
  EXPECT_EQ(EffectiveAt("bulk/unix", "smtp_helo_name"), "out.lab.test");
  const auto again = Plan(request);
  ASSERT_TRUE(again.ok());
  EXPECT_THAT(again->files, IsEmpty());
  EXPECT_EQ(again->result.settings_size(), 0);
  EXPECT_THAT(*Drifted(All(), Recorded({*change})), IsEmpty());

  // Another change on top of it, and somebody's own.
  const auto second = Plan(Egress("", "", "direct"));
  ASSERT_TRUE(second.ok()) << second.status();
  MQ_ASSERT_OK(ApplyStopped(*second));
  EXPECT_EQ(Effective("relayhost"), "");
  const auto restore = PlanRestore(All(), Recorded({*change, *second}), {});
  ASSERT_TRUE(restore.ok()) << restore.status();
  EXPECT_TRUE(restore->result.byte_for_byte());
  EXPECT_EQ(restore->result.needs_decision(), 0);
  MQ_ASSERT_OK(ApplyStopped(restore->change));
  EXPECT_EQ(Everything(), clean);

  MQ_ASSERT_OK(ApplyStopped(*change));
  Spill(Main(), Slurp(Main()) + "\nsmtp_helo_name = mine.lab.test\n");
  const auto drifted = Drifted(All(), Recorded({*change}));
  ASSERT_TRUE(drifted.ok());
  ASSERT_EQ(drifted->size(), 1u);
  EXPECT_EQ((*drifted)[0].key(), "main.cf:smtp_helo_name");
  EXPECT_EQ(PlanRestore(All(), Recorded({*change}), {})->result.needs_decision(), 1);
}

TEST_F(EgressPlan, RefusesWhatCannotBe) {
  EXPECT_EQ(ReasonOf(Plan(Egress("192.0.2.6")).status()), "NOT_OUR_ADDRESS");
  EXPECT_EQ(ReasonOf(Plan(Egress("2001:db8::5")).status()), "FAMILY_NOT_USED");
  EXPECT_EQ(ReasonOf(Plan(Egress("", "", "Mail.LAB.test")).status()), "SMARTHOST_IS_THIS_HOST");
  EXPECT_EQ(ReasonOf(Plan(Egress("", "", "[192.0.2.5]:25")).status()), "SMARTHOST_IS_THIS_HOST");
  EXPECT_EQ(Plan(Egress("192.0.2.5"))->result.settings_size(), 2);  // main.cf's and bulk's.
}

TEST_F(EgressPlan, WritesEachFormOfASmarthostAsPostfixWantsIt) {
  for (const auto& [given, wanted] : std::vector<std::pair<std::string, std::string>>{
           {"192.0.2.9", "[192.0.2.9]"},
           {"[2001:db8::9]:587", "[2001:db8::9]:587"},
           {"[relay.example.net]:2525", "[relay.example.net]:2525"},
           {"relay.example.net:26", "relay.example.net:26"}}) {
    const auto change = Plan(Egress("", "", given));
    ASSERT_TRUE(change.ok()) << change.status();
    EXPECT_THAT(std::string(Find(*change, "main.cf:relayhost")->after()),
                HasSubstr(absl::StrCat("relayhost = ", wanted, "\n")));
  }
  EXPECT_THAT(NoticeOf(Egress("", "", "[192.0.2.9]:587")), HasSubstr("mostly wants a login"));
  EXPECT_THAT(NoticeOf(Egress("", "", "[192.0.2.9]:465")), HasSubstr("smtp_tls_wrappermode"));
}

TEST_F(EgressPlan, NamesWhatStillGoesAnotherWay) {
  Add("inet_protocols = all\ninet_interfaces = 203.0.113.4, 2001:db8::4");
  EXPECT_THAT(NoticeOf(Egress("192.0.2.5")),
              AllOf(HasSubstr("inet_interfaces is 203.0.113.4 alone"),
                    HasSubstr("what goes over IPv6 still leaves from whatever")));
  Add("smtp_bind_address6 = [2001:db8::7]");
  EXPECT_THAT(NoticeOf(Egress("192.0.2.5")), HasSubstr("IPv6 still leaves from 2001:db8::7"));
  EXPECT_THAT(NoticeOf(Egress("2001:db8::5")), HasSubstr("inet_interfaces is 2001:db8::4 alone"));
  Add("transport_maps = hash:/etc/postfix/transport\n"
      "sender_dependent_relayhost_maps = hash:/etc/postfix/senders\n"
      "default_transport = smtp:[192.0.2.77]\nsmtp_fallback_relay = [192.0.2.78]");
  EXPECT_THAT(
      NoticeOf(Egress("", "", "[192.0.2.9]")),
      AllOf(HasSubstr("transport_maps (hash:/etc/postfix/transport) still"),
            HasSubstr("sender_dependent_relayhost_maps"),
            HasSubstr("default_transport (smtp:[192.0.2.77]) goes before relayhost"),
            HasSubstr("smtp_fallback_relay ([192.0.2.78])"), Not(HasSubstr("relay_transport"))));
  Spill(Master(), Slurp(Master()) +
                      "second unix - - n - - trivial-rewrite -o relayhost=[192.0.2.1]\n"
                      "third unix - - n - - trivial-rewrite -o transport_maps=\n"
                      "slow unix - - n - - smtp -o smtp_fallback_relay=[192.0.2.79]\n");
  const auto change = Plan(Egress("", "", "[192.0.2.9]"));
  ASSERT_TRUE(change.ok()) << change.status();
  EXPECT_THAT(change->result.notice(), AllOf(HasSubstr("transport_maps of third/unix"),
                                             HasSubstr("smtp_fallback_relay of slow/unix")));
  const v1::Setting* second = Find(*change, "master.cf:second/unix");
  ASSERT_NE(second, nullptr);
  EXPECT_THAT(std::string(second->after()), HasSubstr("-o relayhost=[192.0.2.9]"));
}

TEST_F(EgressPlan, LeavesTheWayToAContentFilterOnLoopbackAlone) {
  Add("content_filter = scan:[127.0.0.1]:10024");
  const auto change = Plan(Egress("192.0.2.5"));
  ASSERT_TRUE(change.ok()) << change.status();
  const v1::Setting* scan = Find(*change, "master.cf:scan/unix");
  ASSERT_NE(scan, nullptr);
  EXPECT_THAT(std::string(scan->after()), HasSubstr("-o smtp_bind_address=\n"));
  MQ_ASSERT_OK(ApplyStopped(*change));
  EXPECT_EQ(EffectiveAt("scan/unix", "smtp_bind_address"), "");
  EXPECT_THAT(Plan(Egress("192.0.2.5"))->files, IsEmpty());
  MQ_ASSERT_OK(ApplyStopped(PlanRestore(All(), Recorded({*change}), {})->change));
  Add("content_filter = smtp:[127.0.0.1]:10024");
  EXPECT_THAT(NoticeOf(Egress("192.0.2.5")),
              HasSubstr("the content filter smtp:[127.0.0.1]:10024 is spoken to from"));
}

// Takes all mail, and notes who brought it.
class Sink {
 public:
  Sink() {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(fd_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(fd_, 8) != 0)
      std::abort();
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Run(); });
  }
  ~Sink() {
    ending_ = true;
    thread_.join();
    close(fd_);
  }
  std::string nexthop() const { return absl::StrCat("[127.0.0.1]:", port_); }
  // "ADDRESS HELO" of who brought mail for this recipient; waits for it.
  std::string Bringer(const std::string& recipient) {
    const absl::Time until = absl::Now() + absl::Seconds(60);
    while (absl::Now() < until) {
      {
        const std::lock_guard<std::mutex> lock(mu_);
        const auto it = bringers_.find(recipient);
        if (it != bringers_.end()) return it->second;
      }
      absl::SleepFor(absl::Milliseconds(50));
    }
    return "nobody";
  }

 private:
  void Run() {
    while (!ending_) {
      pollfd p{fd_, POLLIN, 0};
      if (poll(&p, 1, 20) <= 0) continue;
      sockaddr_in peer{};
      socklen_t size = sizeof peer;
      const int client = accept4(fd_, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_CLOEXEC);
      char text[INET_ADDRSTRLEN] = "";
      inet_ntop(AF_INET, &peer.sin_addr, text, sizeof text);
      if (client >= 0) Serve(client, text);
    }
  }
  void Serve(int client, const std::string& peer) {
    const auto say = [&](const std::string& line) {
      return send(client, line.data(), line.size(), MSG_NOSIGNAL) > 0;
    };
    std::string line, helo;
    bool data = false, open = say("220 sink.test ESMTP\r\n");
    char c = 0;
    while (open && !ending_) {
      pollfd p{client, POLLIN, 0};
      if (poll(&p, 1, 20) == 0) continue;
      if (recv(client, &c, 1, 0) != 1) break;
      line.push_back(c);
      if (c != '\n') continue;
      const std::string got = line.substr(0, line.find('\r'));
      line.clear();
      if (data) {
        if (got == ".") {
          data = false;
          open = say("250 taken\r\n");
        }
        continue;
      }
      if (absl::StartsWithIgnoreCase(got, "EHLO ") || absl::StartsWithIgnoreCase(got, "HELO "))
        helo = got.substr(5);
      if (absl::StartsWithIgnoreCase(got, "RCPT TO:<")) {
        const std::lock_guard<std::mutex> lock(mu_);
        bringers_[got.substr(9, got.find('>') - 9)] = absl::StrCat(peer, " ", helo);
      }
      data = absl::EqualsIgnoreCase(got, "DATA");
      const bool quit = absl::EqualsIgnoreCase(got, "QUIT");
      open = say(data ? "354 go on\r\n" : quit ? "221 bye\r\n" : "250 ok\r\n") && !quit;
    }
    close(client);
  }

  int fd_ = -1;
  int port_ = 0;
  std::atomic<bool> ending_ = false;
  std::mutex mu_;
  std::map<std::string, std::string> bringers_;
  std::thread thread_;
};

class EgressOnRealPostfix : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!PrivatePostfix::Possible()) GTEST_SKIP() << "needs root and Postfix";
  }
  static CallContext Context() {
    CallContext context;
    context.command_id = "egress";
    context.deadline = absl::Now() + absl::Minutes(3);
    return context;
  }
};

TEST_F(EgressOnRealPostfix, MailLeavesFromTheOtherAddressAndGoesBackToTheOldOne) {
  Sink old_way, new_way;
  PrivatePostfix postfix(
      {"mynetworks = 127.0.0.0/8", "relay_domains = partner.test",
       absl::StrCat("relayhost = ", old_way.nexthop()),
       absl::StrCat("transport_maps = inline:{{bulk.test=bulk:", new_way.nexthop(), "}}")});
  postfix.AddService("bulk unix - - n - - smtp -o smtp_bind_address=127.0.0.9");
  PostfixMailSystem system({{postfix.config()}});
  ASSERT_TRUE(system.Start({}, Context()).ok()) << postfix.Log();
  const auto send = [&](const std::string& recipient) {
    EXPECT_EQ(SendMail(postfix.target(), "me@host.test", recipient, "x").substr(0, 3), "250");
  };
  send("one@far.test");
  send("one@bulk.test");
  EXPECT_EQ(old_way.Bringer("one@far.test"), "127.0.0.1 host.test") << postfix.Log();
  EXPECT_EQ(new_way.Bringer("one@bulk.test"), "127.0.0.9 host.test") << postfix.Log();

  const std::string main_before = Slurp(postfix.config() + "/main.cf");
  const std::string master_before = Slurp(postfix.config() + "/master.cf");
  const v1::EgressSet request = Egress("127.0.0.7", "out.example.org", new_way.nexthop());
  const auto change = system.PlanEgress(request);
  ASSERT_TRUE(change.ok()) << change.status();
  const absl::Status applied = system.Apply(*change, Context());
  ASSERT_TRUE(applied.ok()) << applied;
  send("two@far.test");
  send("two@bulk.test");
  send("two@partner.test");
  EXPECT_EQ(new_way.Bringer("two@far.test"), "127.0.0.7 out.example.org") << postfix.Log();
  EXPECT_EQ(new_way.Bringer("two@bulk.test"), "127.0.0.7 out.example.org") << postfix.Log();
  // As the notice says of relay_domains without a way in transport_maps.
  EXPECT_EQ(new_way.Bringer("two@partner.test"), "127.0.0.7 out.example.org") << postfix.Log();
  const auto inventory = system.Inspect();
  ASSERT_TRUE(inventory.ok());
  EXPECT_THAT(inventory->egress_addresses, ElementsAre("127.0.0.7"));
  EXPECT_THAT(inventory->helo_names, ElementsAre("out.example.org"));

  const std::vector<v1::Setting> recorded(change->result.settings().begin(),
                                          change->result.settings().end());
  EXPECT_THAT(*system.Drifted(recorded), IsEmpty());
  const auto plan = system.PlanRestore(recorded, {}, {});
  ASSERT_TRUE(plan.ok()) << plan.status();
  const absl::Status restored = system.Apply(plan->change, Context());
  ASSERT_TRUE(restored.ok()) << restored;
  EXPECT_EQ(main_before, Slurp(postfix.config() + "/main.cf"));
  EXPECT_EQ(master_before, Slurp(postfix.config() + "/master.cf"));
  send("three@far.test");
  send("three@bulk.test");
  EXPECT_EQ(old_way.Bringer("three@far.test"), "127.0.0.1 host.test") << postfix.Log();
  EXPECT_EQ(new_way.Bringer("three@bulk.test"), "127.0.0.9 host.test") << postfix.Log();
}

TEST_F(EgressOnRealPostfix, AContentFilterIsSpokenToFromWhereItKnowsUs) {
  Sink filter;
  PrivatePostfix postfix(
      {"mynetworks = 127.0.0.0/8", absl::StrCat("content_filter = scan:", filter.nexthop())});
  postfix.AddService("scan unix - - n - - smtp");
  PostfixMailSystem system({{postfix.config()}});
  ASSERT_TRUE(system.Start({}, Context()).ok()) << postfix.Log();
  const auto change = system.PlanEgress(Egress("127.0.0.7"));
  ASSERT_TRUE(change.ok()) << change.status();
  const absl::Status applied = system.Apply(*change, Context());
  ASSERT_TRUE(applied.ok()) << applied;
  EXPECT_EQ(SendMail(postfix.target(), "me@host.test", "you@far.test", "x").substr(0, 3), "250");
  EXPECT_EQ(filter.Bringer("you@far.test"), "127.0.0.1 host.test") << postfix.Log();
}

}  // namespace
}  // namespace mailquench::agent::postfix
