#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/mail/none/none_mail_system.h"
#include "agent/mail/smtp/probe.h"
#include "agent/mail/smtp/smtp_dialogue.h"
#include "agent/os/host.h"
#include "common/status/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mailquench::agent::postfix {
namespace {
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

using Replies = std::map<std::string, std::string>;

// Answers clients one after another by the first word of their commands; "" is the banner, and a
// word with a "+" what is answered after a login. A value of "HANG" says nothing, "CLOSE" hangs up.
class FakeServer {
 public:
  explicit FakeServer(std::map<std::string, std::string> replies, int clients = 1)
      : FakeServer(std::move(replies), clients, INADDR_LOOPBACK, 0) {}
  FakeServer(std::map<std::string, std::string> replies,
             int clients,
             std::uint32_t host,
             std::uint16_t port)
      : replies_(std::move(replies)), clients_(clients) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(host);
    address.sin_port = htons(port);
    socklen_t size = sizeof address;
    EXPECT_EQ(0, bind(listener_, reinterpret_cast<sockaddr*>(&address), size));
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    target_ = absl::StrCat(inet_ntoa(address.sin_addr), ":", ntohs(address.sin_port));
    listen(listener_, 1);
    thread_ = std::thread([this] { Serve(); });
  }
  ~FakeServer() { Join(); }
  const std::string& target() const { return target_; }
  // All that the client said, once it has gone.
  const std::vector<std::string>& Commands() {
    Join();
    return commands_;
  }

 private:
  void Join() {
    if (thread_.joinable()) thread_.join();
    if (listener_ >= 0) close(listener_);
    listener_ = -1;
  }
  // False where the conversation ends.
  bool Answer(int fd, const std::string& word) {
    auto it = logged_in_ ? replies_.find(word + "+") : replies_.end();
    if (it == replies_.end()) it = replies_.find(word);
    const std::string reply = it == replies_.end() ? "250 ok" : it->second;
    if (reply == "CLOSE") return false;
    if (reply != "HANG") {
      const std::string data = reply + "\r\n";
      (void)!send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    }
    return true;
  }
  void Serve() {
    for (int i = 0; i < clients_; ++i) ServeOne();
  }
  void ServeOne() {
    logged_in_ = false;
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    std::string line;
    char c = 0;
    bool open = Answer(fd, "");
    while (open && read(fd, &c, 1) == 1) {
      line.push_back(c);
      if (c != '\n') continue;
      commands_.push_back(line.substr(0, line.size() - 2));
      open = Answer(fd, line.substr(0, 4));
      logged_in_ |= line.substr(0, 4) == "AUTH" && replies_["AUTH"].substr(0, 3) == "235";
      line.clear();
    }
    close(fd);
  }

  std::map<std::string, std::string> replies_;
  const int clients_;
  bool logged_in_ = false;
  int listener_ = -1;
  std::string target_;
  std::thread thread_;
  std::vector<std::string> commands_;
};

DialogueResult Ask(const std::map<std::string, std::string>& replies) {
  std::map<std::string, std::string> all = {{"", "220 mx.test ESMTP"}};
  for (const auto& [word, reply] : replies) all[word] = reply;
  FakeServer server(all);
  DialogueRequest request;
  request.timeout = absl::Milliseconds(700);
  const auto result = Dialogue(server.target(), request);
  EXPECT_TRUE(result.ok()) << result.status();
  return *result;
}

TEST(Dialogue, SaysOpenWhereAStrangersRecipientIsAcceptedAndNeverSaysData) {
  FakeServer server(
      {{"", "220 mx.test ESMTP"}, {"EHLO", "250-mx.test\r\n250-AUTH PLAIN LOGIN\r\n250 STARTTLS"}});
  const auto result = Dialogue(server.target(), {});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(v1::RELAY_VERDICT_OPEN, result->verdict);
  EXPECT_EQ(250, result->recipient_code);
  EXPECT_EQ("220 mx.test ESMTP", result->banner);
  EXPECT_TRUE(result->auth_offered);
  EXPECT_TRUE(result->starttls_offered);
  EXPECT_THAT(server.Commands(), Not(Contains(StartsWith("DATA"))));
  EXPECT_THAT(server.Commands(), Contains("RSET"));
  EXPECT_THAT(server.Commands(), Contains("QUIT"));
}

TEST(Dialogue, SaysClosedOnlyWhereRelayingIsDeniedOrALoginDemanded) {
  for (const char* reply :
       {"554 5.7.1 <p@x>: Relay access denied", "454 4.7.1 <p@x>: Relay access denied",
        "550 relay not permitted", "550 5.7.54 SMTP; Unable to relay recipient",
        "530 5.7.0 Authentication required",
        "554 5.7.1 <p@x>: Recipient address rejected: Access denied"}) {
    const DialogueResult result = Ask({{"RCPT", reply}});
    EXPECT_EQ(v1::RELAY_VERDICT_CLOSED, result.verdict) << reply;
    EXPECT_EQ(reply, result.reply);
    EXPECT_EQ(std::atoi(reply), result.recipient_code);
  }
  EXPECT_EQ(v1::RELAY_VERDICT_CLOSED, Ask({{"MAIL", "530 5.7.0 Must authenticate"}}).verdict);
}

