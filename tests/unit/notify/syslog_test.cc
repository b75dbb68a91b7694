#include <gmock/gmock.h>
#include <sys/un.h>

#include "controller/notify/syslog_line.h"
#include "tests/unit/notify/rig.h"

namespace mailquench::controller {
namespace {
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using Verdict = Outcome::Verdict;

// A socket that is bound to a path, or to a port of loopback.
class Bound {
 public:
  Bound(int type, const std::string& path) : fd_(socket(AF_UNIX, type, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ok_ = bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
          (type == SOCK_DGRAM || listen(fd_, 4) == 0);
  }
  explicit Bound(int type) : fd_(socket(AF_INET, type, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ok_ = bind(fd_, reinterpret_cast<sockaddr*>(&address), size) == 0;
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  ~Bound() { close(fd_); }
  bool ok() const { return ok_; }
  int port() const { return port_; }
  int fd() const { return fd_; }
  std::string Receive(int fd) const {
    char buffer[65536];
    pollfd p{fd, POLLIN, 0};
    if (poll(&p, 1, 20000) <= 0) return "";
    const auto n = recv(fd, buffer, sizeof buffer, 0);
    return n > 0 ? std::string(buffer, static_cast<std::size_t>(n)) : "";
  }

 private:
  int fd_;
  bool ok_ = false;
  int port_ = 0;
};

ChannelConfig Syslog(const std::string& target) {
  ChannelConfig channel;
  channel.name = "log";
  channel.kind = ChannelKind::kSyslog;
  channel.target = target;
  return channel;
}

constexpr char kLine[] =
    "<20>1 2023-11-14T22:13:20Z [!-~]+ mailquench [0-9]+ run-failed \\[mailquench@32473 id=\"n-1\" "
    "kind=\"run-failed\" severity=\"warning\" incident=\"i-1\" escalation=\"e-1\" run=\"r-1\" "
    "hosts=\"mx1.test\" hostCount=\"1\"\\] The run contain failed on mx1.test: it was stopped and "
    "not swept. Now: mailquench run show r-1";

TEST(SyslogLine, IsRfc5424) {
  EXPECT_THAT(SyslogLine(Syslog(""), NoticeOf("n-1"), 8192), MatchesRegex(kLine));
  v1::Notice page = NoticeOf("n-1", "page");
  page.set_severity("page");
  ChannelConfig channel = Syslog("");
  channel.facility = "local3";
  channel.body = "{{kind}}: {{hosts}}";
  EXPECT_THAT(SyslogLine(channel, page, 8192), testing::StartsWith("<153>1 "));
  EXPECT_THAT(SyslogLine(channel, page, 8192), testing::EndsWith("] page: mx1.test"));
}

TEST(SyslogLine, EscapesAndCutsWhatItIsGiven) {
  v1::Notice notice = NoticeOf("n\"]\\1\n<0>1 forged");
  notice.set_text("line\nforged\x1b[2J \xff ümlaut");
  notice.set_kind("a b\r\nc");
  for (int i = 0; i < 5000; ++i) notice.add_hosts(absl::StrCat("host-", i, ".example.org"));
  const std::string line = SyslogLine(Syslog(""), notice, 2048);
  EXPECT_LE(line.size(), 2048u);
  EXPECT_THAT(line, HasSubstr("id=\"n\\\"\\]\\\\1 <0>1 forged\""));
  EXPECT_THAT(line, HasSubstr("hostCount=\"5001\""));
  EXPECT_THAT(line, HasSubstr(" a_b__c ["));
  for (const char c : line) EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  EXPECT_LE(SyslogLine(Syslog(""), notice, 700).size(), 700u);
}

TEST(SyslogChannel, LocalSocketsOfBothKinds) {
  const test::TempFolder folder;
  const Bound datagrams(SOCK_DGRAM, folder / "dgram");
  ASSERT_TRUE(datagrams.ok());
  EXPECT_EQ(DeliverToSyslog(Syslog(folder / "dgram"), NoticeOf("n-1"), AttemptOf()).verdict,
            Verdict::kDelivered);
  EXPECT_THAT(datagrams.Receive(datagrams.fd()), MatchesRegex(kLine));
  const Bound stream(SOCK_STREAM, folder / "stream");
  ASSERT_TRUE(stream.ok());
  const Outcome outcome = DeliverToSyslog(Syslog(folder / "stream"), NoticeOf("n-1"), AttemptOf());
  EXPECT_EQ(outcome.verdict, Verdict::kDelivered) << outcome.error;
  const int client = accept(stream.fd(), nullptr, nullptr);
  EXPECT_THAT(stream.Receive(client), MatchesRegex(std::string(kLine) + "\n"));
  close(client);
}

TEST(SyslogChannel, UdpAndTcp) {
  const Bound udp(SOCK_DGRAM);
  ASSERT_TRUE(udp.ok());
  EXPECT_EQ(DeliverToSyslog(Syslog(absl::StrCat("udp://127.0.0.1:", udp.port())), NoticeOf("n-1"),
                            AttemptOf())
                .verdict,
            Verdict::kDelivered);
  EXPECT_THAT(udp.Receive(udp.fd()), MatchesRegex(kLine));
  std::string got;
  std::atomic<bool> done = false;
  {
    test::Peer tcp([&](test::Peer::Link& link) {
      std::size_t size = 0;
      std::string count;
      for (char c = 0; link.Byte(&c) && c != ' ';) count.push_back(c);
      if (absl::SimpleAtoi(count, &size)) got = link.Bytes(size);
      done = true;
    });
    EXPECT_EQ(DeliverToSyslog(Syslog(absl::StrCat("tcp://localhost:", tcp.port())), NoticeOf("n-1"),
                              AttemptOf())
                  .verdict,
              Verdict::kDelivered);
    EXPECT_TRUE(Eventually([&] { return done.load(); }));
  }
  EXPECT_THAT(got, MatchesRegex(kLine));
}

TEST(SyslogChannel, OneThatIsNotThereOrTakesNothingIsTriedAgain) {
  const test::TempFolder folder;
  EXPECT_EQ(DeliverToSyslog(Syslog(folder / "none"), NoticeOf("n-1"), AttemptOf()).verdict,
            Verdict::kRetry);
  EXPECT_EQ(DeliverToSyslog(Syslog("tcp://127.0.0.1:1"), NoticeOf("n-1"), AttemptOf()).verdict,
            Verdict::kRetry);
  EXPECT_EQ(
      DeliverToSyslog(Syslog("/" + std::string(200, 'x')), NoticeOf("n-1"), AttemptOf()).verdict,
      Verdict::kRetry);
  const Bound full(SOCK_DGRAM, folder / "full");
  Outcome outcome;
  for (int i = 0; i < 100000 && outcome.error.empty(); ++i)
    outcome = DeliverToSyslog(Syslog(folder / "full"), NoticeOf("n-1"),
                              AttemptOf(absl::Milliseconds(200)));
  EXPECT_EQ(outcome.verdict, Verdict::kRetry);
  EXPECT_THAT(outcome.error, HasSubstr("takes nothing just now"));
}

}  // namespace
}  // namespace mailquench::controller
