// Peers that are slow, large, many or silent: they end, and nobody else waits for them.
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "tests/unit/https/server_fixture.h"

namespace mailquench::controller {
namespace {

using test::Answer;
using test::Get;
using test::Post;
using test::TcpClient;
using test::TlsClient;
using testing::HasSubstr;

class HttpsHostile : public HttpsFixture {
 protected:
  void StartCounting() {
    Start([this](const HttpRequest&) {
      ++handled_;
      return HttpResponse();
    });
  }
  // Somebody else is answered.
  void ExpectOthersAnswered(const std::string& from = "127.0.0.1") {
    TlsClient other(port(), from);
    EXPECT_EQ(other.Ask(Get("/")).status, 200);
    others_ += 1;
  }
  // Sends a byte of `text` every 20 ms until the server ends it; true: it did, before the end.
  template <typename Client>
  static bool Drip(Client* client, const std::string& text) {
    for (const char c : text) {
      if (!client->Send(std::string(1, c))) return true;
      absl::SleepFor(absl::Milliseconds(20));
    }
    return false;
  }
  // All of 10 seconds: no deadline of the server's is moved by a byte.
  static std::string Endless() { return std::string(500, 'x'); }

  std::atomic<int> handled_{0};
  int others_ = 0;
};

TEST_F(HttpsHostile, SlowHeadersEndAndHoldUpNobody) {
  options_.request_time = absl::Seconds(2);
  StartCounting();
  TlsClient slow(port());
  std::thread drip([&slow]() { EXPECT_TRUE(Drip(&slow, "GET / HTTP/1.1\r\nX: " + Endless())); });
  ExpectOthersAnswered();
  drip.join();
  EXPECT_EQ(handled_, others_);
}

TEST_F(HttpsHostile, ASlowBodyEndsAndHoldsUpNobody) {
  options_.request_time = absl::Seconds(2);
  StartCounting();
  TlsClient slow(port());
  ASSERT_TRUE(slow.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n"));
  std::thread drip([&slow]() { EXPECT_TRUE(Drip(&slow, Endless())); });
  ExpectOthersAnswered();
  drip.join();
  EXPECT_EQ(handled_, others_);
}

TEST_F(HttpsHostile, ASlowHandshakeEndsAndHoldsUpNobody) {
  options_.request_time = absl::Seconds(2);
  StartCounting();
  TcpClient slow(port());
  // The beginning of a ClientHello of 512 bytes.
  ASSERT_TRUE(slow.Send(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11)));
  std::thread drip([&slow]() { EXPECT_TRUE(Drip(&slow, Endless())); });
  TcpClient silent(port());
  ASSERT_TRUE(silent.connected());
  ExpectOthersAnswered();
  EXPECT_TRUE(silent.Ended());
  drip.join();
}

TEST_F(HttpsHostile, WhoDoesNotTakeItsAnswerIsLeft) {
  options_.request_time = absl::Seconds(2);
  const std::string large(std::size_t{50} * 1024 * 1024, 'x');
  Start([&large](const HttpRequest& request) {
    HttpResponse response;
    if (request.path == "/large") response.body = large;
    return response;
  });
  TlsClient deaf(port());
  ASSERT_TRUE(deaf.Send(Get("/large")));
  ExpectOthersAnswered();
  absl::SleepFor(absl::Seconds(4));
  EXPECT_EQ(deaf.Receive().status, 0);  // What was under way comes, and then the end.
}

TEST_F(HttpsHostile, ABodyOfFiftyMegabytesIsRefusedAndNotRead) {
  StartCounting();
  for (const bool pieces : {false, true}) {
    TlsClient client(port());
    ASSERT_TRUE(client.Send(pieces ? "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
                                     "\r\n3200000\r\n"
                                   : "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 52428800\r\n"
                                     "\r\n"));
    const std::string piece(std::size_t{16} * 1024, 'x');
    std::size_t sent = 0;
    while (sent < std::size_t{50} * 1024 * 1024 && client.Send(piece)) sent += piece.size();
    EXPECT_LT(sent, std::size_t{30} * 1024 * 1024) << pieces;
  }
  EXPECT_EQ(handled_, 0);
  // One that listens before it sends learns why.
  TlsClient client(port());
  const Answer answer =
      client.Ask("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 52428800\r\n\r\nabc");
  EXPECT_EQ(answer.status, 413);
  EXPECT_THAT(answer.body, HasSubstr("4194304 bytes"));
  EXPECT_EQ(answer.headers.at("connection"), "close");
  EXPECT_TRUE(client.Ended());
  ExpectOthersAnswered();
}

TEST_F(HttpsHostile, AHeaderThatIsTooLargeIsRefused) {
  StartCounting();
  for (const std::string& header :
       {std::string("GET / HTTP/1.1\r\nX: ") + std::string(20000, 'x') + "\r\n\r\n",
        std::string("GET /") + std::string(200000, 'x') + " HTTP/1.1\r\n\r\n"}) {
    TlsClient client(port());
    ASSERT_TRUE(client.Send(header));
    const Answer answer = client.Receive();
    EXPECT_EQ(answer.status, 431);
    EXPECT_THAT(answer.body, HasSubstr("16384 bytes"));
    EXPECT_TRUE(client.Ended());
  }
  EXPECT_EQ(handled_, 0);
}

TEST_F(HttpsHostile, ABodyThatIsCutOffReachesNoHandler) {
  StartCounting();
  for (const std::string& start :
       {std::string("POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nonly this"),
        std::string("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"),
        std::string("POST / HTTP/1.1\r\nCont")}) {
    TlsClient client(port());
    ASSERT_TRUE(client.Send(start));
    SSL_shutdown(client.ssl());
    ::shutdown(client.tcp().fd(), SHUT_WR);
    EXPECT_TRUE(client.tcp().Ended());
  }
  ExpectOthersAnswered();
  EXPECT_EQ(handled_, others_);
}

// With the limits as they are shipped, but for that of one address.
TEST_F(HttpsHostile, SixHundredIdleConnectionsLeaveRoom) {
  rlimit files = {};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &files), 0);
  files.rlim_cur = files.rlim_max;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &files), 0);
  options_.max_per_peer = 10000;
  StartCounting();
  std::vector<std::unique_ptr<TcpClient>> idle;
  for (int i = 0; i < 600; ++i) {
    idle.push_back(std::make_unique<TcpClient>(port()));
    ASSERT_TRUE(idle.back()->connected());
  }
  for (int i = 0; i < 5; ++i) ExpectOthersAnswered();
  // Those that were there first had to go.
  EXPECT_TRUE(idle.front()->Ended());
}

