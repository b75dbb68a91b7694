#include "controller/fleet/stream_hub.h"

#include <spdlog/spdlog.h>

#include <utility>
#include <vector>

#include "common/rpc/status_map.h"
#include "common/status/error.h"
#include "controller/fleet/stream_agent.h"

namespace mailquench::controller {
namespace {

// A call that is refused before there is a stream.
class Refusal final : public grpc::ServerBidiReactor<v1::AgentMessage, v1::ControllerMessage> {
 public:
  explicit Refusal(const grpc::Status& status) { Finish(status); }
  void OnDone() override { delete this; }
};

}  // namespace

class StreamHub::Service final : public v1::AgentLink::CallbackService {
 public:
  explicit Service(StreamHub* hub) : hub_(hub) {}
  grpc::ServerBidiReactor<v1::AgentMessage, v1::ControllerMessage>* Connect(
      grpc::CallbackServerContext* context) override {
    const absl::StatusOr<std::string> host_id = hub_->hooks_.identify(*context);
    if (!host_id.ok()) {
      spdlog::warn("agent stream from {} refused: {}", context->peer(),
                   std::string(host_id.status().message()));
      return new Refusal(rpc::ToGrpc(host_id.status()));
    }
    auto stream =
        std::make_shared<AgentStream>(hub_, context, *host_id, hub_->options_.max_pending);
    stream->KeepUntilDone(stream);
    hub_->strand_.Post(*host_id, [hub = hub_, stream] { hub->Open(stream); });
    return stream.get();
  }

