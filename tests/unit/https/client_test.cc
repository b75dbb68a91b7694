#include "controller/http/client.h"

#include <gmock/gmock.h>

#include <stdexcept>

#include "absl/time/clock.h"
#include "common/status/error.h"
#include "tests/unit/https/peer.h"

namespace mailquench::controller {
namespace {
using test::Peer;
using test::Says;
using ::testing::HasSubstr;
using ::testing::Not;

HttpCall To(const std::string& url, absl::Duration limit = absl::Seconds(20)) {
  HttpCall call;
  call.url = url;
  call.limit = limit;
  return call;
}

TEST(Fetch, SendsWhatIsAskedForAndGivesTheAnswer) {
  std::string seen;
  Peer peer([&](Peer::Link& link) {
    seen = link.Request();
    link.Send("HTTP/1.1 201 Created\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 4\r\n\r\nbodyrest");
  });
  HttpCall call = To(peer.Url("/a/b?c=d"));
  call.method = "POST";
  call.headers["Authorization"] = "Bearer t";
  call.body = "{\"x\":1}";
  const auto answer = Fetch(call);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->status, 201);
  EXPECT_EQ(answer->body, "body");
  EXPECT_EQ(answer->headers.at("x-a"), "1, 2");
  EXPECT_THAT(seen, testing::StartsWith("POST /a/b?c=d HTTP/1.1\r\n"));
  EXPECT_THAT(seen, HasSubstr(absl::StrCat("Host: 127.0.0.1:", peer.port(), "\r\n")));
  EXPECT_THAT(seen, HasSubstr("Authorization: Bearer t\r\n"));
  EXPECT_THAT(seen, HasSubstr("Content-Length: 7\r\n"));
  EXPECT_THAT(seen, testing::EndsWith("\r\n\r\n{\"x\":1}"));
}

TEST(Fetch, ReadsChunksInterimAnswersAndBodiesThatEndWithTheConnection) {
  Peer chunks(
      Says("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
           "4;x=y\r\ngone\r\n1\r\n!\r\n0\r\n\r\n"));
  EXPECT_EQ(Fetch(To(chunks.Url()))->body, "gone!");
  Peer until_end(Says("HTTP/1.1 200 OK\r\n\r\nall of it"));
  EXPECT_EQ(Fetch(To(until_end.Url()))->body, "all of it");
  Peer nothing(Says("HTTP/1.1 204 No Content\r\n\r\n"));
  EXPECT_EQ(Fetch(To(nothing.Url()))->status, 204);
}

TEST(Fetch, ReadsAnAnswerThatComesByteByByte) {
  Peer peer([](Peer::Link& link) {
    link.Request();
    for (const char c : std::string("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"))
      link.Send(std::string(1, c));
  });
  const auto answer = Fetch(To(peer.Url()));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->body, "abc");
}