TEST_F(HttpsHostile, OneAddressCannotHaveAllConnections) {
  options_.max_per_peer = 5;
  StartCounting();
  std::vector<std::unique_ptr<TlsClient>> many;
  for (int i = 0; i < 5; ++i) {
    many.push_back(std::make_unique<TlsClient>(port()));
    EXPECT_EQ(many.back()->Ask(Get("/")).status, 200);
  }
  EXPECT_FALSE(TlsClient(port()).secure());
  TlsClient other(port(), "127.0.0.2");
  EXPECT_EQ(other.Ask(Get("/")).status, 200);
  many.pop_back();
  // Its place is free as soon as the server has seen it go.
  bool again = false;
  for (int i = 0; i < 200 && !again; ++i) {
    again = TlsClient(port()).Ask(Get("/")).status == 200;
    if (!again) absl::SleepFor(absl::Milliseconds(20));
  }
  EXPECT_TRUE(again);
}

TEST_F(HttpsHostile, BodiesThatComeTogetherHaveALimit) {
  options_.max_body = 1000;
  options_.max_bodies = 1500;
  options_.request_time = absl::Seconds(20);
  StartCounting();
  TlsClient first(port());
  ASSERT_TRUE(first.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n"));
  Answer answer;
  // The server may see the second before the first.
  for (int i = 0; i < 100 && answer.status != 503; ++i) {
    TlsClient second(port());
    answer = second.Ask(Post("/", std::string(900, 'x')));
  }
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.headers["retry-after"], "1");
  EXPECT_EQ(first.Ask(std::string(1000, 'x')).status, 200);
  TlsClient second(port());
  EXPECT_EQ(second.Ask(Post("/", std::string(900, 'x'))).status, 200);
}

TEST_F(HttpsHostile, WhoIsScreenedOutIsAnsweredBeforeItsBody) {
  options_.screen = [](const HttpRequest& request) -> std::optional<HttpResponse> {
    if (request.headers.count("authorization") > 0) return std::nullopt;
    HttpResponse response;
    response.status = 401;
    return response;
  };
  StartCounting();
  TlsClient client(port());
  EXPECT_EQ(client.Ask("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4000000\r\n\r\n").status,
            401);
  EXPECT_TRUE(client.Ended());
  TlsClient kept(port());
  EXPECT_EQ(kept.Ask(Get("/")).status, 401);
  EXPECT_EQ(kept.Ask(Get("/")).status, 401);  // Nothing lay unread: the connection is kept.
  EXPECT_EQ(handled_, 0);
  EXPECT_EQ(kept.Ask(Post("/", "x", "Authorization: y\r\n")).status, 200);
}

TEST_F(HttpsHostile, WhatIsNoTlsOrAnOldOneIsNotSpokenTo) {
  StartCounting();
  TcpClient plain(port());
  ASSERT_TRUE(plain.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_TRUE(plain.Ended());
  EXPECT_FALSE(TlsClient(port(), "127.0.0.1", TLS1_1_VERSION).secure());
  EXPECT_TRUE(TlsClient(port(), "127.0.0.1", TLS1_2_VERSION).secure());
  EXPECT_EQ(handled_, 0);
}

TEST_F(HttpsHostile, AConnectionThatIsKeptEndsWhenItIsIdle) {
  options_.idle_time = absl::Milliseconds(300);
  StartCounting();
  TlsClient client(port());
  EXPECT_EQ(client.Ask(Get("/")).status, 200);
  EXPECT_TRUE(client.Ended());
}

}  // namespace
}  // namespace mailquench::controller