 private:
  StreamHub* const hub_;
};

StreamHub::StreamHub(StreamHooks hooks, StreamOptions options)
    : hooks_(std::move(hooks)),
      options_(options),
      service_(std::make_unique<Service>(this)),
      strand_(options.threads) {}

StreamHub::~StreamHub() = default;

void StreamHub::SetEvents(AgentEvents* events) {
  events_ = events;
}
grpc::Service* StreamHub::service() {
  return service_.get();
}

void StreamHub::Open(const std::shared_ptr<AgentStream>& stream) {
  const absl::Status admitted = hooks_.admit(stream->host_id());
  if (!admitted.ok()) {
    spdlog::warn("host {} refused: {}", stream->host_id(), std::string(admitted.message()));
    return stream->Close(rpc::ToGrpc(admitted));
  }
  stream->ReadNext();
}

void StreamHub::Handle(const std::shared_ptr<AgentStream>& stream,
                       const v1::AgentMessage& message) {
  if (stream->closed()) return;
  const std::string& host_id = stream->host_id();
  if (!stream->hello_seen && message.kind_case() != v1::AgentMessage::kHello) {
    return stream->Close(rpc::ToGrpc(Error(absl::StatusCode::kFailedPrecondition, "NO_HELLO",
                                           "the first message of an agent must be its hello; "
                                           "nothing of this stream was taken")));
  }
  switch (message.kind_case()) {
    case v1::AgentMessage::kHello:
      return HandleHello(stream, message.hello());
    case v1::AgentMessage::kHeartbeat:
      return events_->OnHeartbeat(host_id, message.heartbeat());
    case v1::AgentMessage::kProgress:
      return events_->OnProgress(host_id, message.progress());
    case v1::AgentMessage::kReport: {
      events_->OnReport(host_id, message.report());
      v1::ControllerMessage ack;
      ack.mutable_ack()->set_command_id(message.report().command_id());
      // An acknowledgement that is lost costs nothing: the agent sends its report again.
      if (!stream->Send(ack)) spdlog::debug("host {}: no room for an acknowledgement", host_id);
      return;
    }
    case v1::AgentMessage::kPlanned:
      return events_->OnPlanned(host_id, message.planned());
    case v1::AgentMessage::kRenewal:
      return HandleRenewal(stream, message.renewal());
    case v1::AgentMessage::kKnown:
      return events_->OnKnown(host_id, message.known());
    case v1::AgentMessage::KIND_NOT_SET:
      spdlog::warn("host {} sent a message of a kind that this controller does not know", host_id);
      return;
  }
}

void StreamHub::HandleHello(const std::shared_ptr<AgentStream>& stream, const v1::Hello& hello) {
  const std::string& host_id = stream->host_id();
  if (stream->hello_seen) {
    spdlog::warn("host {} said hello twice; the second was not taken", host_id);
    return;
  }
  stream->hello_seen = true;
  std::shared_ptr<AgentStream> previous;
  bool was_announced = false;
  {
    std::lock_guard<std::mutex> lock(mu_);
    if (closing_) {
      stream->Close({grpc::StatusCode::UNAVAILABLE, "the controller is shutting down"});
      return;
    }
    const auto found = live_.find(host_id);
    if (found != live_.end()) previous = found->second.lock();
    live_[host_id] = stream;
    was_announced = announced_.erase(host_id) > 0;
  }
  if (previous != nullptr) {
    spdlog::warn("host {} opened a second stream ({}); the first was ended", host_id,
                 hello.hostname());
    previous->Close({grpc::StatusCode::ABORTED, "replaced by a newer stream of the same host"});
  }
  if (was_announced) events_->OnDisconnected(host_id);
  // Asked again, now that Disconnect() can find the stream: whoever was evicted meanwhile is either
  // cut by that or refused by this.
  const absl::Status admitted = hooks_.admit(host_id);
  if (!admitted.ok()) {
    spdlog::warn("host {} refused: {}", host_id, std::string(admitted.message()));
    {
      std::lock_guard<std::mutex> lock(mu_);
      const auto found = live_.find(host_id);
      if (found != live_.end() && found->second.lock() == stream) live_.erase(found);
    }
    return stream->Close(rpc::ToGrpc(admitted));
  }
  {
    std::lock_guard<std::mutex> lock(mu_);
    announced_[host_id] = stream.get();
  }
  stream->Accept();
  spdlog::info("host {} ({}) is connected", host_id, hello.hostname());
  events_->OnConnected(host_id, hello);
}

void StreamHub::HandleRenewal(const std::shared_ptr<AgentStream>& stream,
                              const v1::RenewalRequest& request) {
  const absl::StatusOr<std::string> pem = hooks_.renew(stream->host_id(), request.csr());
  if (!pem.ok()) {
    // The agent keeps its certificate and asks again later.
    spdlog::error("host {}: certificate not renewed: {}", stream->host_id(),
                  std::string(pem.status().message()));
    return;
  }
  v1::ControllerMessage message;
  message.mutable_renewal()->set_certificate_pem(*pem);
  if (stream->Send(message)) spdlog::info("host {}: certificate renewed", stream->host_id());
}

void StreamHub::Gone(const std::shared_ptr<AgentStream>& stream) {
  bool was_announced = false;
  {
    std::lock_guard<std::mutex> lock(mu_);
    const auto found = live_.find(stream->host_id());
    if (found != live_.end()) {
      const std::shared_ptr<AgentStream> current = found->second.lock();
      if (current == nullptr || current == stream) live_.erase(found);
    }
    const auto announced = announced_.find(stream->host_id());
    if (announced != announced_.end() && announced->second == stream.get()) {
      announced_.erase(announced);
      was_announced = true;
    }
  }
  if (!was_announced) return;
  spdlog::info("host {} is disconnected", stream->host_id());
  events_->OnDisconnected(stream->host_id());
}

bool StreamHub::IsOnline(const std::string& host_id) {
  std::lock_guard<std::mutex> lock(mu_);
  const auto found = live_.find(host_id);
  if (found == live_.end()) return false;
  const std::shared_ptr<AgentStream> stream = found->second.lock();
  return stream != nullptr && stream->open();
}

bool StreamHub::Send(const std::string& host_id, const v1::ControllerMessage& message) {
  std::shared_ptr<AgentStream> stream;
  {
    std::lock_guard<std::mutex> lock(mu_);
    const auto found = live_.find(host_id);
    if (found != live_.end()) stream = found->second.lock();
  }
  return stream != nullptr && stream->Send(message);
}

void StreamHub::Disconnect(const std::string& host_id, const std::string& reason) {
  std::shared_ptr<AgentStream> stream;
  {
    std::lock_guard<std::mutex> lock(mu_);
    const auto found = live_.find(host_id);
    if (found == live_.end()) return;
    stream = found->second.lock();
    live_.erase(found);
  }
  if (stream == nullptr) return;
  spdlog::info("host {} is cut off: {}", host_id, reason);
  stream->Close(rpc::ToGrpc(Error(absl::StatusCode::kPermissionDenied, "HOST_CUT_OFF", reason)));
}

void StreamHub::DisconnectAll(const std::string& reason) {
  std::vector<std::shared_ptr<AgentStream>> streams;
  {
    std::lock_guard<std::mutex> lock(mu_);
    closing_ = true;
    for (const auto& [host_id, weak] : live_) {
      if (auto stream = weak.lock()) streams.push_back(std::move(stream));
    }
  }
  for (const auto& stream : streams) stream->Close({grpc::StatusCode::UNAVAILABLE, reason});
}

void StreamHub::Stop() {
  strand_.Stop();
}

std::size_t StreamHub::online() {
  std::lock_guard<std::mutex> lock(mu_);
  return live_.size();
}

}  // namespace mailquench::controller
