// One stream to the controller, from dialling to its end. Internal to agent/link.
#ifndef MAILQUENCH_AGENT_LINK_LINK_SESSION_H_
#define MAILQUENCH_AGENT_LINK_LINK_SESSION_H_

#include <grpcpp/grpcpp.h>

#include <cstddef>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>

#include "mailquench/v1/agent_link.grpc.pb.h"

namespace mailquench::agent {

// Thread-safe. One read and one write in flight. `wake` is called (without a lock held) whenever
// accepted(), ready() or done() may have changed. Whoever called Start() keeps the session until
// AwaitEnd() has returned, and destroys it on a thread of its own: it holds the channel, and gRPC
// aborts the process where one of its own threads lets go of the last channel (that thread would
// join itself).
class LinkSession final : public grpc::ClientBidiReactor<v1::AgentMessage, v1::ControllerMessage> {
 public:
  LinkSession(const std::shared_ptr<grpc::Channel>& channel,
              std::size_t max_pending,
              std::function<void()> wake);

  // Once.
  void Start(const v1::Hello& hello);
  // False: closed, or the queue is full.
  bool Send(const v1::AgentMessage& message);
  // Ends the call; done() follows.
  void Close();
  // After Start(), once. Blocks until the call is done and gRPC touches this no more.
  void AwaitEnd();

  bool accepted();  // The controller took the hello.
  bool ready();     // A message waits for Take().
  bool done();
  bool pending();         // Something still waits to be written.
  grpc::Status status();  // When done.
  // When ready(): the message. The next one is read after ReadNext().
  v1::ControllerMessage Take();
  void ReadNext();

  void OnReadInitialMetadataDone(bool ok) override;
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

 private:
  void CloseLocked();

  const std::unique_ptr<v1::AgentLink::Stub> stub_;
  const std::size_t max_pending_;
  const std::function<void()> wake_;
  grpc::ClientContext context_;
  v1::ControllerMessage incoming_;

  std::mutex mu_;
  std::deque<v1::AgentMessage> pending_;  // Guarded by mu_. The front one is being written.
  bool closed_ = false;    // Guarded by mu_. The hold is given back; nothing may be started.
  bool accepted_ = false;  // Guarded by mu_.
  bool ready_ = false;     // Guarded by mu_.
  bool done_ = false;      // Guarded by mu_.
  grpc::Status status_;    // Guarded by mu_.
  // Shared, since the waiter may destroy this while OnDone still leaves set_value().
  const std::shared_ptr<std::promise<void>> end_ = std::make_shared<std::promise<void>>();
};

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_LINK_LINK_SESSION_H_
