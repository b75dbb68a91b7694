#include "controller/fleet/stream_agent.h"

#include <utility>

namespace mailquench::controller {

AgentStream::AgentStream(StreamHub* hub,
                         grpc::CallbackServerContext* context,
                         std::string host_id,
                         std::size_t max_pending)
    : hub_(hub), context_(context), host_id_(std::move(host_id)), max_pending_(max_pending) {}

void AgentStream::KeepUntilDone(std::shared_ptr<AgentStream> self) {
  self_ = std::move(self);
}

void AgentStream::ReadNext() {
  std::lock_guard<std::mutex> lock(mu_);
  if (!closing_) StartRead(&incoming_);
}

void AgentStream::Accept() {
  std::lock_guard<std::mutex> lock(mu_);
  if (closing_) return;
  accepted_ = true;
  context_->AddInitialMetadata("mailquench-accepted", "1");
  StartSendInitialMetadata();
}

bool AgentStream::Send(const v1::ControllerMessage& message) {
  std::lock_guard<std::mutex> lock(mu_);
  // A write before the metadata would send them by itself, and gRPC aborts the process at the
  // second time.
  if (!accepted_ || closing_ || pending_.size() >= max_pending_) return false;
  pending_.push_back(message);
  if (pending_.size() == 1) StartWrite(&pending_.front());
  return true;
}

void AgentStream::Close(const grpc::Status& status) {
  std::lock_guard<std::mutex> lock(mu_);
  if (closing_) return;
  closing_ = true;
  status_ = status;
  if (pending_.empty()) {
    finished_ = true;
    Finish(status_);
  } else {
    // The write in flight may wait for ever for a peer that does not read; cancelling fails it,
    // OnWriteDone finishes.
    context_->TryCancel();
  }
}

bool AgentStream::closed() {
  std::lock_guard<std::mutex> lock(mu_);
  return closing_;
}

bool AgentStream::open() {
  std::lock_guard<std::mutex> lock(mu_);
  return accepted_ && !closing_;
}

void AgentStream::OnReadDone(bool ok) {
  if (!ok) return Close(grpc::Status::OK);
  // Handled off this thread; the next read starts when that is done, which bounds what one agent
  // can queue here.
  std::shared_ptr<AgentStream> self;
  {
    std::lock_guard<std::mutex> lock(mu_);
    self = self_;
  }
  if (self == nullptr) return;
  hub_->strand_.Post(host_id_, [hub = hub_, self] {
    hub->Handle(self, self->incoming_);
    self->ReadNext();
  });
}

void AgentStream::OnWriteDone(bool ok) {
  std::lock_guard<std::mutex> lock(mu_);
  pending_.pop_front();
  if (!ok && !closing_) {
    closing_ = true;
    status_ = grpc::Status::CANCELLED;
  }
  if (closing_) {
    if (!finished_) {
      finished_ = true;
      Finish(status_);
    }
    return;
  }
  if (!pending_.empty()) StartWrite(&pending_.front());
}

void AgentStream::OnCancel() {
  Close(grpc::Status::CANCELLED);
}

void AgentStream::OnDone() {
  std::shared_ptr<AgentStream> self;
  {
    std::lock_guard<std::mutex> lock(mu_);
    closing_ = true;
    self = std::move(self_);
  }
  hub_->strand_.Post(host_id_, [hub = hub_, self] { hub->Gone(self); });
}

}  // namespace mailquench::controller
