// Answers on their way from the threads that make them to the thread of all connections.
#ifndef MAILQUENCH_CONTROLLER_HTTP_OUTBOX_H_
#define MAILQUENCH_CONTROLLER_HTTP_OUTBOX_H_

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "controller/http/connection.h"
#include "controller/http/server.h"

namespace mailquench::controller {

// Thread-safe. Many answers that come together wake the thread of all connections once.
class HttpOutbox : public std::enable_shared_from_this<HttpOutbox> {
 public:
  // `wake` leads to Deliver() on the thread of all connections; not called after Drain().
  explicit HttpOutbox(std::function<void()> wake) : wake_(std::move(wake)) {}

  // The way back of one request. The connection is let go of on its own thread.
  HttpServer::Respond Expect(std::shared_ptr<Connection> connection);
  // On the thread of all connections.
  void Deliver();
  // Returns when each request that was expected has its answer.
  void Drain();

 private:
  class Expected;
  struct Answer {
    std::shared_ptr<Connection> connection;
    HttpResponse response;
  };

  void Add(Answer answer);

  std::mutex mu_;
  std::condition_variable changed_;
  const std::function<void()> wake_;
  int expected_ = 0;
  std::vector<Answer> answers_;
  bool woken_ = false;  // Somebody is about to deliver them.
};

// 500, without what it was.
HttpResponse InternalError();

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_HTTP_OUTBOX_H_
