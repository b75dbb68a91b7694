// The tracking log with hostile bytes in it, and what filters and replies become.
#include "agent/mail/exchange/opath.h"
#include "agent/mail/exchange/queue_view.h"
#include "agent/mail/exchange/reply_log.h"
#include "agent/mail/exchange/tracking_log.h"
#include "tests/unit/exchange/host/fakes.h"

namespace mailquench::agent::exchange {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Fewer columns and another order than the real ones: "#Fields" alone says which is which.
constexpr char kFields[] =
    "\xEF\xBB\xBF#Software: Microsoft Exchange Server\r\n#Fields: "
    "date-time,source,event-id,sender-address,recipient-address,total-bytes,message-subject,"
    "client-ip,original-client-ip,recipient-status,server-ip,server-hostname\r\n";

std::string Received(const std::string& sender, const std::string& subject = "offer") {
  return absl::StrCat(absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone()),
                      ",SMTP,RECEIVE,", sender, ",a@victim.test;b@VICTIM.test;c@other.test,100,",
                      subject, ",127.0.0.1,203.0.113.7,,,\r\n");
}

TEST(TrackingLog, TellsWhoSentByItsOwnColumns) {
  TestFolder folder;
  TestFolder::Put(folder.path + "/MSGTRK20260101-1.log",
                  kFields + Received("spam@evil.test") +
                      Received("spam@evil.test", "\"a, \"\"quoted\"\" \xFF\x01 one\"") +
                      Received("good@host.test") + Received("<>") +
                      "broken,line\r\n\"unterminated,SMTP,RECEIVE\r\n" + std::string(1000000, 'x') +
                      "\r\n2026-01-01T00:00:00.000Z,SMTP,REC");
  TestFolder::Put(folder.path + "/MSGTRKMD20260101-1.log", kFields + Received("store@host.test"));
  TestFolder::Put(folder.path + "/notes.txt", kFields + Received("nobody@host.test"));
  const auto picture = PictureOf(folder.path, absl::Now() - absl::Hours(1), 1000, ContextOf("c"));
  ASSERT_TRUE(picture.ok()) << picture.status();
  EXPECT_EQ(4, picture->messages);
  EXPECT_EQ(400, picture->bytes);
  EXPECT_FALSE(picture->partial);
  const v1::TrafficPicture& seen = picture->picture;
  ASSERT_EQ(3, seen.senders_size());
  EXPECT_EQ("spam@evil.test", seen.senders(0).value());
  EXPECT_EQ(2, seen.senders(0).messages());
  EXPECT_EQ("203.0.113.7", seen.clients(0).value());
  EXPECT_EQ(2, seen.recipient_domains_size());
  EXPECT_EQ("offer", seen.subjects(0).value());
}

TEST(TrackingLog, EndsAtItsLimits) {
  TestFolder folder;
  std::string text = kFields;
  for (int i = 0; i < 50; ++i) text += Received("spam@evil.test");
  TestFolder::Put(folder.path + "/MSGTRK20260101-1.log", text);
  const auto some = PictureOf(folder.path, absl::Now() - absl::Hours(1), 10, ContextOf("c"));
  ASSERT_TRUE(some.ok());
  EXPECT_EQ(10, some->messages);
  EXPECT_TRUE(some->partial);
  const auto none = PictureOf(folder.path, absl::Now() + absl::Hours(1), 10, ContextOf("c"));
  ASSERT_TRUE(none.ok());
  EXPECT_EQ(0, none->messages);
  CallContext late = ContextOf("c");
  late.deadline = absl::InfinitePast();
  const auto cut = PictureOf(folder.path, absl::InfinitePast(), 10, late);
  ASSERT_TRUE(cut.ok()) << cut.status();
  EXPECT_TRUE(cut->partial);
  EXPECT_TRUE(absl::IsNotFound(
      PictureOf(folder.path + "/none", absl::InfinitePast(), 10, ContextOf("c")).status()));
}

