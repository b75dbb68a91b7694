#include <gmock/gmock.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <stdexcept>

#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "controller/notify/mail_message.h"
#include "tests/unit/notify/rig.h"
#include "tests/unit/notify/smtp_server.h"

namespace mailquench::controller {
namespace {
using test::SmtpServer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Verdict = Outcome::Verdict;

ChannelConfig Mail(const std::string& relay) {
  ChannelConfig channel;
  channel.name = "mail";
  channel.kind = ChannelKind::kSmtp;
  channel.relay = relay;
  channel.from = "mailquench@ops.test";
  channel.to = {"a@ops.test", "b@ops.test"};
  channel.starttls = false;
  return channel;
}

// Read by another's implementation: "KEY: VALUE" lines, then the body.
std::string ReadByPython(const std::string& message) {
  const test::TempFolder folder;
  const std::string script = folder.Write(
      "read.py",
      "import sys, email, email.policy\n"
      "m = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.SMTP)\n"
      "assert not m.defects, m.defects\n"
      "for key in ('Subject', 'From', 'To', 'Message-ID', 'Date'):\n"
      "    assert len(m.get_all(key)) == 1, key\n"
      "    print(key + ': ' + str(m[key]))\n"
      "print('Keys: ' + ' '.join(m.keys()))\n"
      "print(m.get_content().replace('\\r\\n', '\\n'), end='')\n");
  return Filtered(folder, "PYTHONIOENCODING=utf-8 python3 " + script, message);
}

TEST(MailMessage, IsAMailThatEverybodyReads) {
  v1::Notice notice = NoticeOf("n-1", "page");
  notice.set_severity("page");
  notice.set_text("Größe der Queue: 90% = viel.\n.\n..zwei\n" + std::string(300, 'x') + " \nEnde");
  ChannelConfig channel = Mail("r.test:25");
  channel.subject =
      "[{{severity}}] Störung auf {{hosts}}: " + std::string(80, 'y') + " 漢字漢字漢字漢字";
  const std::string message = MailMessage(channel, notice);
  for (const absl::string_view line : absl::StrSplit(message, "\r\n")) {
    EXPECT_LE(line.size(), 98u);
    for (const char c : line) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << line;
  }
  const std::string read = ReadByPython(message);
  EXPECT_THAT(read, HasSubstr("Subject: [page] Störung auf mx1.test: " + std::string(80, 'y') +
                              " 漢字漢字漢字漢字\n"));
  EXPECT_THAT(read, HasSubstr("From: Mailquench <mailquench@ops.test>\n"));
  EXPECT_THAT(read, HasSubstr("To: a@ops.test, b@ops.test\n"));
  EXPECT_THAT(read, HasSubstr("Message-ID: <n-1@ops.test>\n"));
  EXPECT_THAT(read, HasSubstr("Date: Tue, 14 Nov 2023 22:13:20 +0000\n"));
  EXPECT_THAT(read, HasSubstr("Auto-Submitted X-Auto-Response-Suppress Importance"));
  EXPECT_THAT(read, HasSubstr(notice.text()));
  EXPECT_THAT(read, HasSubstr("What to do now:\n    mailquench run show r-1\n"));
  EXPECT_EQ(message, MailMessage(channel, notice));
}

TEST(MailMessage, NothingCanBeSmuggledIn) {
  v1::Notice notice = NoticeOf("n-1\r\nBcc: evil@x.test");
  notice.set_kind("page\r\nBcc: evil@x.test");
  notice.set_incident_id("i>\r\nBcc: evil@x.test");
  notice.set_text("x\r\nBcc: evil@x.test\r\n.\r\nMAIL FROM:<>\r\n");
  notice.set_hosts(0, "mx1\r\nBcc: evil@x.test\xe2\x80\xae");
  for (const char* subject : {"", "{{text}} {{hosts}} {{kind}} {{id}}"}) {
    ChannelConfig channel = Mail("r.test:25");
    channel.subject = subject;
    const std::string message = MailMessage(channel, notice);
    const std::string head = message.substr(0, message.find("\r\n\r\n"));
    EXPECT_THAT(head, Not(HasSubstr("\nBcc")));
    EXPECT_THAT(message, Not(HasSubstr("\xe2")));
    EXPECT_THAT(absl::StrReplaceAll(message, {{"\r\n", ""}}), Not(HasSubstr("\r")));
    EXPECT_THAT(absl::StrReplaceAll(message, {{"\r\n", ""}}), Not(HasSubstr("\n")));
    EXPECT_FALSE(ReadByPython(message).empty());
  }
}

TEST(MailMessage, TellsAnAddressFromOtherThings) {
  for (const char* good : {"a@b", "first.last+tag@example.org", "o'neil@mail.example.org"})
    EXPECT_TRUE(IsMailAddress(good)) << good;
  for (const char* bad :
       {"", "a", "@b", "a@", "a@b@c", "a b@c", "a@b>", "<a@b", "a@b\r\nRCPT", ".a@b", "a..b@c",
        "a@.b", "ä@b.test", "\"a\"@b", "a@[1.2.3.4]", "a@b,c@d"})
    EXPECT_FALSE(IsMailAddress(bad)) << bad;
}

TEST(MailChannel, SpeaksSmtp) {
  SmtpServer relay;
  v1::Notice notice = NoticeOf("n-1");
  notice.set_text(".begins with a dot\n.\n..two");
  ChannelConfig channel = Mail(relay.relay());
  channel.body = "{{text}}\n";
  const Outcome outcome = DeliverByMail(channel, notice, AttemptOf());
  ASSERT_EQ(outcome.verdict, Verdict::kDelivered) << outcome.error;
  EXPECT_THAT(outcome.delivered_to, ElementsAre("a@ops.test", "b@ops.test"));
  ASSERT_EQ(relay.Messages().size(), 1u);
  EXPECT_THAT(relay.Messages()[0], HasSubstr("\r\n\r\n..begins with a dot\r\n..\r\n...two\r\n"));
  const auto lines = relay.Lines();
  ASSERT_GE(lines.size(), 5u);
  EXPECT_THAT(lines[0], testing::StartsWith("EHLO "));
  EXPECT_EQ(lines[1], "MAIL FROM:<mailquench@ops.test>");
  EXPECT_EQ(lines[2], "RCPT TO:<a@ops.test>");
  EXPECT_EQ(lines[3], "RCPT TO:<b@ops.test>");
  EXPECT_EQ(lines[4], "DATA");
  channel.null_sender = true;
  EXPECT_EQ(DeliverByMail(channel, notice, AttemptOf()).verdict, Verdict::kDelivered);
  EXPECT_THAT(relay.Lines(), testing::Contains("MAIL FROM:<>"));
}

TEST(MailChannel, WhatAnAnswerMeans) {
  struct Case {
    const char* verb;
    const char* answer;
    Verdict verdict;
  };
  SmtpServer relay;
  for (const Case& one : std::vector<Case>{
           {"MAIL", "451 4.3.0 later\r\n", Verdict::kRetry},
           {"MAIL", "550 5.7.1 no\r\n", Verdict::kRefused},
           {"RCPT", "450 4.2.0 grey\r\n", Verdict::kRetry},
           {"RCPT", "550 5.1.1 nobody\r\n", Verdict::kRefused},
           {"RCPT", "421 4.3.2 going down\r\n", Verdict::kRetry},
           {"DATA", "452 4.3.1 full\r\n", Verdict::kRetry},
           {"DATA", "554 5.5.1 no\r\n", Verdict::kRefused},
           {".", "451 4.3.0 later\r\n", Verdict::kRetry},
           {".", "552-5.3.4 too\r\n552 5.3.4 big\r\n", Verdict::kRefused},
           {".", "", Verdict::kRetry},                             // Taken or not: nobody knows.
           {"connect", "554 5.7.1 not you\r\n", Verdict::kRetry},  // The set-up's fault.
           {"EHLO", "502 what\r\n", Verdict::kRetry},
           {"connect", "", Verdict::kRetry},
           {"connect", "HTTP/1.1 400 Bad Request\r\n", Verdict::kRetry},
           {"MAIL", "250-one\r\n550 other\r\n", Verdict::kRetry},
           {"MAIL", "99\r\n", Verdict::kRetry}}) {
    relay.AsUsual();
    relay.Answer(one.verb, one.answer);
    const Outcome outcome = DeliverByMail(Mail(relay.relay()), NoticeOf("n-1"), AttemptOf());
    EXPECT_EQ(outcome.verdict, one.verdict) << one.verb << one.answer << outcome.error;
    EXPECT_THAT(outcome.error, HasSubstr("relay 127.0.0.1 port"));
  }
}

TEST(MailChannel, WhoHasItIsNotWrittenToAgain) {
  SmtpServer relay;
  relay.Answer("RCPT TO:<b@", "450 4.2.0 grey\r\n");
  const ChannelConfig channel = Mail(relay.relay());
  const Outcome first = DeliverByMail(channel, NoticeOf("n-1"), AttemptOf());
  EXPECT_EQ(first.verdict, Verdict::kRetry);
  EXPECT_THAT(first.delivered_to, ElementsAre("a@ops.test"));
  EXPECT_THAT(first.error, HasSubstr("b@ops.test: 450 4.2.0 grey"));
  relay.AsUsual();
  Attempt again = AttemptOf();
  again.delivered_to = first.delivered_to;
  const Outcome second = DeliverByMail(channel, NoticeOf("n-1"), again);
  EXPECT_EQ(second.verdict, Verdict::kDelivered);
  EXPECT_THAT(second.delivered_to, ElementsAre("b@ops.test"));
  const auto lines = relay.Lines();
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "RCPT TO:<a@ops.test>"), 1);
  // Refused for good, beside one that has it.
  relay.Answer("RCPT TO:<a@", "550 5.1.1 nobody\r\n");
  const Outcome partly = DeliverByMail(channel, NoticeOf("n-2"), AttemptOf());
  EXPECT_EQ(partly.verdict, Verdict::kDelivered);
  EXPECT_THAT(partly.error, HasSubstr("a@ops.test: 550 5.1.1 nobody"));
}