TEST(Fetch, FollowsNoRedirectAndUsesNoProxy) {
  Peer elsewhere(Says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  Peer peer(Says(absl::StrCat("HTTP/1.1 307 Go\r\nLocation: ", elsewhere.Url(),
                              "\r\nContent-Length: 0\r\n\r\n")));
  setenv("http_proxy", elsewhere.Url().c_str(), 1);
  EXPECT_EQ(Fetch(To(peer.Url()))->status, 307);
  unsetenv("http_proxy");
  EXPECT_EQ(elsewhere.connections(), 0);
}

TEST(Fetch, AnswersThatBreakOffOrAreNoHttpAreErrors) {
  for (const char* bad : {"", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", "HTTP/1.1 20",
                          "220 mail.test ESMTP\r\n",
                          "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
                          "chunked\r\n\r\nzz\r\n",
                          "\x16\x03\x01 no text \xff\r\n\r\n"}) {
    Peer peer(Says(bad));
    EXPECT_EQ(ReasonOf(Fetch(To(peer.Url())).status()), "NO_ANSWER") << bad;
  }
  Peer interim([](Peer::Link& link) {
    link.Request();
    for (int i = 0; i < 50; ++i) link.Send("HTTP/1.1 102 Wait\r\n\r\n");
  });
  EXPECT_EQ(ReasonOf(Fetch(To(interim.Url())).status()), "NO_ANSWER");
}

TEST(Fetch, TakesNoMoreThanItsLimit) {
  for (const char* head : {"HTTP/1.1 200 OK\r\n\r\n",
                           "HTTP/1.1 200 OK\r\nContent-Length: 99999999"
                           "\r\n\r\n"}) {
    Peer peer([&](Peer::Link& link) {
      link.Request();
      link.Send(head);
      while (!link.ending() && link.Send(std::string(65536, 'x'))) {
      }
    });
    HttpCall call = To(peer.Url());
    call.max_answer = 1000;
    const auto answer = Fetch(call);
    EXPECT_EQ(ReasonOf(answer.status()), "ANSWER_TOO_LARGE") << head << answer.status();
  }
  Peer heads([](Peer::Link& link) {
    link.Request();
    link.Send("HTTP/1.1 200 OK\r\n");
    while (!link.ending() && link.Send("X-Y: " + std::string(1000, 'x') + "\r\n")) {
    }
  });
  EXPECT_EQ(ReasonOf(Fetch(To(heads.Url())).status()), "NO_ANSWER");
}

// What hangs before, in and after the head, and inside TLS, has the same end.
TEST(Fetch, AllOfItHasOneDeadline) {
  test::TempFolder folder;
  const std::string pem = test::MakeCertificate(folder);
  Peer silent([](Peer::Link& link) { link.Hang(); });
  Peer half([](Peer::Link& link) {
    link.Request();
    link.Send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
    link.Hang();
  });
  Peer drips([](Peer::Link& link) {
    link.Request();
    link.Send("HTTP/1.1 200 OK\r\n\r\n");
    while (!link.ending() && link.Send("x")) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  });
  for (const std::string& url :
       {silent.Url(), half.Url(), drips.Url(), absl::StrCat("https", silent.Url().substr(4))}) {
    const absl::Time begin = absl::Now();
    const auto answer = Fetch(To(url, absl::Milliseconds(300)));
    EXPECT_EQ(answer.status().code(), absl::StatusCode::kDeadlineExceeded) << url;
    EXPECT_EQ(ReasonOf(answer.status()), "NO_ANSWER");
    EXPECT_GE(absl::Now() - begin, absl::Milliseconds(290));
    EXPECT_LT(absl::Now() - begin, absl::Seconds(10));
  }
}

// Where its head alone is asked for, what becomes of the body is no error.
TEST(Fetch, AHeadThatCountsIsTheAnswer) {
  for (const char* body : {"Content-Length: 9\r\n\r\nshort", "Content-Length: 99999999\r\n\r\n",
                           "Transfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    Peer peer(Says(absl::StrCat("HTTP/1.1 503 Whatever\r\nRetry-After: 7\r\n", body)));
    HttpCall call = To(peer.Url());
    call.max_answer = 1000;
    EXPECT_FALSE(Fetch(call).ok()) << body;
    call.head_counts = true;
    const auto answer = Fetch(call);
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->status, 503);
    EXPECT_EQ(answer->reason, "Service Unavailable");
    EXPECT_EQ(answer->headers.at("retry-after"), "7");
  }
  for (const char* bad : {"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 100 Continue\r\n\r\n"}) {
    Peer peer(Says(bad));
    HttpCall call = To(peer.Url());
    call.head_counts = true;
    EXPECT_EQ(ReasonOf(Fetch(call).status()), "NO_ANSWER") << bad;
  }
}

TEST(Fetch, WhatIsThrownIsNoAnswer) {
  Peer silent([](Peer::Link& link) { link.Hang(); });
  HttpCall call = To(silent.Url());
  call.wanted = []() -> bool { throw std::runtime_error("something inside"); };
  EXPECT_EQ(ReasonOf(Fetch(call).status()), "NO_ANSWER");
}

TEST(Fetch, EndsWhenItIsNotWantedAnyMore) {
  Peer silent([](Peer::Link& link) { link.Hang(); });
  HttpCall call = To(silent.Url(), absl::Minutes(5));
  std::atomic<int> asked = 0;
  call.wanted = [&] { return ++asked < 3; };
  EXPECT_EQ(ReasonOf(Fetch(call).status()), "STOPPED");
}

TEST(Fetch, NobodyThere) {
  int port = 0;
  {
    Peer gone([](Peer::Link&) {});
    port = gone.port();
  }
  const auto answer = Fetch(To(absl::StrCat("http://127.0.0.1:", port, "/secret-path?key=hidden")));
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(answer.status()), "NO_ANSWER");
  EXPECT_THAT(std::string(answer.status().message()), Not(HasSubstr("hidden")));
  EXPECT_THAT(std::string(answer.status().message()), Not(HasSubstr("secret-path")));
  EXPECT_EQ(ReasonOf(Fetch(To("http://no-such-host.invalid/")).status()), "NO_ANSWER");
}