TEST(TrackingLog, RepliesOfRemoteServersAreFound) {
  TestFolder folder;
  const auto line = [](const char* event, const char* status) {
    return absl::StrCat(absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone()),
                        ",SMTP,", event, ",a@b.test,x@y.test,1,s,,,\"", status,
                        "\",192.0.2.9,mx.far.test\r\n");
  };
  TestFolder::Put(folder.path + "/MSGTRK20260101-1.log",
                  kFields +
                      line("DEFER",
                           "[{LRT=1/1/2026};{LED=451 4.7.1 Service; later};{FQDN=mx.y.test};"
                           "{IP=192.0.2.8}]") +
                      line("FAIL", "550 5.7.1 Blocked by zen.test") + line("SEND", "250 2.0.0 OK") +
                      line("FAIL", "no reply at all"));
  std::vector<std::string> seen;
  const auto read = ReadReplies(
      folder.path, absl::Now() - absl::Hours(1),
      [&seen](const DeliveryReply& reply) {
        seen.push_back(
            absl::StrCat(reply.server, " ", reply.address, " ", reply.rejected, " ", reply.text));
      },
      ContextOf("c"));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_THAT(seen, ElementsAre("mx.y.test 192.0.2.8 0 451 4.7.1 Service; later",
                                "mx.far.test 192.0.2.9 1 550 5.7.1 Blocked by zen.test"));
}

TEST(Opath, SaysOnlyWhatIsHarmlessAndDocumented) {
  v1::MessageFilter filter;
  EXPECT_EQ("", OpathOf(filter));
  filter.add_senders("spam@evil.test");
  EXPECT_EQ("FromAddress -eq 'spam@evil.test'", OpathOf(filter));
  filter.add_clients("203.0.113.7");
  EXPECT_EQ("FromAddress -eq 'spam@evil.test' -and SourceIP -eq '203.0.113.7'", OpathOf(filter));
  filter.set_senders(0, "<>");
  filter.set_clients(0, "203.0.113.0/24");
  EXPECT_EQ("FromAddress -eq '<>'", OpathOf(filter));
  filter.set_senders(0, "@evil.test");
  EXPECT_EQ("FromAddress -like '*@evil.test'", OpathOf(filter));
  for (const char* hostile : {"'; Remove-Item", "a'b@c.test", "*@c.test", "$x@c.test", "a b"}) {
    filter.set_senders(0, hostile);
    EXPECT_EQ("", OpathOf(filter)) << hostile;
  }
  filter.set_senders(0, "a@b.test");
  filter.add_senders("c@d.test");
  EXPECT_EQ("", OpathOf(filter)) << "alternatives are judged here";
}

TEST(QueueView, SizesAreBytes) {
  EXPECT_EQ(4222, BytesOf("4.123 KB (4,222 bytes)"));
  EXPECT_EQ(37748736, BytesOf("36 MB (37,748,736 bytes)"));
  EXPECT_EQ(17, BytesOf("17"));
  EXPECT_EQ(0, BytesOf("4.1 KB"));
  EXPECT_EQ(0, BytesOf(""));
}

TEST(QueueView, AllPagesAreReadAndACircleEnds) {
  TestFolder folder;
  FakeShell shell(folder.path + "/components");
  int calls = 0;
  bool circle = false;
  shell.on_call = [&](const Pipeline& pipeline) -> absl::StatusOr<Answer> {
    ++calls;
    Answer answer;
    const std::string mark = FakeShell::ValueOf(pipeline.cmdlets[0], "BookmarkObject");
    const int first = mark.empty() || circle ? 0 : std::stoi(mark.substr(mark.rfind('\\') + 1)) + 1;
    for (int i = first; i < std::min(first + static_cast<int>(kPage), 1201); ++i)
      answer.rows.push_back({{"Identity", Text(absl::StrCat("EX1\\", i))},
                             {"MessageCount", Text("2")},
                             {"DeliveryType", Text(i == 0 ? "ShadowRedundancy" : "Undefined")},
                             {"Velocity", Text("-0.5")}});
    return answer;
  };
  auto queues = ReadQueues(shell, "EX1", ContextOf("c"));
  ASSERT_TRUE(queues.ok()) << queues.status();
  EXPECT_EQ(1201U, queues->size());
  EXPECT_EQ(3, calls);
  EXPECT_EQ(2400, Sum(*queues));
  EXPECT_EQ(-600, Velocity(*queues).value_or(0));
  circle = true;
  queues = ReadQueues(shell, "EX1", ContextOf("c"));
  EXPECT_EQ("SHELL_SPOKE_RUBBISH", ReasonOf(queues.status())) << queues.status();
}

}  // namespace
}  // namespace mailquench::agent::exchange
