// Postfix' log, read for the replies of remote servers.
#include "agent/mail/postfix/reply_log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/mail/postfix/reply_line.h"
#include "common/status/error.h"

namespace mailquench::agent::postfix {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::Time At(const char* text) {
  absl::Time time;
  EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, text, &time, nullptr)) << text;
  return time;
}

std::string TimeOf(const std::string& line, const char* latest) {
  absl::Time time;
  absl::string_view rest;
  if (!ParseLogTime(line, At(latest), absl::UTCTimeZone(), &time, &rest)) return "none";
  return absl::StrCat(absl::FormatTime("%Y-%m-%dT%H:%M:%S", time, absl::UTCTimeZone()), "|", rest);
}

TEST(LogTime, ReadsBothFormsAndFindsTheYear) {
  EXPECT_EQ(TimeOf("Nov 25 17:00:01 host x", "2026-11-25T18:00:00Z"), "2026-11-25T17:00:01|host x");
  EXPECT_EQ(TimeOf("Nov  5 07:00:01 host x", "2026-11-25T18:00:00Z"), "2026-11-05T07:00:01|host x");
  EXPECT_EQ(TimeOf("2026-11-25T17:00:01.123456+01:00 h x", "2026-11-25T18:00:00Z"),
            "2026-11-25T16:00:01|h x");
  EXPECT_EQ(TimeOf("2026-11-25T17:00:01Z h x", "2026-11-25T18:00:00Z"), "2026-11-25T17:00:01|h x");
  // Over the new year, back and forth.
  EXPECT_EQ(TimeOf("Dec 31 23:59:59 h x", "2027-01-01T00:00:10Z"), "2026-12-31T23:59:59|h x");
  EXPECT_EQ(TimeOf("Jan  1 00:00:01 h x", "2026-12-31T23:59:50Z"), "2027-01-01T00:00:01|h x");
  // A clock that is a little ahead is not a year behind; one that is far ahead is.
  EXPECT_EQ(TimeOf("Nov 26 10:00:00 h x", "2026-11-25T18:00:00Z"), "2026-11-26T10:00:00|h x");
  EXPECT_EQ(TimeOf("Nov 28 10:00:00 h x", "2026-11-25T18:00:00Z"), "2025-11-28T10:00:00|h x");
  EXPECT_EQ(TimeOf("Feb 29 10:00:00 h x", "2026-11-25T18:00:00Z"), "2024-02-29T10:00:00|h x");
  for (const char* bad :
       {"", "Nov 25 17:00", "Nox 25 17:00:01 h x", "Nov 2x 17:00:01 h x", "Nov 25T17:00:01 h x",
        "2026-13-25T17:00:01Z h x", "   at something else"})
    EXPECT_EQ(TimeOf(bad, "2026-11-25T18:00:00Z"), "none") << bad;
}

std::string Parsed(const std::string& rest) {
  DeliveryReply reply;
  if (!ParseReply(rest, &reply)) return "none";
  return absl::StrCat(reply.server, "|", reply.address, "|",
                      reply.rejected ? "rejected" : "deferred", "|", reply.text);
}

TEST(ReplyLine, ReadsWhatPostfixWrites) {
  EXPECT_EQ(
      Parsed("mx postfix/smtp[19383]: 8F27A27954: to=<a@b.test>, "
             "relay=mx.b.test[192.0.2.1]:25, delay=0.5, delays=0.1/0/0.2/0.2, dsn=5.7.1, "
             "status=bounced (host mx.b.test[192.0.2.1] said: 550 5.7.1 no (really) (in reply "
             "to MAIL FROM command))"),
      "mx.b.test|192.0.2.1|rejected|550 5.7.1 no (really) (in reply to MAIL FROM command)");
  EXPECT_EQ(Parsed("mx postfix/relay/smtp[1]: 4XyZabcdefz1: to=<a@b.test>, orig_to=<c@d.test>, "
                   "relay=mx.b.test[2001:db8::1]:25, conn_use=3, delay=0.5, delays=0/0/0/0, "
                   "dsn=4.7.0, status=deferred (host mx.b.test[2001:db8::1] refused to talk to me: "
                   "421 4.7.0 later)"),
            "mx.b.test|2001:db8::1|deferred|421 4.7.0 later");
  // One of several servers, with another one to follow.
  EXPECT_EQ(
      Parsed("mx postfix-out/smtp[2]: CFED4217CF: host mx01.b.test[192.0.2.1] refused to talk "
             "to me: 554-b.test 554 no"),
      "mx01.b.test|192.0.2.1|rejected|554-b.test 554 no");
  EXPECT_EQ(Parsed("mx postfix/smtp[2]: CFED4217CF: host mx01.b.test[192.0.2.1] said: 450 4.7.1 x"),
            "mx01.b.test|192.0.2.1|deferred|450 4.7.1 x");
  EXPECT_EQ(
      Parsed("mx postfix/error[3]: CFED4217CF: to=<a@b.test>, relay=none, delay=1, delays=1/0/0/0, "
             "dsn=4.0.0, status=deferred (delivery temporarily suspended: host "
             "mx.b.test[192.0.2.1] refused to talk to me: 554 x)"),
      "mx.b.test|192.0.2.1|deferred|554 x");
}

