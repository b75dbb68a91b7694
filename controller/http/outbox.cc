#include "controller/http/outbox.h"

#include <spdlog/spdlog.h>

#include <atomic>
#include <utility>

namespace mailquench::controller {

HttpResponse InternalError() {
  HttpResponse response;
  response.status = 500;
  response.body = "{\"error\":\"The request failed within the controller; see its log\"}\n";
  return response;
}

// Knows the outbox and not the server: it may outlive that.
class HttpOutbox::Expected {
 public:
  Expected(std::shared_ptr<HttpOutbox> outbox, std::shared_ptr<Connection> connection)
      : outbox_(std::move(outbox)), connection_(std::move(connection)) {}
  ~Expected() {
    if (given_) return;
    try {
      spdlog::error("HTTPS lost an answer: its handler gave none");
      Give(InternalError());
    } catch (...) {  // No memory: its connection ends when its peer gives up.
    }
  }
  Expected(const Expected&) = delete;
  Expected& operator=(const Expected&) = delete;

  void Give(HttpResponse response) {
    if (given_.exchange(true)) return;
    outbox_->Add({std::move(connection_), std::move(response)});
  }

 private:
  const std::shared_ptr<HttpOutbox> outbox_;
  std::shared_ptr<Connection> connection_;
  std::atomic<bool> given_ = false;
};

HttpServer::Respond HttpOutbox::Expect(std::shared_ptr<Connection> connection) {
  auto expected = std::make_shared<Expected>(shared_from_this(), std::move(connection));
  {
    const std::lock_guard<std::mutex> lock(mu_);
    ++expected_;
  }
  return [expected = std::move(expected)](HttpResponse response) {
    expected->Give(std::move(response));
  };
}

void HttpOutbox::Add(Answer answer) {
  // All under the lock: after Drain() there may be nobody to wake.
  const std::lock_guard<std::mutex> lock(mu_);
  if (--expected_ == 0) changed_.notify_all();
  answers_.push_back(std::move(answer));
  if (woken_) return;
  wake_();
  woken_ = true;
}

void HttpOutbox::Deliver() {
  std::vector<Answer> answers;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    answers.swap(answers_);
    woken_ = false;
  }
  for (Answer& one : answers) one.connection->Answer(std::move(one.response));
}

void HttpOutbox::Drain() {
  std::unique_lock<std::mutex> lock(mu_);
  changed_.wait(lock, [this] { return expected_ == 0; });
}

}  // namespace mailquench::controller