TEST(Fetch, TrustsAServerOnlyByItsCertificate) {
  test::TempFolder folder;
  const std::string pem = test::MakeCertificate(folder);
  if (pem.empty()) GTEST_SKIP() << "needs openssl(1)";
  const std::string other = test::MakeCertificate(folder, "other", "DNS:other.test");
  const auto ok = Says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  Peer peer(ok, pem, true);
  HttpCall call = To(peer.Url());
  EXPECT_EQ(ReasonOf(Fetch(call).status()), "UNTRUSTED_SERVER");
  call.ca_file = pem;
  ASSERT_TRUE(Fetch(call).ok()) << Fetch(call).status();
  EXPECT_EQ(Fetch(call)->body, "ok");
  call.url = absl::StrCat("https://localhost:", peer.port(), "/");
  ASSERT_TRUE(Fetch(call).ok()) << Fetch(call).status();
  // The right CA, and another name.
  Peer misnamed(ok, other, true);
  call.url = misnamed.Url();
  call.ca_file = other;
  EXPECT_EQ(ReasonOf(Fetch(call).status()), "UNTRUSTED_SERVER");
  EXPECT_EQ(Fetch(call).status().code(), absl::StatusCode::kUnauthenticated);
  call.ca_file = folder / "missing.pem";
  EXPECT_EQ(ReasonOf(Fetch(call).status()), "BAD_CA_FILE");
  // Plain HTTP where TLS is wanted.
  Peer plain(ok);
  call = To(absl::StrCat("https://127.0.0.1:", plain.port(), "/"));
  call.limit = absl::Seconds(2);
  EXPECT_FALSE(Fetch(call).ok());
}

TEST(Fetch, NothingCanBeSmuggledIn) {
  Peer peer(Says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"A", "x\r\nB: y"},
                                                        {"A", "x\n"},
                                                        {std::string("A\r\nB"), "y"},
                                                        {"A:", "y"},
                                                        {"", "y"},
                                                        {"A", std::string("a\0b", 3)}}) {
    HttpCall call = To(peer.Url());
    call.headers[name] = value;
    EXPECT_EQ(ReasonOf(Fetch(call).status()), "BAD_URL") << name;
  }
  HttpCall call = To(peer.Url());
  call.method = "GET / HTTP/1.1\r\nX: y\r\n";
  EXPECT_EQ(ReasonOf(Fetch(call).status()), "BAD_URL");
  for (const char* url :
       {"ftp://a.test/", "http://a.test/\r\nX: y", "http://u:p@a.test/", "http://",
        "http://a.test:99999/", "http://a b/", "file:///etc/passwd", ""}) {
    EXPECT_EQ(ReasonOf(CheckUrl(url)), "BAD_URL") << url;
    EXPECT_EQ(ReasonOf(Fetch(To(url)).status()), "BAD_URL") << url;
  }
  EXPECT_TRUE(CheckUrl("https://hooks.test/services/T0/B0").ok());
  EXPECT_EQ(peer.connections(), 0);
}

}  // namespace
}  // namespace mailquench::controller
