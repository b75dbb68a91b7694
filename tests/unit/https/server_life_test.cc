// Start, renewal of the certificate, and the end.
#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "common/identity/certificate.h"
#include "common/identity/ossl.h"
#include "common/status/error.h"
#include "tests/unit/https/server_fixture.h"

namespace mailquench::controller {
namespace {

using test::Answer;
using test::Get;
using test::TcpClient;
using test::TlsClient;
using testing::HasSubstr;

HttpResponse Fine(const HttpRequest&) {
  return {};
}

class HttpsLife : public HttpsFixture {
 protected:
  std::string SerialShown() {
    TlsClient client(port());
    if (!client.secure()) return "";
    const identity::ossl::Cert shown(SSL_get1_peer_certificate(client.ssl()));
    return identity::ParseCertificate(*identity::ossl::CertPem(shown.get()))->serial;
  }
  std::string SerialOfFile() {
    return identity::ParseCertificate(*identity::ReadFile(options_.certificate))->serial;
  }
};

TEST_F(HttpsLife, ShowsTheNewCertificateAndSoonWithoutARestart) {
  Start(Fine);
  TlsClient kept(port());
  const std::string first = SerialOfFile();
  EXPECT_EQ(SerialShown(), first);
  WriteCertificate();
  const std::string second = SerialOfFile();
  ASSERT_NE(second, first);
  std::string shown;
  for (int i = 0; i < 100 && shown != second; ++i) {
    absl::SleepFor(absl::Milliseconds(100));
    shown = SerialShown();
  }
  EXPECT_EQ(shown, second);
  EXPECT_EQ(kept.Ask(Get("/")).status, 200);  // Those that are there stay.

  // A bad one changes nothing, nor one that its key is not of, nor none.
  identity::WritePublicFile(options_.certificate, "nonsense").IgnoreError();
  absl::SleepFor(absl::Milliseconds(1200));
  EXPECT_EQ(SerialShown(), second);
  const std::string other_key = *identity::NewKeyPem();
  WriteCertificate();
  const std::string right_key = *identity::ReadFile(options_.key);
  const std::string third = SerialOfFile();
  identity::WriteSecretFile(options_.key, other_key).IgnoreError();
  absl::SleepFor(absl::Milliseconds(1200));
  EXPECT_EQ(SerialShown(), second);
  std::filesystem::remove(options_.key);
  absl::SleepFor(absl::Milliseconds(1200));
  EXPECT_EQ(SerialShown(), second);
  identity::WriteSecretFile(options_.key, right_key).IgnoreError();
  for (int i = 0; i < 100 && shown != third; ++i) {
    absl::SleepFor(absl::Milliseconds(100));
    shown = SerialShown();
  }
  EXPECT_EQ(shown, third);
}

TEST_F(HttpsLife, WhatCannotStartSaysWhy) {
  Start(Fine);
  HttpServerOptions same = options_;
  same.listen = "127.0.0.1:" + std::to_string(port());
  auto second = HttpServer::Start(same, Fine);
  EXPECT_EQ(ReasonOf(second.status()), "CANNOT_LISTEN");
  EXPECT_THAT(second.status().message(), HasSubstr(same.listen));
  for (const std::string bad : {"", "nonsense", ":443", "127.0.0.1:", "127.0.0.1:99999", "[::1"}) {
    same.listen = bad;
    second = HttpServer::Start(same, Fine);
    EXPECT_EQ(ReasonOf(second.status()), "CANNOT_LISTEN") << bad;
  }
  same = options_;
  same.key = folder_.At("none.key");
  EXPECT_EQ(ReasonOf(HttpServer::Start(same, Fine).status()), "BAD_CERTIFICATE");
  same = options_;
  same.certificate = options_.key;
  EXPECT_EQ(ReasonOf(HttpServer::Start(same, Fine).status()), "BAD_CERTIFICATE");
}

TEST_F(HttpsLife, StopAnswersWhatRunsAndRefusesWhatWaits) {
  options_.threads = 1;
  std::promise<void> running;
  std::promise<void> go;
  std::shared_future<void> gone = go.get_future().share();
  std::atomic<int> handled{0};
  std::atomic<int> seen{0};
  options_.screen = [&seen](const HttpRequest& request) -> std::optional<HttpResponse> {
    if (request.path == "/run") ++seen;
    return std::nullopt;
  };
  Start([&](const HttpRequest& request) {
    if (request.path == "/run") {
      ++handled;
      running.set_value();
      gone.wait();
    }
    return HttpResponse();
  });
  TlsClient idle(port());
  EXPECT_EQ(idle.Ask(Get("/")).status, 200);
  TlsClient half(port());
  ASSERT_TRUE(half.Send("GET / HT"));
  TlsClient runs(port());
  ASSERT_TRUE(runs.Send(Get("/run")));
  running.get_future().wait();
  TlsClient waits(port());
  ASSERT_TRUE(waits.Send(test::Post("/run", "x")));
  while (seen < 2) absl::SleepFor(absl::Milliseconds(5));
  absl::SleepFor(absl::Milliseconds(300));  // Its body is behind its header: it is in the queue.

  std::thread stop([this]() { server_->Stop(); });
  EXPECT_EQ(waits.Receive().status, 503);
  EXPECT_TRUE(idle.Ended());
  EXPECT_TRUE(half.Ended());
  go.set_value();
  const Answer answer = runs.Receive();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.at("connection"), "close");
  EXPECT_TRUE(runs.Ended());
  stop.join();
  EXPECT_EQ(handled, 1);
  EXPECT_FALSE(TcpClient(port()).connected());
  server_->Stop();  // Once more is nothing.
}

TEST_F(HttpsLife, StopDoesNotWaitForPeersThatDoNotListen) {
  options_.request_time = absl::Seconds(1);
  std::promise<void> running;
  Start([&running](const HttpRequest&) {
    HttpResponse response;
    response.body.assign(std::size_t{50} * 1024 * 1024, 'x');
    running.set_value();
    return response;
  });
  TlsClient deaf(port());
  ASSERT_TRUE(deaf.Send(Get("/")));
  running.get_future().wait();
  const absl::Time before = absl::Now();
  server_->Stop();
  EXPECT_LT(absl::Now() - before, absl::Seconds(15));
}

TEST_F(HttpsLife, StopWhileManyAskLosesNoneOfWhatWasHandled) {
  std::atomic<int> handled{0};
  std::atomic<int> answered{0};
  Start([&handled](const HttpRequest&) {
    ++handled;
    absl::SleepFor(absl::Milliseconds(1));
    return HttpResponse();
  });
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([this, &answered]() {
      TlsClient client(port());
      while (client.Ask(test::Post("/", "x")).status == 200) ++answered;
    });
  }
  while (answered < 20) absl::SleepFor(absl::Milliseconds(5));
  server_->Stop();
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(answered, handled);
}

}  // namespace
}  // namespace mailquench::controller