TEST(MailChannel, DemandsTlsAndLogsInOverItAlone) {
  test::TempFolder folder;
  const std::string pem = test::MakeCertificate(folder);
  if (pem.empty()) GTEST_SKIP() << "needs openssl(1)";
  SmtpServer relay(pem);
  ChannelConfig channel = Mail(relay.relay());
  channel.starttls = true;
  channel.user = "ops";
  channel.password_file = folder.Write("password", "p4ss\n");
  // An unknown CA.
  Outcome outcome = DeliverByMail(channel, NoticeOf("n-1"), AttemptOf());
  EXPECT_EQ(outcome.verdict, Verdict::kRetry);
  EXPECT_THAT(outcome.error, HasSubstr("not trusted"));
  channel.ca_file = pem;
  outcome = DeliverByMail(channel, NoticeOf("n-1"), AttemptOf());
  ASSERT_EQ(outcome.verdict, Verdict::kDelivered) << outcome.error;
  for (const std::string& line : relay.Lines())
    EXPECT_TRUE(absl::StartsWith(line, "TLS ") || absl::StartsWith(line, "EHLO") ||
                line == "STARTTLS")
        << line;
  EXPECT_THAT(relay.Lines(), testing::Contains("TLS AUTH PLAIN AG9wcwBwNHNz"));
  // A wrong password is the set-up's fault, and is not repeated in the error.
  relay.Answer("AUTH", "535 5.7.8 no\r\n");
  outcome = DeliverByMail(channel, NoticeOf("n-1"), AttemptOf());
  EXPECT_EQ(outcome.verdict, Verdict::kRetry);
  EXPECT_THAT(outcome.error, HasSubstr("535"));
  EXPECT_THAT(outcome.error, Not(HasSubstr("AG9w")));
  // Nor where the relay repeats what it was told.
  relay.Answer("AUTH", "500 what is 'AUTH PLAIN AG9wcwBwNHNz'?\r\n");
  outcome = DeliverByMail(channel, NoticeOf("n-1"), AttemptOf());
  EXPECT_THAT(outcome.error, HasSubstr("the log-in with 500"));
  EXPECT_THAT(outcome.error, Not(HasSubstr("AG9w")));
  relay.AsUsual();
  // Not offered, or refused: nothing is said in plain text.
  SmtpServer plain;
  channel.relay = plain.relay();
  outcome = DeliverByMail(channel, NoticeOf("n-1"), AttemptOf());
  EXPECT_EQ(outcome.verdict, Verdict::kRetry);
  EXPECT_THAT(outcome.error, HasSubstr("offers no STARTTLS"));
  EXPECT_TRUE(plain.Messages().empty());
  // Words that were slipped in before TLS count for nothing (CVE-2011-0411).
  channel.relay = relay.relay();
  relay.Answer("STARTTLS", "220 Go\r\n250 injected\r\n");
  outcome = DeliverByMail(channel, NoticeOf("n-1"), AttemptOf());
  EXPECT_EQ(outcome.verdict, Verdict::kRetry);
  EXPECT_THAT(outcome.error, HasSubstr("before TLS had begun"));
  channel.password_file = folder / "missing";
  EXPECT_THAT(DeliverByMail(channel, NoticeOf("n-1"), AttemptOf()).error, HasSubstr("missing"));
}

