// One agent's live stream. Internal to controller/fleet/stream_*.
#ifndef MAILQUENCH_CONTROLLER_FLEET_STREAM_AGENT_H_
#define MAILQUENCH_CONTROLLER_FLEET_STREAM_AGENT_H_

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "controller/fleet/stream_hub.h"

namespace mailquench::controller {

// One read and one write in flight, one Finish, and never a Finish while a write is outstanding.
// Held by shared_ptr: it keeps itself until OnDone; everybody else holds a weak_ptr. Thread-safe:
// reactions may run at the same time.
class AgentStream final : public grpc::ServerBidiReactor<v1::AgentMessage, v1::ControllerMessage> {
 public:
  AgentStream(StreamHub* hub,
              grpc::CallbackServerContext* context,
              std::string host_id,
              std::size_t max_pending);

  // Once, before it is returned to gRPC.
  void KeepUntilDone(std::shared_ptr<AgentStream> self);

  const std::string& host_id() const { return host_id_; }
  // Asks for the next message; the one before must have been handled.
  void ReadNext();
  // Tells the agent that its hello was accepted (in the initial metadata), before any message.
  void Accept();
  // False: closed, or the agent reads too slowly.
  bool Send(const v1::ControllerMessage& message);
  // Ends the stream; later calls have no effect. An agent that does not read is cut off without
  // hearing the reason.
  void Close(const grpc::Status& status);
  bool closed();
  bool open();  // Accepted and not closed: Send() may work.

  // Touched on the host's strand only.
  bool hello_seen = false;

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  StreamHub* const hub_;
  grpc::CallbackServerContext* const context_;
  const std::string host_id_;
  const std::size_t max_pending_;
  v1::AgentMessage incoming_;  // gRPC's between StartRead and OnReadDone, the strand's after it.

  std::mutex mu_;
  std::deque<v1::ControllerMessage> pending_;  // Guarded by mu_. The front one is being written.
  bool accepted_ = false;                      // Guarded by mu_.
  bool closing_ = false;                       // Guarded by mu_.
  bool finished_ = false;                      // Guarded by mu_.
  grpc::Status status_;                        // Guarded by mu_.
  std::shared_ptr<AgentStream> self_;          // Dropped in OnDone.
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_FLEET_STREAM_AGENT_H_
