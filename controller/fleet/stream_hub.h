// The live streams of the agents: the service AgentLink and the registry through which the
// controller reaches a host.
#ifndef MAILQUENCH_CONTROLLER_FLEET_STREAM_HUB_H_
#define MAILQUENCH_CONTROLLER_FLEET_STREAM_HUB_H_

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/fleet/link.h"
#include "controller/fleet/stream_strand.h"
#include "mailquench/v1/agent_link.grpc.pb.h"

namespace mailquench::controller {

class AgentStream;

// What the streams need from the rest of the controller. All are called off the reaction threads,
// except `identify`.
struct StreamHooks {
  // Who calls: the host id of the verified certificate. An error ends the call with it. Must not
  // block.
  std::function<absl::StatusOr<std::string>(grpc::ServerContextBase& context)> identify;
  // OK where the host may be connected now. Asked before the first message is read and again when
  // the stream is registered, so that an eviction in between is not missed.
  std::function<absl::Status(const std::string& host_id)> admit;
  // A new certificate (PEM) for the host's request (DER, PKCS#10).
  std::function<absl::StatusOr<std::string>(const std::string& host_id, const std::string& csr)>
      renew;
};

struct StreamOptions {
  std::size_t max_pending = 64;  // Messages that wait for one agent; Send() refuses beyond it.
  int threads = 2;               // That run hooks and events.
};

// Thread-safe. Outlives the gRPC server that serves it: shut the server down first, then destroy
// the hub.
class StreamHub final : public FleetLink {
 public:
  StreamHub(StreamHooks hooks, StreamOptions options = {});
  ~StreamHub() override;

  // Before the server starts. `events` outlives the server.
  void SetEvents(AgentEvents* events);
  grpc::Service* service();

  bool IsOnline(const std::string& host_id) override;
  bool Send(const std::string& host_id, const v1::ControllerMessage& message) override;
  void Disconnect(const std::string& host_id, const std::string& reason) override;
  // Before the server is shut down: agents are told to come back later. New streams are refused
  // from now on.
  void DisconnectAll(const std::string& reason);
  // After the server was shut down: events that are under way are finished, and none follow. The
  // hub may still be asked, and says that nobody is online.
  void Stop();
  std::size_t online();

 private:
  friend class AgentStream;
  class Service;

  // On the host's strand.
  void Open(const std::shared_ptr<AgentStream>& stream);
  void Handle(const std::shared_ptr<AgentStream>& stream, const v1::AgentMessage& message);
  void HandleHello(const std::shared_ptr<AgentStream>& stream, const v1::Hello& hello);
  void HandleRenewal(const std::shared_ptr<AgentStream>& stream, const v1::RenewalRequest& request);
  void Gone(const std::shared_ptr<AgentStream>& stream);

  const StreamHooks hooks_;
  const StreamOptions options_;
  AgentEvents* events_ = nullptr;  // Set once, before the server starts.
  std::unique_ptr<Service> service_;
  std::mutex mu_;
  bool closing_ = false;                                    // Guarded by mu_.
  std::map<std::string, std::weak_ptr<AgentStream>> live_;  // Guarded by mu_. By host id.
  // Whose OnConnected was said last. Differs from live_ between a cut and the end of the cut
  // stream. Guarded by mu_.
  std::map<std::string, const AgentStream*> announced_;
  StreamStrand strand_;  // Last member: its threads end before what they use.
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_FLEET_STREAM_HUB_H_
