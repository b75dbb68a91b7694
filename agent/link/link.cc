#include "agent/link/link.h"

#include <google/protobuf/util/time_util.h>
#include <grpcpp/grpcpp.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "agent/link/link_session.h"
#include "common/identity/certificate.h"
#include "common/rpc/credentials.h"
#include "common/rpc/status_map.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
constexpr std::size_t kMaxPending = 256;
constexpr absl::Duration kResendAfter = absl::Seconds(2);

std::chrono::milliseconds Millis(absl::Duration duration) {
  return absl::ToChronoMilliseconds(std::max(duration, absl::ZeroDuration()));
}
}  // namespace

AgentLink::AgentLink(LinkOptions options, LinkCallbacks callbacks)
    : options_(std::move(options)),
      callbacks_(std::move(callbacks)),
      keys_(options_.state_dir),
      random_(std::random_device{}()) {}

AgentLink::~AgentLink() {
  Stop();
}

absl::Status AgentLink::Start() {
  MQ_ASSIGN_OR_RETURN(const std::vector<KeyPair> pairs, keys_.Usable(absl::Now()));
  host_id_ = pairs.front().info.id.name;
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

void AgentLink::Stop() {
  {
    std::lock_guard<std::mutex> lock(mu_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void AgentLink::Reconnect() {
  std::lock_guard<std::mutex> lock(mu_);
  // Also while a stream is being made: its hello may be of before.
  say_hello_ = true;
  changed_.notify_all();
}

bool AgentLink::connected() {
  std::lock_guard<std::mutex> lock(mu_);
  return session_ != nullptr && session_->accepted() && !session_->done();
}

absl::Status AgentLink::last_end() {
  std::lock_guard<std::mutex> lock(mu_);
  return last_end_;
}

bool AgentLink::SendIfAccepted(const v1::AgentMessage& message) {
  std::shared_ptr<LinkSession> session;
  {
    std::lock_guard<std::mutex> lock(mu_);
    session = session_;
  }
  return session != nullptr && session->accepted() && session->Send(message);
}

void AgentLink::SendReport(const v1::OperationReport& report) {
  v1::AgentMessage message;
  *message.mutable_report() = report;
  if (SendIfAccepted(message)) return;
  std::lock_guard<std::mutex> lock(mu_);
  resend_ = true;
}

void AgentLink::SendProgress(const v1::Progress& progress) {
  v1::AgentMessage message;
  *message.mutable_progress() = progress;
  SendIfAccepted(message);
}

void AgentLink::SendPlanned(const v1::OperationPlanned& planned) {
  v1::AgentMessage message;
  *message.mutable_planned() = planned;
  SendIfAccepted(message);
}

double AgentLink::Uniform(double low, double high) {
  return std::uniform_real_distribution<double>(low, high)(random_);
}

void AgentLink::Wait(absl::Duration duration) {
  std::unique_lock<std::mutex> lock(mu_);
  changed_.wait_for(lock, Millis(duration), [this] { return stopping_; });
}

void AgentLink::Run() {
  int failures = 0;
  bool candidate_failed = false;  // At the last attempt: then the old pair has its turn.
  while (true) {
    {
      std::lock_guard<std::mutex> lock(mu_);
      if (stopping_) return;
    }
    End end = End::kFailed;
    const absl::StatusOr<std::vector<KeyPair>> pairs = keys_.Usable(absl::Now());
    if (!pairs.ok()) {
      spdlog::error("link: {}", std::string(pairs.status().message()));
      std::lock_guard<std::mutex> lock(mu_);
      last_end_ = pairs.status();
    } else {
      const KeyPair& pair = candidate_failed ? pairs->back() : pairs->front();
      end = RunSession(pair);
      candidate_failed = pair.candidate && end != End::kWorked && end != End::kReconnect;
    }
    absl::Duration wait;
    switch (end) {
      case End::kStopped:
        return;
      case End::kReconnect:
        failures = 0;
        continue;
      case End::kWorked:
        failures = 0;
        wait = options_.min_backoff * Uniform(0, 1);
        break;
      case End::kRefused:
        wait = options_.max_backoff * Uniform(0.5, 1);
        break;
      case End::kFailed:
        failures = std::min(failures + 1, 16);
        wait =
            std::min(options_.max_backoff, options_.min_backoff * (1 << failures)) * Uniform(0, 1);
        break;
    }
    Wait(wait);
  }
}

AgentLink::End AgentLink::RunSession(const KeyPair& pair) {
  const auto credentials = rpc::ChannelCredentials(pair.files);
  if (!credentials.ok()) {
    spdlog::error("link: {}", std::string(credentials.status().message()));
    std::lock_guard<std::mutex> lock(mu_);
    last_end_ = credentials.status();
    return End::kFailed;
  }
  grpc::ChannelArguments arguments = rpc::AgentChannelArguments();
  // A connection of its own at each attempt: a shared one would still speak with the old
  // certificate.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const auto channel = grpc::CreateCustomChannel(options_.controller, *credentials, arguments);
  const auto session = std::make_shared<LinkSession>(channel, kMaxPending, [this] {
    std::lock_guard<std::mutex> lock(mu_);
    changed_.notify_all();
  });
  {
    const std::lock_guard<std::mutex> lock(mu_);
    say_hello_ = false;  // Before the hello: one that changes from here on is said anew.
  }
  session->Start(callbacks_.hello ? callbacks_.hello() : v1::Hello());
  pending_key_.clear();
  reconnect_at_ = absl::InfiniteFuture();
  const absl::Time accept_by = absl::Now() + options_.accept_timeout;
  absl::Time next_beat = absl::InfiniteFuture();
  absl::Time resend_at = absl::InfiniteFuture();
  bool accepted = false;
  bool stopped = false;
  bool reconnect = false;

  std::unique_lock<std::mutex> lock(mu_);
  session_ = session;
  while (!session->done()) {
    if (!accepted || !resend_) {
      resend_at = absl::InfiniteFuture();
    } else if (resend_at == absl::InfiniteFuture()) {
      resend_at = absl::Now() + kResendAfter;
    }
    const absl::Time until = std::min({accepted ? next_beat : accept_by, resend_at, reconnect_at_,
                                       absl::Now() + absl::Minutes(1)});
    changed_.wait_for(lock, Millis(until - absl::Now()), [&] {
      return session->done() || session->ready() || session->accepted() != accepted ||
             (stopping_ && !stopped) || (say_hello_ && accepted && !reconnect);
    });
    const absl::Time now = absl::Now();
    const bool resend = now >= resend_at;
    const bool stop = stopping_ && !stopped;
    if (say_hello_ && accepted && !reconnect) reconnect_at_ = now;
    if (resend) {
      resend_ = false;
      resend_at = absl::InfiniteFuture();
    }
    lock.unlock();
    if (stop) {
      stopped = true;
      session->Close();
    }
    if (!accepted && (session->accepted() || session->ready())) {
      accepted = true;
      Accepted(pair, session.get());
      next_beat = now;
    }
    if (session->ready()) {
      Deliver(session->Take(), session.get());
      session->ReadNext();
    }
    if (resend) SendUnreported(session.get());
    if (accepted && now >= next_beat) {
      SendHeartbeat(session.get());
      next_beat = now + options_.heartbeat_interval * Uniform(0.8, 1.2);
    }
    if (accepted && now >= renew_at_) AskForRenewal(session.get());
    if (!accepted && now >= accept_by) session->Close();
    if (now >= reconnect_at_ && !reconnect) {
      reconnect = true;
      reconnect_at_ = absl::InfiniteFuture();  // Else the wait above would be none.
      session->Close();
    }
    lock.lock();
  }
  session_.reset();
  lock.unlock();
  session->AwaitEnd();
  lock.lock();
  const absl::Status status = rpc::FromGrpc(session->status());
  last_end_ = status;
  const bool stopping = stopping_;
  lock.unlock();
  if (stopping) return End::kStopped;
  if (reconnect) return End::kReconnect;
  spdlog::warn("link to {} ended: {}", options_.controller, status.ToString());
  if (absl::IsPermissionDenied(status)) return End::kRefused;
  return accepted ? End::kWorked : End::kFailed;
}

void AgentLink::Accepted(const KeyPair& pair, LinkSession* session) {
  spdlog::info("link to {} is up", options_.controller);
  if (pair.candidate) {
    absl::Status promoted = keys_.Promote();
    if (promoted.ok() && callbacks_.on_renewed)
      promoted = callbacks_.on_renewed(pair.certificate_pem);
    if (!promoted.ok()) {
      spdlog::error("link: the renewed certificate works, but could not be put in its place: {}",
                    std::string(promoted.message()));
    }
  }
  if (renewing_serial_ != pair.info.serial) {
    renewing_serial_ = pair.info.serial;
    renew_at_ =
        pair.info.not_before + (pair.info.not_after - pair.info.not_before) * Uniform(0.50, 0.66);
  }
  SendUnreported(session);
}

void AgentLink::SendUnreported(LinkSession* session) {
  if (!callbacks_.unreported) return;
  for (const v1::OperationReport& report : callbacks_.unreported()) {
    v1::AgentMessage message;
    *message.mutable_report() = report;
    if (session->Send(message)) continue;
    std::lock_guard<std::mutex> lock(mu_);
    resend_ = true;
    return;
  }
}

void AgentLink::SendHeartbeat(LinkSession* session) {
  v1::AgentMessage message;
  if (callbacks_.heartbeat) *message.mutable_heartbeat() = callbacks_.heartbeat();
  v1::Heartbeat* beat = message.mutable_heartbeat();
  beat->set_sequence(++sequence_);
  *beat->mutable_time() = google::protobuf::util::TimeUtil::GetCurrentTime();
  session->Send(message);  // One that finds no room is no loss: the next one says the same.
}

void AgentLink::AskForRenewal(LinkSession* session) {
  // Asked again later where no answer comes.
  renew_at_ = absl::Now() + options_.heartbeat_interval * Uniform(2, 4);
  const absl::StatusOr<std::string> key = identity::NewKeyPem();
  const absl::StatusOr<std::string> csr =
      key.ok() ? identity::MakeCsrDer(*key) : absl::StatusOr<std::string>(key.status());
  if (!csr.ok()) {
    spdlog::error("link: no key for the renewal: {}", std::string(csr.status().message()));
    return;
  }
  v1::AgentMessage message;
  message.mutable_renewal()->set_csr(*csr);
  if (session->Send(message)) pending_key_ = *key;
}

void AgentLink::StoreCandidate(const std::string& pem) {
  const absl::Status stored = keys_.StoreCandidate(pending_key_, pem, absl::Now());
  if (!stored.ok()) {
    spdlog::error("link: {}", std::string(stored.message()));
    return;
  }
  pending_key_.clear();
  renew_at_ = absl::InfiniteFuture();
  // The new pair proves itself on a new connection, at a moment of its own for each agent of a
  // fleet, and well before the old certificate ends.
  const auto pairs = keys_.Usable(absl::Now());
  absl::Duration left = absl::Hours(1);
  if (pairs.ok()) left = std::min(left, (pairs->back().info.not_after - absl::Now()) / 4);
  reconnect_at_ = absl::Now() + left * Uniform(0, 1);
  spdlog::info("link: a renewed certificate is stored; it is used from the next connection on");
}

void AgentLink::Deliver(const v1::ControllerMessage& message, LinkSession* session) {
  switch (message.kind_case()) {
    case v1::ControllerMessage::kCommand:
      if (callbacks_.on_command) callbacks_.on_command(message.command());
      return;
    case v1::ControllerMessage::kAck:
      if (callbacks_.on_ack) callbacks_.on_ack(message.ack().command_id());
      return;
    case v1::ControllerMessage::kRenewal:
      return StoreCandidate(message.renewal().certificate_pem());
    case v1::ControllerMessage::kCancel:
      if (callbacks_.on_cancel) callbacks_.on_cancel(message.cancel());
      return;
    case v1::ControllerMessage::kReconcile: {
      if (!callbacks_.on_reconcile) return;
      v1::AgentMessage answer;
      *answer.mutable_known() = callbacks_.on_reconcile(message.reconcile());
      if (!session->Send(answer)) spdlog::warn("link: no room for the answer to a reconciliation");
      return;
    }
    case v1::ControllerMessage::kLease:
      if (callbacks_.on_lease_renewal) callbacks_.on_lease_renewal(message.lease());
      return;
    case v1::ControllerMessage::KIND_NOT_SET:
      spdlog::warn("link: the controller sent a message of a kind that this agent does not know");
      return;
  }
}

}  // namespace mailquench::agent