TEST(Dialogue, SaysUnknownWhereARefusalDoesNotProveThatRelayingIsDenied) {
  for (const char* reply : {"450 4.2.0 <p@x>: Recipient address rejected: Greylisted",
                            "450 4.1.2 <p@x>: Domain not found",
                            "452 4.3.1 Insufficient system storage", "421 4.3.2 shutting down",
                            "421 4.7.0 relay access denied", "451 4.3.0 Temporary lookup failure",
                            "554 5.7.1 Service unavailable; blocked using list.test"}) {
    const DialogueResult result = Ask({{"RCPT", reply}});
    EXPECT_EQ(v1::RELAY_VERDICT_UNKNOWN, result.verdict) << reply;
    EXPECT_EQ(reply, result.reply);
  }
}

TEST(Dialogue, SaysUnknownWithTheReasonWhereTheServerIsBusySilentOrMad) {
  EXPECT_EQ("421 too many", Ask({{"", "421 too many"}}).reply);
  EXPECT_FALSE(Ask({{"", "421 too many"}}).answered);
  EXPECT_EQ(v1::RELAY_VERDICT_UNKNOWN, Ask({{"", "421 too many"}}).verdict);
  EXPECT_THAT(Ask({{"", "HANG"}}).reply, HasSubstr("timed out"));
  EXPECT_THAT(Ask({{"MAIL", "HANG"}}).reply, HasSubstr("timed out"));
  EXPECT_THAT(Ask({{"RCPT", "CLOSE"}}).reply, HasSubstr("closed the connection"));
  EXPECT_THAT(Ask({{"", "SSH-2.0-OpenSSH_9.2"}}).reply, HasSubstr("not an SMTP reply: SSH-2.0"));
  EXPECT_THAT(Ask({{"EHLO", "250-" + std::string(5000, 'x')}}).reply, HasSubstr("4096"));
  std::string many;
  for (int i = 0; i < 300; ++i) absl::StrAppend(&many, "250-X\r\n");
  EXPECT_THAT(Ask({{"EHLO", many + "250 end"}}).reply, HasSubstr("200 lines"));
}

TEST(Dialogue, ReadsRepliesOfSeveralLinesAndFallsBackToHelo) {
  const DialogueResult result =
      Ask({{"EHLO", "502 5.5.1 unknown"},
           {"RCPT", "554-5.7.1 We do\r\n554-5.7.1 not\r\n554 5.7.1 relay"}});
  EXPECT_EQ(v1::RELAY_VERDICT_CLOSED, result.verdict);
  EXPECT_EQ("554 5.7.1 relay", result.reply);
}

TEST(Dialogue, EndsInTimeAlthoughTheServerTricklesBytes) {
  const absl::Time begin = absl::Now();
  Ask({{"", "HANG"}});
  EXPECT_LT(absl::Now() - begin, absl::Seconds(2));
}

TEST(Dialogue, PlainSmtpOnThePortOfImplicitTlsIsAskedToo) {
  if (geteuid() != 0) GTEST_SKIP() << "port 465 needs root";
  constexpr std::uint32_t kOurs = 0x7f040605;  // 127.4.6.5, where nothing else of this host is.
  FakeServer server({{"", "220 ex1 Microsoft ESMTP MAIL Service ready"}}, 2, kOurs, 465);
  const DialogueResult result = *Dialogue(server.target(), DialogueRequest());
  EXPECT_TRUE(result.answered) << result.reply;
  EXPECT_EQ(result.verdict, v1::RELAY_VERDICT_OPEN) << result.reply;
  EXPECT_FALSE(result.tls);
  // A handshake that is asked for has no way round it.
  FakeServer other({{"", "220 ex1"}}, 1, kOurs + 1, 465);
  DialogueRequest wrapper;
  wrapper.tls_wrapper = true;
  EXPECT_THAT(Dialogue(other.target(), wrapper)->reply, HasSubstr("handshake"));
}

TEST(Dialogue, SaysUnknownWhereNobodyListens) {
  const auto result = Dialogue("127.0.0.1:1", {});
  ASSERT_TRUE(result.ok());
  EXPECT_FALSE(result->answered);
  EXPECT_EQ(v1::RELAY_VERDICT_UNKNOWN, result->verdict);
  EXPECT_THAT(result->reply, HasSubstr("cannot connect"));
}

TEST(Dialogue, LogsInWhereAnAccountIsGiven) {
  FakeServer server({{"", "220 mx.test"}, {"AUTH", "535 5.7.8 authentication failed"}});
  DialogueRequest request;
  request.account = "alice";
  request.password = "secret";
  const auto result = Dialogue(server.target(), request);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(v1::RELAY_VERDICT_CLOSED, result->verdict);
  EXPECT_THAT(server.Commands(), Contains("AUTH PLAIN AGFsaWNlAHNlY3JldA=="));
}