// RFC 5321, 4.5.3.2.6: a relay that has the whole message may take minutes to say so.
TEST(MailChannel, ARelayThatHasItAndSaysSoLateIsWaitedFor) {
  EXPECT_EQ(Attempt().answer_limit, absl::Minutes(10));
  SmtpServer relay;
  relay.AnswerLate(absl::Milliseconds(1500));
  Attempt attempt = AttemptOf(absl::Milliseconds(700));
  Outcome outcome = DeliverByMail(Mail(relay.relay()), NoticeOf("n-1"), attempt);
  EXPECT_EQ(outcome.verdict, Verdict::kDelivered) << outcome.error;
  EXPECT_THAT(relay.Messages(), testing::SizeIs(1));
  // It has an end, and what is not wanted any more is not waited for.
  relay.AnswerLate(absl::Minutes(1));
  attempt = AttemptOf();
  attempt.answer_limit = absl::Milliseconds(200);
  outcome = DeliverByMail(Mail(relay.relay()), NoticeOf("n-1"), attempt);
  EXPECT_EQ(outcome.verdict, Verdict::kRetry);
  EXPECT_THAT(outcome.error, HasSubstr("the time ended"));
  attempt = AttemptOf();
  attempt.wanted = [&] { return relay.Messages().size() < 3; };
  outcome = DeliverByMail(Mail(relay.relay()), NoticeOf("n-1"), attempt);
  EXPECT_EQ(outcome.verdict, Verdict::kRetry);
  EXPECT_THAT(outcome.error, HasSubstr("not wanted"));
}

