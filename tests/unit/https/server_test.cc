// What the HTTPS server makes of well-meant requests, and of those that are none.
#include "controller/http/server.h"

#include <atomic>
#include <chrono>
#include <future>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controller/http/handler_pool.h"
#include "controller/http/peers.h"
#include "tests/unit/https/server_fixture.h"

namespace mailquench::controller {
namespace {

using test::Answer;
using test::Get;
using test::Post;
using test::TlsClient;
using testing::HasSubstr;

HttpResponse Echo(const HttpRequest& request) {
  HttpResponse response;
  response.status = 202;
  response.content_type = "text/plain";
  const auto header = request.headers.find("x-some");
  response.body = absl::StrCat(request.method, "|", request.path, "|", request.query, "|",
                               header == request.headers.end() ? "" : header->second, "|",
                               request.peer, "|", request.body);
  response.headers["X-Made"] = "here";
  return response;
}

class HttpsServer : public HttpsFixture {};

TEST_F(HttpsServer, ARequestComesWholeAndTheConnectionIsKept) {
  Start(Echo);
  TlsClient client(port());
  ASSERT_TRUE(client.secure());
  Answer answer = client.Ask(Post("/v1/alerts?a=b&c", "body text", "X-SOME: One\r\n"));
  EXPECT_EQ(answer.status, 202);
  EXPECT_EQ(answer.body, "POST|/v1/alerts|a=b&c|One|127.0.0.1|body text");
  EXPECT_EQ(answer.headers["content-type"], "text/plain");
  EXPECT_EQ(answer.headers["x-made"], "here");
  EXPECT_THAT(answer.headers["date"], HasSubstr(" GMT"));
  answer = client.Ask(Get("/second"));
  EXPECT_EQ(answer.body, "GET|/second|||127.0.0.1|");
  answer = client.Ask(Get("/last", "Connection: close\r\n"));
  EXPECT_EQ(answer.status, 202);
  EXPECT_EQ(answer.headers["connection"], "close");
  EXPECT_TRUE(client.Ended());
}

TEST_F(HttpsServer, RequestsThatComeTogetherAreAnsweredInOrder) {
  Start(Echo);
  TlsClient client(port());
  ASSERT_TRUE(client.Send(Post("/1", "a") + Post("/2", "b") + Get("/3")));
  EXPECT_THAT(client.Receive().body, HasSubstr("/1"));
  EXPECT_THAT(client.Receive().body, HasSubstr("/2"));
  EXPECT_THAT(client.Receive().body, HasSubstr("/3"));
}

TEST_F(HttpsServer, ABodyInPiecesIsOne) {
  Start(Echo);
  TlsClient client(port());
  const Answer answer = client.Ask(
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  EXPECT_EQ(answer.body, "POST|/|||127.0.0.1|abcde");
}

TEST_F(HttpsServer, AHeadHasTheLengthAndNoBody) {
  Start(Echo);
  TlsClient client(port());
  Answer answer = client.Ask("HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n", true);
  EXPECT_EQ(answer.status, 202);
  EXPECT_EQ(answer.headers["content-length"], "20");
  EXPECT_EQ(client.Ask(Get("/next")).body, "GET|/next|||127.0.0.1|");
}

TEST_F(HttpsServer, AMethodThatNobodyKnowsIsTheHandlersToRefuse) {
  Start(Echo);
  TlsClient client(port());
  EXPECT_EQ(client.Ask("BREW /pot HTTP/1.1\r\nHost: h\r\n\r\n").body, "BREW|/pot|||127.0.0.1|");
}

TEST_F(HttpsServer, WhoWaitsForAContinueGetsOne) {
  Start(Echo);
  TlsClient client(port());
  ASSERT_TRUE(client.Send(
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"));
  EXPECT_EQ(client.Receive().status, 100);
  EXPECT_EQ(client.Ask("body").body, "POST|/|||127.0.0.1|body");
}

TEST_F(HttpsServer, AnOldClientIsAnsweredAndLeftAlone) {
  Start(Echo);
  TlsClient client(port());
  EXPECT_EQ(client.Ask("GET /old HTTP/1.0\r\n\r\n").status, 202);
  EXPECT_TRUE(client.Ended());
}

TEST_F(HttpsServer, WhatIsNoHttpIsRefusedAndReachesNoHandler) {
  std::atomic<int> handled{0};
  Start([&handled](const HttpRequest& request) {
    ++handled;
    return Echo(request);
  });
  const std::vector<std::string> wrong = {
      "\r\n\r\nnonsense\r\n\r\n",
      std::string("GET /\0 HTTP/1.1\r\n\r\n", 19),
      "GET / HTTP/9.9\r\n\r\n",
      "GET  / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nno colon\r\n\r\n",
      "GET / HTTP/1.1\r\nName : value\r\n\r\n",
      "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
      "POST / HTTP/1.1\r\nContent-Length: 1x\r\n\r\n",
      "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
      "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
      "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
  };
  for (const std::string& bytes : wrong) {
    TlsClient client(port());
    const Answer answer = client.Ask(bytes);
    EXPECT_EQ(answer.status, 400) << bytes;
    EXPECT_THAT(answer.body, HasSubstr("\"error\"")) << bytes;
    EXPECT_TRUE(client.Ended()) << bytes;
  }
  EXPECT_EQ(handled, 0);
}

TEST_F(HttpsServer, AHandlerThatThrowsIsAnErrorOfOneRequest) {
  Start([](const HttpRequest& request) -> HttpResponse {
    if (request.path == "/throw") throw std::runtime_error("something inside");
    return Echo(request);
  });
  TlsClient client(port());
  const Answer answer = client.Ask(Get("/throw"));
  EXPECT_EQ(answer.status, 500);
  EXPECT_THAT(answer.body, testing::Not(HasSubstr("something inside")));
  EXPECT_EQ(client.Ask(Get("/fine")).status, 202);
}

TEST_F(HttpsServer, WhatIsNoExceptionOfTheStandardIsOneToo) {
  options_.screen = [](const HttpRequest& request) -> std::optional<HttpResponse> {
    if (request.path == "/screen") throw 7;
    return std::nullopt;
  };
  Start([](const HttpRequest& request) -> HttpResponse {
    if (request.path == "/throw") throw 7;
    return Echo(request);
  });
  EXPECT_EQ(TlsClient(port()).Ask(Get("/throw")).status, 500);
  EXPECT_EQ(TlsClient(port()).Ask(Get("/screen")).status, 500);
  EXPECT_EQ(TlsClient(port()).Ask(Get("/fine")).status, 202);
}

// Thrown where nothing waits for the connection any more: it must not stay for ever.
TEST_F(HttpsServer, AnAnswerThatCannotBeWrittenEndsItsConnectionAlone) {
  Start([](const HttpRequest& request) {
    HttpResponse response = Echo(request);
    if (request.path == "/long") response.headers["X-Long"] = std::string(70'000, 'x');
    return response;
  });
  TlsClient kept(port());
  EXPECT_EQ(kept.Ask(Get("/fine")).status, 202);
  TlsClient lost(port());
  ASSERT_TRUE(lost.Send(Get("/long")));
  EXPECT_TRUE(lost.Ended());
  EXPECT_EQ(kept.Ask(Get("/fine")).status, 202);
  EXPECT_EQ(TlsClient(port()).Ask(Get("/fine")).status, 202);
}

TEST(HandlerPool, AJobThatThrowsEndsItselfAlone) {
  HandlerPool pool(1);
  std::promise<void> done;
  pool.Add([](bool) { throw std::runtime_error("something inside"); });
  pool.Add([](bool) { throw 7; });
  pool.Add([&done](bool) { done.set_value(); });
  EXPECT_EQ(done.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
  pool.Stop();
  pool.Add([](bool) { throw 7; });
}

// What Beast would take for a request without a body, and its body for the next request.
TEST_F(HttpsServer, ACodingThatIsNotUnderstoodIsRefused) {
  std::atomic<int> handled{0};
  Start([&handled](const HttpRequest& request) {
    ++handled;
    return Echo(request);
  });
  const auto status = [this](const std::string& headers, const std::string& version = "1.1") {
    TlsClient client(port());
    const int answered = client
                             .Ask(absl::StrCat("POST / HTTP/", version, "\r\nHost: h\r\n", headers,
                                               "\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n"))
                             .status;
    EXPECT_TRUE(client.Ended()) << headers;
    return answered;
  };
  for (const char* coding : {"gzip", "identity", "chunked, gzip", "gzip, chunked", "xchunked",
                             "chunked, chunked", "chunked;q=1", "\"chunked\"", "", ","})
    EXPECT_EQ(status(absl::StrCat("Transfer-Encoding: ", coding, "\r\n")), 501) << coding;
  EXPECT_EQ(status("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"), 501);
  for (const char* both : {"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
                           "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                           "Transfer-Encoding: gzip\r\nContent-Length: 5\r\n",
                           "Content-Length: 5\r\nTransfer-Encoding: gzip\r\n",
                           "Content-Length: 0\r\nTransfer-Encoding: gzip\r\n"})
    EXPECT_EQ(status(both), 400) << both;
  EXPECT_EQ(status("Transfer-Encoding: chunked\r\n", "1.0"), 400);
  EXPECT_EQ(handled, 0);
  TlsClient client(port());
  EXPECT_EQ(client
                .Ask("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:  Chunked \r\n\r\n"
                     "2\r\nab\r\n0\r\n\r\n")
                .body,
            "POST|/|||127.0.0.1|ab");
}

TEST_F(HttpsServer, AHandlersHeaderCannotBecomeTwo) {
  Start([](const HttpRequest&) {
    HttpResponse response;
    response.headers["X-A"] = "one\r\nX-Forged: two";
    return response;
  });
  TlsClient client(port());
  const Answer answer = client.Ask(Get("/"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.count("x-forged"), 0U);
}

TEST_F(HttpsServer, AHandlerThatWaitsHoldsUpNobodyElse) {
  options_.threads = 2;
  std::promise<void> go;
  std::shared_future<void> gone = go.get_future().share();
  Start([gone](const HttpRequest& request) {
    if (request.path == "/wait") gone.wait();
    return Echo(request);
  });
  TlsClient waits(port());
  ASSERT_TRUE(waits.Send(Get("/wait")));
  for (int i = 0; i < 20; ++i) {
    TlsClient client(port());
    EXPECT_EQ(client.Ask(Get("/quick")).status, 202);
  }
  go.set_value();
  EXPECT_EQ(waits.Receive().status, 202);
}

TEST_F(HttpsServer, ManyClientsAtOnceAreAllAnswered) {
  Start(Echo);
  std::atomic<int> answered{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([this, &answered, i]() {
      TlsClient client(port());
      for (int n = 0; n < 50; ++n) {
        const std::string body = absl::StrCat("from ", i, " number ", n);
        if (client.Ask(Post("/", body)).body == absl::StrCat("POST|/|||127.0.0.1|", body)) {
          ++answered;
        }
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(answered, 400);
}

TEST(PeerGroup, IsAnIpv4AddressOrTheFirstHalfOfAnIpv6One) {
  EXPECT_EQ(PeerGroup("192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(PeerGroup("::ffff:192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(PeerGroup("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
  EXPECT_EQ(PeerGroup("2001:db8:1:2::1"), PeerGroup("2001:db8:1:2:ffff::9"));
  EXPECT_NE(PeerGroup("2001:db8:1:2::1"), PeerGroup("2001:db8:1:3::1"));
  EXPECT_EQ(PeerGroup("fe80::1%eth0"), "fe80::/64");
  EXPECT_EQ(PeerGroup("somebody"), "somebody");
}

}  // namespace
}  // namespace mailquench::controller