TEST(ReplyLine, LeavesOutEverythingElse) {
  for (const char* other :
       {"mx postfix/smtp[1]: A1: to=<a@b.test>, relay=mx.b.test[192.0.2.1]:25, delay=1, "
        "delays=1/0/0/0, dsn=2.0.0, status=sent (250 ok)",
        "mx postfix/smtp[1]: A1: to=<a@b.test>, relay=none, delay=1, delays=1/0/0/0, dsn=4.4.1, "
        "status=deferred (connect to mx.b.test[192.0.2.1]:25: Connection refused)",
        "mx postfix/smtp[1]: A1: to=<a@b.test>, relay=mx.b.test[192.0.2.1]:25, delay=1, "
        "delays=1/0/0/0, dsn=4.4.2, status=deferred (lost connection with mx.b.test[192.0.2.1] "
        "while "
        "sending RCPT TO)",
        "mx postfix/smtp[1]: connect to mx.b.test[192.0.2.1]:25: Connection timed out",
        "mx postfix/local[1]: A1: to=<a@b.test>, relay=local, dsn=5.1.1, status=bounced (host x[y] "
        "said: 550 no)",
        "mx postfix/smtp[1]: A1: host mx.b.test[192.0.2.1] said: 250 ok",
        "mx postfix/smtp[1]: A1: host mx.b.test[192.0.2.1] said: 5501 x",
        "mx dovecot: x/smtp[1]: A1: host mx.b.test[192.0.2.1] said: 550 x",
        "mx postfix/smtp[1]:", "", "mx", "mx postfix/smtp[1]: A1: to=<a"})
    EXPECT_EQ(Parsed(other), "none") << other;
}

// Whoever sends mail chooses the recipient, and must not write a reply of his own.
TEST(ReplyLine, ARecipientCannotForgeAReply) {
  EXPECT_EQ(Parsed("mx postfix/smtp[1]: A1: to=<\"x>, relay=gmail.test[192.0.2.9]:25, dsn=5.0.0, "
                   "status=bounced (host gmail.test[192.0.2.9] said: 550 spamhaus.org\"@b.test>, "
                   "relay=mx.b.test[192.0.2.1]:25, delay=1, delays=0/0/0/0, dsn=4.2.0, "
                   "status=deferred (host mx.b.test[192.0.2.1] said: 450 4.2.0 busy)"),
            "mx.b.test|192.0.2.1|deferred|450 4.2.0 busy");
}

class Logs : public ::testing::Test {
 protected:
  Logs() {
    char folder[] = "/tmp/agentops-log-XXXXXX";
    dir_ = mkdtemp(folder);
  }
  ~Logs() override { std::filesystem::remove_all(dir_); }
  static std::string Line(absl::Time time, const std::string& text) {
    return absl::StrCat(absl::FormatTime("%Y-%m-%dT%H:%M:%E6S%Ez", time, absl::UTCTimeZone()),
                        " mx postfix/smtp[1]: A1: host mx.b.test[192.0.2.1] said: ", text, "\n");
  }
  void Write(const std::string& name, const std::string& text, absl::Time modified) {
    std::ofstream(dir_ + name) << text;
    const timespec when = absl::ToTimespec(modified);
    const timespec both[2] = {when, when};
    ASSERT_EQ(utimensat(AT_FDCWD, (dir_ + name).c_str(), both, 0), 0);
  }
  ReadLog Read(absl::Duration window, const LogLimits& limits = {}) {
    seen_.clear();
    auto read = ReadReplies(
        {dir_ + "/mail.log"}, now_ - window,
        [&](const DeliveryReply& reply) { seen_.emplace_back(reply.text); }, CallContext(), limits);
    EXPECT_TRUE(read.ok()) << read.status();
    return read.ok() ? *std::move(read) : ReadLog();
  }
  std::string dir_;
  std::vector<std::string> seen_;
  const absl::Time now_ = absl::Now();
};

