// The agent's end of the stream: it dials out, says hello, beats, receives commands, sends reports
// until they are acknowledged, and renews its certificate. What a command means is the executor's
// business.
#ifndef MAILQUENCH_AGENT_LINK_LINK_H_
#define MAILQUENCH_AGENT_LINK_LINK_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "agent/link/key_store.h"
#include "mailquench/v1/agent_link.pb.h"

namespace mailquench::agent {

class LinkSession;

// Towards the executor. All are called from the link's own thread, one at a time, never while the
// link holds a lock; while one runs, no further message is read, so long work belongs on the
// executor's threads. Unset ones are skipped.
struct LinkCallbacks {
  std::function<v1::Hello()> hello;
  std::function<v1::Heartbeat()> heartbeat;  // `sequence` and `time` are filled in by the link.
  std::function<void(const v1::Command&)> on_command;
  std::function<void(const v1::Cancel&)> on_cancel;
  std::function<v1::KnownCommands(const v1::Reconcile&)> on_reconcile;
  std::function<void(const v1::LeaseRenewal&)> on_lease_renewal;
  // Reports whose acknowledgement has not come yet, oldest first. Sent again at each connect.
  std::function<std::vector<v1::OperationReport>()> unreported;
  std::function<void(const std::string& command_id)> on_ack;
  // A renewed certificate has worked and replaced the old one on disk. An error is logged only.
  std::function<absl::Status(const std::string& pem)> on_renewed;
};

struct LinkOptions {
  std::string controller;                                 // host:port
  std::string state_dir;                                  // As Enrol() wrote it.
  absl::Duration heartbeat_interval = absl::Seconds(30);  // Jittered by 20 %.
  // Full jitter: each wait is uniform in [0, min(max, min * 2^failures)]. The first one after a
  // working stream is uniform in [0, min]; after a refusal (evicted, banned) it is in [max / 2,
  // max].
  absl::Duration min_backoff = absl::Seconds(1);
  absl::Duration max_backoff = absl::Seconds(60);
  absl::Duration accept_timeout = absl::Seconds(20);  // From dialling to the accepted hello.
};

class AgentLink {
 public:
  AgentLink(LinkOptions options, LinkCallbacks callbacks);
  ~AgentLink();  // Stop()
  AgentLink(const AgentLink&) = delete;
  AgentLink& operator=(const AgentLink&) = delete;

  // Loads the credentials and starts the link's thread; it does not wait for a connection.
  // Errors: FAILED_PRECONDITION / NOT_ENROLLED, CREDENTIALS_UNUSABLE.
  absl::Status Start();
  // Ends the stream and joins the thread. Not from within a callback.
  void Stop();

  // Thread-safe, never block. Without an accepted stream a report waits for the next connect (it is
  // in `unreported`), progress and plans are dropped: whoever asked is gone.
  void SendReport(const v1::OperationReport& report);
  void SendProgress(const v1::Progress& progress);
  void SendPlanned(const v1::OperationPlanned& planned);

  // Says hello anew, on a connection of its own: a stream has one hello. Thread-safe, never blocks.
  // A stream that is being made is let become one first; without any the next one says it.
  void Reconnect();

  bool connected();
  // Why the last stream or attempt ended; OK before the first end. Thread-safe.
  absl::Status last_end();
  const std::string& host_id() const { return host_id_; }  // After Start().

 private:
  enum class End { kStopped, kWorked, kFailed, kRefused, kReconnect };

  void Run();
  End RunSession(const KeyPair& pair);
  void Accepted(const KeyPair& pair, LinkSession* session);
  void Deliver(const v1::ControllerMessage& message, LinkSession* session);
  void StoreCandidate(const std::string& pem);
  void SendUnreported(LinkSession* session);
  void AskForRenewal(LinkSession* session);
  void SendHeartbeat(LinkSession* session);
  bool SendIfAccepted(const v1::AgentMessage& message);
  // Sleeps, or returns early at Stop().
  void Wait(absl::Duration duration);
  double Uniform(double low, double high);

  const LinkOptions options_;
  const LinkCallbacks callbacks_;
  KeyStore keys_;
  std::string host_id_;
  std::thread thread_;

  std::mutex mu_;
  std::condition_variable changed_;
  bool stopping_ = false;                 // Guarded by mu_.
  bool resend_ = false;                   // Guarded by mu_. A report found no room.
  bool say_hello_ = false;                // Guarded by mu_. Reconnect() was called.
  std::shared_ptr<LinkSession> session_;  // Guarded by mu_.
  absl::Status last_end_;                 // Guarded by mu_.

  // The link's thread only.
  std::mt19937_64 random_;
  std::int64_t sequence_ = 0;
  std::string renewing_serial_;  // The certificate that renew_at_ belongs to.
  absl::Time renew_at_ = absl::InfiniteFuture();
  absl::Time reconnect_at_ = absl::InfiniteFuture();
  std::string pending_key_;  // Of the renewal that was asked for.
};

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_LINK_LINK_H_
