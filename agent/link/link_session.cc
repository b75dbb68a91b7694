#include "agent/link/link_session.h"

#include <utility>

namespace mailquench::agent {

LinkSession::LinkSession(const std::shared_ptr<grpc::Channel>& channel,
                         std::size_t max_pending,
                         std::function<void()> wake)
    : stub_(v1::AgentLink::NewStub(channel)), max_pending_(max_pending), wake_(std::move(wake)) {}

void LinkSession::Start(const v1::Hello& hello) {
  std::lock_guard<std::mutex> lock(mu_);
  pending_.emplace_back();
  *pending_.back().mutable_hello() = hello;
  stub_->async()->Connect(&context_, this);
  // Writes and reads are started outside of reactions; the hold keeps OnDone away until
  // CloseLocked().
  AddHold();
  StartRead(&incoming_);
  StartWrite(&pending_.front());
  StartCall();
}

bool LinkSession::Send(const v1::AgentMessage& message) {
  std::lock_guard<std::mutex> lock(mu_);
  if (closed_ || pending_.size() >= max_pending_) return false;
  pending_.push_back(message);
  if (pending_.size() == 1) StartWrite(&pending_.front());
  return true;
}

void LinkSession::CloseLocked() {
  if (closed_) return;
  closed_ = true;
  context_.TryCancel();
  RemoveHold();
}

void LinkSession::Close() {
  std::lock_guard<std::mutex> lock(mu_);
  CloseLocked();
}

void LinkSession::AwaitEnd() {
  end_->get_future().wait();
}

bool LinkSession::accepted() {
  std::lock_guard<std::mutex> lock(mu_);
  return accepted_;
}
bool LinkSession::ready() {
  std::lock_guard<std::mutex> lock(mu_);
  return ready_;
}
bool LinkSession::done() {
  std::lock_guard<std::mutex> lock(mu_);
  return done_;
}
bool LinkSession::pending() {
  std::lock_guard<std::mutex> lock(mu_);
  return !closed_ && !pending_.empty();
}
grpc::Status LinkSession::status() {
  std::lock_guard<std::mutex> lock(mu_);
  return status_;
}

v1::ControllerMessage LinkSession::Take() {
  std::lock_guard<std::mutex> lock(mu_);
  ready_ = false;
  return std::move(incoming_);
}

void LinkSession::ReadNext() {
  std::lock_guard<std::mutex> lock(mu_);
  if (closed_) return;
  incoming_.Clear();
  StartRead(&incoming_);
}

void LinkSession::OnReadInitialMetadataDone(bool ok) {
  {
    std::lock_guard<std::mutex> lock(mu_);
    // A refusal comes without the key, as trailers alone.
    if (ok && context_.GetServerInitialMetadata().count("mailquench-accepted") > 0)
      accepted_ = true;
  }
  wake_();
}

void LinkSession::OnReadDone(bool ok) {
  {
    std::lock_guard<std::mutex> lock(mu_);
    if (ok) {
      ready_ = true;
    } else if (!closed_) {
      // The stream has ended by itself: give the hold back without cancelling, so that its status
      // arrives.
      closed_ = true;
      RemoveHold();
    }
  }
  wake_();
}

void LinkSession::OnWriteDone(bool ok) {
  {
    std::lock_guard<std::mutex> lock(mu_);
    pending_.pop_front();
    // A failed write means that the call has ended; OnReadDone(false) follows and closes.
    if (ok && !closed_ && !pending_.empty()) StartWrite(&pending_.front());
  }
  wake_();
}

void LinkSession::OnDone(const grpc::Status& status) {
  const std::shared_ptr<std::promise<void>> end = end_;
  {
    std::lock_guard<std::mutex> lock(mu_);
    done_ = true;
    closed_ = true;
    status_ = status;
  }
  wake_();
  end->set_value();
}

}  // namespace mailquench::agent