TEST(MailChannel, WhatIsThrownIsTriedAgain) {
  test::Peer silent([](test::Peer::Link& link) { link.Hang(); });
  const ChannelConfig channel = Mail(absl::StrCat("127.0.0.1:", silent.port()));
  Attempt attempt = AttemptOf();
  attempt.wanted = []() -> bool { throw std::runtime_error("something inside"); };
  Outcome outcome = Deliver(channel, NoticeOf("n-1"), attempt);
  EXPECT_EQ(outcome.verdict, Verdict::kRetry);
  EXPECT_THAT(outcome.error, HasSubstr("within the controller: something inside"));
  attempt.wanted = []() -> bool { throw 7; };
  outcome = Deliver(channel, NoticeOf("n-1"), attempt);
  EXPECT_EQ(outcome.verdict, Verdict::kRetry);
  EXPECT_THAT(outcome.error, HasSubstr("within the controller"));
}

TEST(MailChannel, ARelayThatHangsOrNeverEndsItsAnswer) {
  test::Peer silent([](test::Peer::Link& link) { link.Hang(); });
  test::Peer endless([](test::Peer::Link& link) {
    while (!link.ending() && link.Send("220-" + std::string(1000, 'x') + "\r\n")) {
    }
  });
  test::Peer long_line([](test::Peer::Link& link) {
    while (!link.ending() && link.Send(std::string(1000, '2'))) {
    }
  });
  const auto at = [](const test::Peer& peer) { return absl::StrCat("127.0.0.1:", peer.port()); };
  EXPECT_THAT(
      DeliverByMail(Mail(at(silent)), NoticeOf("n-1"), AttemptOf(absl::Milliseconds(200))).error,
      HasSubstr("the time ended"));
  EXPECT_THAT(DeliverByMail(Mail(at(endless)), NoticeOf("n-1"), AttemptOf()).error,
              HasSubstr("has no end"));
  EXPECT_THAT(DeliverByMail(Mail(at(long_line)), NoticeOf("n-1"), AttemptOf()).error,
              HasSubstr("has no end"));
}

// Postfix' own sink, which is stricter than ours. It keeps each message in a file.
TEST(MailChannel, PostfixSinkTakesIt) {
  const std::string program = "/usr/sbin/smtp-sink";
  if (access(program.c_str(), X_OK) != 0) GTEST_SKIP() << "needs Postfix' smtp-sink";
  const test::TempFolder folder;
  int port = 0;
  {
    test::Peer free([](test::Peer::Link&) {});
    port = free.port();
  }
  std::vector<std::string> arguments = {
      program, "-u", "root", "-d", folder / "%s.", absl::StrCat("127.0.0.1:", port), "10"};
  if (geteuid() != 0) arguments.erase(arguments.begin() + 1, arguments.begin() + 3);
  std::vector<char*> argv;
  for (std::string& one : arguments) argv.push_back(one.data());
  argv.push_back(nullptr);
  pid_t pid = -1;
  ASSERT_EQ(posix_spawn(&pid, program.c_str(), nullptr, nullptr, argv.data(), environ), 0);
  const ChannelConfig channel = Mail(absl::StrCat("127.0.0.1:", port));
  v1::Notice notice = NoticeOf("n-1");
  notice.set_text("Umlaute: äöü\n.\nEnde");
  Outcome outcome;
  EXPECT_TRUE(Eventually([&] {
    outcome = DeliverByMail(channel, notice, AttemptOf());
    return outcome.verdict == Verdict::kDelivered;
  })) << outcome.error;
  kill(pid, SIGTERM);
  waitpid(pid, nullptr, 0);
  const std::string kept = Filtered(folder, absl::StrCat("cat ", folder / "????*.*", " #"), "");
  EXPECT_THAT(kept, HasSubstr("Message-ID: <n-1@ops.test>"));
  EXPECT_THAT(kept, HasSubstr("Umlaute: =C3=A4=C3=B6=C3=BC"));
}

}  // namespace
}  // namespace mailquench::controller
