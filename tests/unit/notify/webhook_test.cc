#include <gmock/gmock.h>

#include "tests/unit/notify/rig.h"

namespace mailquench::controller {
namespace {
using ::testing::HasSubstr;
using ::testing::Not;
using Verdict = Outcome::Verdict;

TEST(WebhookChannel, SendsTheWholeNoticeSigned) {
  test::TempFolder folder;
  Receiver receiver;
  ChannelConfig channel = Webhook("hook", receiver.Url());
  channel.secret_file = folder.Write("secret", "s3cret\n");
  channel.token_file = folder.Write("token", "t0ken\n");
  v1::Notice notice = NoticeOf("n-1");
  notice.set_text("Line \"one\"\nümlaut \xff");
  const Outcome outcome = DeliverByWebhook(channel, notice, AttemptOf());
  ASSERT_EQ(outcome.verdict, Verdict::kDelivered) << outcome.error;
  const std::string request = receiver.Last();
  const std::string body = request.substr(request.find("\r\n\r\n") + 4);
  const auto json = nlohmann::json::parse(body);
  EXPECT_EQ(json["id"], "n-1");
  EXPECT_EQ(json["kind"], "run-failed");
  EXPECT_EQ(json["severity"], "warning");
  EXPECT_EQ(json["text"], "Line \"one\"\nümlaut \xef\xbf\xbd");
  EXPECT_EQ(json["next"], "mailquench run show r-1");
  EXPECT_EQ(json["time"], "2023-11-14T22:13:20Z");
  EXPECT_EQ(json["incident_id"], "i-1");
  EXPECT_EQ(json["escalation_id"], "e-1");
  EXPECT_EQ(json["run_id"], "r-1");
  EXPECT_EQ(json["hosts"], nlohmann::json::array({"mx1.test"}));
  EXPECT_EQ(json["fields"]["outcome"], "failed");
  EXPECT_EQ(json.size(), 11u);
  EXPECT_THAT(request, HasSubstr("Mailquench-Notice-Id: n-1\r\n"));
  EXPECT_THAT(request, HasSubstr("Mailquench-Timestamp: 1700000100\r\n"));
  EXPECT_THAT(request, HasSubstr("Content-Type: application/json\r\n"));
  EXPECT_THAT(request, HasSubstr("Authorization: Bearer t0ken\r\n"));
  // By somebody else's implementation.
  const std::string sum =
      Filtered(folder,
               "python3 -c \"import hmac,sys; print(hmac.new(b's3cret', b'1700000100.' + "
               "sys.stdin.buffer.read(), 'sha256').hexdigest(), end='')\"",
               body);
  ASSERT_EQ(sum.size(), 64u);
  EXPECT_THAT(request, HasSubstr(absl::StrCat("Mailquench-Signature: v1=", sum, "\r\n")));
}

TEST(WebhookChannel, WhatAnAnswerMeans) {
  Receiver receiver;
  const ChannelConfig channel = Webhook("hook", receiver.Url());
  const auto deliver = [&] { return DeliverByWebhook(channel, NoticeOf("n-1"), AttemptOf()); };
  for (const int status : {200, 202, 204}) {
    receiver.Answer(status);
    EXPECT_EQ(deliver().verdict, Verdict::kDelivered) << status;
  }
  for (const int status : {301, 400, 401, 404, 429, 500, 503}) {
    receiver.Answer(status);
    EXPECT_EQ(deliver().verdict, Verdict::kRetry) << status;
    EXPECT_THAT(deliver().error, HasSubstr(absl::StrCat(status)));
  }
  receiver.Answer(410);
  EXPECT_EQ(deliver().verdict, Verdict::kRefused);
  receiver.Answer(503, "Retry-After: 120\r\n");
  EXPECT_EQ(deliver().wait, absl::Seconds(120));
  receiver.Answer(503, "Retry-After: Tue, 14 Nov 2023 22:20:00 GMT\r\n");
  EXPECT_EQ(deliver().wait, absl::Seconds(300));
  for (const char* odd : {"-5", "soon", "Tue, 14 Nov 2000 22:20:00 GMT"}) {
    receiver.Answer(503, absl::StrCat("Retry-After: ", odd, "\r\n"));
    EXPECT_EQ(deliver().wait, absl::ZeroDuration()) << odd;
  }
  receiver.AnswerRaw("\x15\x03garbage\r\n\r\n");
  EXPECT_EQ(deliver().verdict, Verdict::kRetry);
}

// It would be sent again for 72 hours to somebody who has it.
TEST(WebhookChannel, WhoAnswers2xxHasItWhateverBecomesOfTheBody) {
  const std::string head = "HTTP/1.1 200 OK\r\n";
  for (const std::string& answer :
       {head + "Content-Length: 9\r\n\r\nshort", head + "Content-Length: 99999999\r\n\r\nx",
        head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        head + "Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        head + "\r\n" + std::string(5 << 20, 'x')}) {
    test::Peer peer(test::Says(answer));
    const Outcome outcome =
        DeliverByWebhook(Webhook("hook", peer.Url()), NoticeOf("n-1"), AttemptOf());
    EXPECT_EQ(outcome.verdict, Verdict::kDelivered)
        << answer.substr(0, 80) << ": " << outcome.error;
  }
  test::Peer late([&](test::Peer::Link& link) {
    link.Request();
    link.Send(head + "Content-Length: 5\r\n\r\nab");
    link.Hang();
  });
  EXPECT_EQ(DeliverByWebhook(Webhook("hook", late.Url()), NoticeOf("n-1"),
                             AttemptOf(absl::Milliseconds(300)))
                .verdict,
            Verdict::kDelivered);
  // A head that is not whole says nothing yet; other answers keep what their head says.
  for (const std::string& answer : {head, head + "Content-Length: 2\r\n"}) {
    test::Peer peer(test::Says(answer));
    EXPECT_EQ(DeliverByWebhook(Webhook("hook", peer.Url()), NoticeOf("n-1"), AttemptOf()).verdict,
              Verdict::kRetry);
  }
  test::Peer gone(test::Says("HTTP/1.1 410 Gone\r\nContent-Length: 9\r\n\r\nshort"));
  EXPECT_EQ(DeliverByWebhook(Webhook("hook", gone.Url()), NoticeOf("n-1"), AttemptOf()).verdict,
            Verdict::kRefused);
}

TEST(WebhookChannel, AnErrorRepeatsNoSecret) {
  test::TempFolder folder;
  std::string says;
  test::Peer peer([&](test::Peer::Link& link) {
    link.Request();
    link.Send(absl::StrCat("HTTP/1.1 404 /services/T0/B0/h1ddenh1dden\r\nContent-Length: ",
                           says.size(), "\r\n\r\n", says));
  });
  ChannelConfig channel = Webhook("hook", peer.Url("/services/T0/B0/h1ddenh1dden?key=s0s0s0s0s0"));
  channel.secret_file = folder.Write("secret", "s1gn\n");
  channel.token_file = folder.Write("token", "t0ken\n");
  const auto error = [&](const std::string& body) {
    says = body;
    return DeliverByWebhook(channel, NoticeOf("n-1"), AttemptOf()).error;
  };
  EXPECT_EQ(error("no \x1b such hook"), "the webhook answered 404 Not Found: no   such hook");
  for (const char* body :
       {"no hook at /services/T0/B0/h1ddenh1dden", "h1ddenh1d", "H1DDENH1DDEN is gone",
        "key=s0s0s0s0s0", "https:\\/\\/x\\/h1ddenh1dden", "signed with s1gn", "Bearer t0ken?"})
    EXPECT_EQ(error(body), "the webhook answered 404 Not Found") << body;
  // One that the excerpt would cut in its middle.
  EXPECT_EQ(error(std::string(195, 'x') + "h1ddenh1dden"), "the webhook answered 404 Not Found");
  EXPECT_EQ(error(std::string(300, 'x')),
            "the webhook answered 404 Not Found: " + std::string(200, 'x'));
  // Where the address is a secret nothing is repeated, whatever it looks like.
  channel.url_file = folder.Write("url", channel.url);
  channel.url = "";
  EXPECT_EQ(error("no such hook"), "the webhook answered 404 Not Found");
}

TEST(WebhookChannel, OneThatHangsBeforeOrInTlsIsTriedAgain) {
  test::Peer silent([](test::Peer::Link& link) { link.Hang(); });
  for (const std::string& url : {silent.Url(), absl::StrCat("https", silent.Url().substr(4))}) {
    const Outcome outcome =
        DeliverByWebhook(Webhook("hook", url), NoticeOf("n-1"), AttemptOf(absl::Milliseconds(200)));
    EXPECT_EQ(outcome.verdict, Verdict::kRetry);
    EXPECT_THAT(outcome.error, HasSubstr("the time ended"));
  }
}

TEST(WebhookChannel, AFileThatIsMissingSaysSoAndNothingIsSent) {
  test::TempFolder folder;
  Receiver receiver;
  for (const char* what : {"secret", "token", "url"}) {
    ChannelConfig channel = Webhook("hook", receiver.Url());
    const std::string missing = folder / absl::StrCat("no-", what);
    (what[0] == 's'   ? channel.secret_file
     : what[0] == 't' ? channel.token_file
                      : channel.url_file) = missing;
    const Outcome outcome = DeliverByWebhook(channel, NoticeOf("n-1"), AttemptOf());
    EXPECT_EQ(outcome.verdict, Verdict::kRetry);
    EXPECT_THAT(outcome.error, HasSubstr(missing));
    folder.Write(absl::StrCat("no-", what), "\n");
    EXPECT_THAT(DeliverByWebhook(channel, NoticeOf("n-1"), AttemptOf()).error,
                HasSubstr("holds no secret"));
  }
  EXPECT_TRUE(receiver.Ids().empty());
  // A token that could end its header is sent to nobody; an address is not repeated in the error.
  ChannelConfig channel = Webhook("hook", receiver.Url());
  channel.token_file = folder.Write("bad-token", "a\r\nX-Evil: b");
  EXPECT_EQ(DeliverByWebhook(channel, NoticeOf("n-1"), AttemptOf()).verdict, Verdict::kRetry);
  channel.token_file.clear();
  channel.url_file = folder.Write("bad-url", "gopher://h1dden");
  const Outcome outcome = DeliverByWebhook(channel, NoticeOf("n-1"), AttemptOf());
  EXPECT_THAT(outcome.error, Not(HasSubstr("h1dden")));
  EXPECT_TRUE(receiver.Ids().empty());
  channel.url_file = folder.Write("url", receiver.Url() + "\n");
  EXPECT_EQ(DeliverByWebhook(channel, NoticeOf("n-1"), AttemptOf()).verdict, Verdict::kDelivered);
}

TEST(WebhookChannel, AnIdCannotEndItsHeader) {
  Receiver receiver;
  const Outcome outcome =
      DeliverByWebhook(Webhook("hook", receiver.Url()), NoticeOf("n\r\nX-Evil: y"), AttemptOf());
  EXPECT_EQ(outcome.verdict, Verdict::kDelivered) << outcome.error;
  EXPECT_THAT(receiver.Last(), Not(HasSubstr("\nX-Evil")));
}

}  // namespace
}  // namespace mailquench::controller