TEST_F(Logs, AreReadWithWhatTheyWereRotatedToAsFarAsTheWindowReaches) {
  const absl::Time day = now_ - absl::Hours(24);
  Write("/mail.log",
        absl::StrCat(Line(day, "550 b"), "noise\n", Line(now_ - absl::Hours(1), "450 c")), now_);
  Write("/mail.log.1", Line(day - absl::Hours(24), "550 a"), day);
  Write("/mail.log.2.gz", "packed", day - absl::Hours(24));
  Write("/mail.log-20200101", Line(now_ - absl::Hours(24 * 400), "550 old"),
        now_ - absl::Hours(24 * 400));
  Write("/mail.logger", Line(now_, "550 other"), now_);
  auto read = Read(absl::Hours(12));
  EXPECT_THAT(seen_, ElementsAre("450 c"));
  ASSERT_EQ(read.files.size(), 1u) << "the window begins in the first file";
  EXPECT_EQ(read.files[0].path(), dir_ + "/mail.log");
  EXPECT_EQ(read.files[0].lines(), 3);
  EXPECT_EQ(read.files[0].first_time().seconds(), absl::ToUnixSeconds(day));
  EXPECT_EQ(read.files[0].last_time().seconds(), absl::ToUnixSeconds(now_ - absl::Hours(1)));
  EXPECT_TRUE(read.partial_reason.empty());
  EXPECT_TRUE(read.not_read.empty());
  read = Read(absl::Hours(72));
  EXPECT_THAT(seen_, ElementsAre("550 b", "450 c", "550 a"));
  EXPECT_EQ(read.files.size(), 2u);
  EXPECT_THAT(read.not_read, ElementsAre(dir_ + "/mail.log.2.gz"));
}

TEST_F(Logs, ABigOneIsReadFromItsEnd) {
  {
    std::ofstream out(dir_ + "/mail.log");
    const std::string old = Line(now_ - absl::Hours(48), "550 old " + std::string(200, 'x'));
    for (int i = 0; i < 100'000; ++i) out << old;
    out << Line(now_ - absl::Minutes(3), "550 first");
    const std::string none =
        absl::StrCat(absl::FormatTime(absl::RFC3339_full, now_, absl::UTCTimeZone()),
                     " mx postfix/qmgr[1]: A1: removed\n");
    for (int i = 0; i < 20'000; ++i) out << none;
    out << Line(now_ - absl::Minutes(2), "550 " + std::string(3'000'000, 'y'));  // Left out.
    for (int i = 0; i < 20'000; ++i) out << none;
    out << Line(now_ - absl::Minutes(1), "550 last");
    out << Line(now_ - absl::Minutes(1), "450 cut short").substr(0, 60);
  }
  const auto read = Read(absl::Hours(1));
  EXPECT_THAT(seen_, ElementsAre("550 last", "550 first"));
  ASSERT_EQ(read.files.size(), 1u);
  EXPECT_LT(read.files[0].bytes(), 8'000'000);
  EXPECT_TRUE(read.partial_reason.empty());
}

TEST_F(Logs, SayWhereALimitEndedTheReading) {
  std::string text;
  for (int i = 0; i < 40'000; ++i) text += Line(now_ - absl::Minutes(1), absl::StrCat("550 ", i));
  Write("/mail.log", text, now_);
  LogLimits bytes;
  bytes.max_bytes = 2'000'000;
  const auto newest = Read(absl::Hours(1), bytes);
  EXPECT_THAT(newest.partial_reason, HasSubstr("only the newest"));
  ASSERT_FALSE(seen_.empty());
  EXPECT_LT(seen_.size(), 40'000u);
  EXPECT_NE(std::find(seen_.begin(), seen_.end(), "550 39999"), seen_.end());
  EXPECT_EQ(std::find(seen_.begin(), seen_.end(), "550 0"), seen_.end());
  LogLimits time;
  time.max_time = absl::ZeroDuration();
  EXPECT_THAT(Read(absl::Hours(1), time).partial_reason, HasSubstr("time for reading ended"));
  EXPECT_FALSE(seen_.empty());
  CallContext cancelled;
  cancelled.still_wanted = [] { return absl::CancelledError("no more"); };
  EXPECT_TRUE(absl::IsCancelled(
      ReadReplies(
          {dir_ + "/mail.log"}, now_ - absl::Hours(1), [](const DeliveryReply&) {}, cancelled)
          .status()));
}

TEST_F(Logs, OnesThatAreNotThereAreNamed) {
  const auto none = ReadReplies(
      {dir_ + "/mail.log"}, now_, [](const DeliveryReply&) {}, CallContext());
  EXPECT_EQ(ReasonOf(none.status()), "NO_MAIL_LOG");
  EXPECT_THAT(std::string(none.status().message()), HasSubstr("mail_log in agent.yaml"));
  EXPECT_EQ(ReasonOf(ReadReplies(
                         {dir_}, now_, [](const DeliveryReply&) {}, CallContext())
                         .status()),
            "NO_MAIL_LOG");
  EXPECT_THAT(*MailLogs({}, "/var/log/other.log"), ElementsAre("/var/log/other.log"));
}

}  // namespace
}  // namespace mailquench::agent::postfix