TEST(Dialogue, RefusesTargetsAndAddressesThatCannotBeSaid) {
  for (const char* target :
       {"", "host", "192.0.2.1", ":25", "mx.example.org:25", "::1:25", "127.0.0.1:smtp"}) {
    EXPECT_EQ("BAD_TARGET", ReasonOf(Dialogue(target, {}).status())) << target;
  }
  DialogueRequest request;
  request.sender = "a@b>\r\nRCPT TO:<c@d";
  EXPECT_EQ("BAD_ADDRESS", ReasonOf(Dialogue("127.0.0.1:1", request).status()));
  request.sender = "<>";
  EXPECT_TRUE(Dialogue("127.0.0.1:1", request).ok());
  request.recipient = "";
  EXPECT_EQ("BAD_ADDRESS", ReasonOf(Dialogue("127.0.0.1:1", request).status()));
}

TEST(Probe, OfAnAddressOfThisHostIsNeverProofFromOutside) {
  v1::RelayProbe request;
  request.add_targets("127.0.0.1:1");
  const std::vector<std::string> own = OwnAddresses();
  for (const std::string& address : own) {
    request.add_targets(
        absl::StrCat(absl::StrContains(address, ":") ? "[" + address + "]" : address, ":1"));
  }
  const auto result = ProbeTargets(request, {});
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(static_cast<int>(own.size()) + 1, result->listeners_size());
  for (const auto& listener : result->listeners()) {
    EXPECT_FALSE(listener.outside()) << listener.target();
    EXPECT_EQ(v1::RELAY_VERDICT_UNKNOWN, listener.verdict());
  }
}

const Replies& ClosedWithAuth() {
  static const auto* replies = new Replies{{"", "220 mx.test"},
                                           {"EHLO", "250-mx.test\r\n250 AUTH PLAIN"},
                                           {"RCPT", "554 5.7.1 Relay access denied"},
                                           {"AUTH", "535 5.7.8 authentication failed"}};
  return *replies;
}

TEST(Probe, AnAccountThatDoesNotExistIsRefused) {
  FakeServer server(ClosedWithAuth(), 2);
  const auto probe = ProbeTarget(server.target(), {}, true);
  ASSERT_TRUE(probe.ok()) << probe.status();
  EXPECT_EQ(v1::RELAY_VERDICT_CLOSED, probe->verdict());
  EXPECT_THAT(probe->auth_reply(), StartsWith("535"));
  EXPECT_THAT(server.Commands(), Contains(StartsWith("AUTH PLAIN ")));
}

TEST(Probe, AServerThatTakesAnyAccountIsOpen) {
  Replies replies = ClosedWithAuth();
  replies["AUTH"] = "235 2.7.0 Authentication successful";
  replies["RCPT+"] = "250 2.1.5 Ok";
  FakeServer server(replies, 2);
  const auto probe = ProbeTarget(server.target(), {}, true);
  ASSERT_TRUE(probe.ok()) << probe.status();
  EXPECT_EQ(v1::RELAY_VERDICT_OPEN, probe->verdict());
  EXPECT_THAT(probe->reply(), HasSubstr("account that does not exist"));
}

TEST(Probe, WithoutAuthNobodyLogsIn) {
  FakeServer server(ClosedWithAuth(), 1);
  const auto probe = ProbeTarget(server.target(), {}, false);
  ASSERT_TRUE(probe.ok()) << probe.status();
  EXPECT_EQ("", probe->auth_reply());
  EXPECT_THAT(server.Commands(), Not(Contains(StartsWith("AUTH"))));
}

TEST(HostWithoutMailSystem, OnlyProbes) {
  NoneMailSystem none;
  EXPECT_EQ("NO_MAIL_SYSTEM", ReasonOf(none.Stop({}, {}).status()));
  EXPECT_EQ(absl::StatusCode::kUnimplemented, none.CountQueued({}).status().code());
  EXPECT_EQ("NO_MAIL_SYSTEM", ReasonOf(none.Apply({}, {})));
  EXPECT_EQ("NO_MAIL_SYSTEM", ReasonOf(none.Probe({}, {}).status()));
  FakeServer server(Replies{{"", "220 mx.test"}});
  v1::RelayProbe request;
  request.add_targets(server.target());
  const auto result = none.Probe(request, {});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(v1::RELAY_VERDICT_OPEN, result->listeners(0).verdict());
  const auto inventory = none.Inspect();
  ASSERT_TRUE(inventory.ok());
  EXPECT_EQ("none", inventory->platform);
  EXPECT_EQ(21u, inventory->capabilities.size());
  for (const v1::Capability& c : inventory->capabilities) {
    EXPECT_EQ(c.operation() == "relay.probe", c.available()) << c.operation();
    EXPECT_EQ(c.available(), c.reason().empty()) << c.operation();
  }
}

}  // namespace
}  // namespace mailquench::agent::postfix
