// Answers that come after the handler has returned, from other threads.
#include <atomic>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "tests/unit/https/server_fixture.h"

namespace mailquench::controller {
namespace {

using test::Get;
using test::TlsClient;

HttpResponse Saying(const std::string& text) {
  HttpResponse response;
  response.body = text;
  return response;
}

// Keeps what is to be answered, for the test to answer it.
class HttpsLate : public HttpsFixture {
 protected:
  void Serve() {
    options_.threads = 1;  // One that waited would be seen.
    Start([this](const HttpRequest& request, const HttpServer::Respond& respond) {
      const std::lock_guard<std::mutex> lock(mu_);
      paths_.push_back(request.path);
      waiting_.push_back(respond);
    });
  }
  std::size_t Waiting() {
    const std::lock_guard<std::mutex> lock(mu_);
    return waiting_.size();
  }
  void WaitFor(std::size_t count) {
    for (int i = 0; i < 2000 && Waiting() < count; ++i) absl::SleepFor(absl::Milliseconds(10));
    ASSERT_EQ(Waiting(), count);
  }
  ~HttpsLate() override {
    waiting_.clear();  // Stop() waits for them.
    server_.reset();
  }
  std::mutex mu_;
  std::vector<std::string> paths_;
  std::vector<HttpServer::Respond> waiting_;
};

TEST_F(HttpsLate, ManyWaitWithoutAThreadAndEachGetsItsOwnAnswer) {
  Serve();
  std::vector<std::unique_ptr<TlsClient>> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<TlsClient>(port()));
    ASSERT_TRUE(clients.back()->Send(Get("/" + std::to_string(i))));
  }
  WaitFor(20);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < 20; ++i)
    threads.emplace_back([this, i] { waiting_[i](Saying("for " + paths_[i])); });
  for (std::thread& one : threads) one.join();
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(clients[static_cast<std::size_t>(i)]->Receive().body, "for /" + std::to_string(i));
}

TEST_F(HttpsLate, TheFirstAnswerIsSentAndWhoGivesNoneAnswersWithAnError) {
  Serve();
  TlsClient client(port());
  ASSERT_TRUE(client.Send(Get("/twice")));
  WaitFor(1);
  waiting_[0](Saying("first"));
  waiting_[0](Saying("second"));
  EXPECT_EQ(client.Receive().body, "first");
  ASSERT_TRUE(client.Send(Get("/dropped")));
  WaitFor(2);
  waiting_.clear();
  EXPECT_EQ(client.Receive().status, 500);
}

TEST_F(HttpsLate, AnAnswerToSomebodyWhoHasGoneIsForNobody) {
  Serve();
  {
    TlsClient client(port());
    ASSERT_TRUE(client.Send(Get("/gone")));
    WaitFor(1);
  }
  absl::SleepFor(absl::Milliseconds(100));
  waiting_[0](Saying("too late"));
  waiting_.clear();
  TlsClient client(port());
  ASSERT_TRUE(client.Send(Get("/here")));
  WaitFor(1);
  waiting_[0](Saying("in time"));
  EXPECT_EQ(client.Receive().body, "in time");
}

TEST_F(HttpsLate, StopWaitsForTheAnswerAndItIsSent) {
  Serve();
  TlsClient client(port());
  ASSERT_TRUE(client.Send(Get("/last")));
  WaitFor(1);
  std::atomic<bool> stopped{false};
  std::thread stops([&] {
    server_->Stop();
    stopped = true;
  });
  absl::SleepFor(absl::Milliseconds(200));
  EXPECT_FALSE(stopped);
  waiting_[0](Saying("still"));
  EXPECT_EQ(client.Receive().body, "still");
  stops.join();
  // What comes after the end of the server is for nobody, and no harm.
  server_.reset();
  waiting_[0](Saying("after"));
}

}  // namespace
}  // namespace mailquench::controller
