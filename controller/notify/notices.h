// What people are told, and by which ways: durable, at least once, each with an id.
#ifndef MAILQUENCH_CONTROLLER_NOTIFY_NOTICES_H_
#define MAILQUENCH_CONTROLLER_NOTIFY_NOTICES_H_

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock/clock.h"
#include "controller/store/store.h"
#include "mailquench/v1/escalation.pb.h"
#include "yaml-cpp/yaml.h"

namespace mailquench::controller {

enum class ChannelKind { kWebhook, kSmtp, kSyslog };

struct ChannelConfig {
  std::string name;
  ChannelKind kind = ChannelKind::kWebhook;
  std::set<std::string> kinds;    // Of notices; empty: all.
  std::string severity = "info";  // This and worse: info, warning, page.
  std::string subject, body;      // Templates, with {{field}}; empty: built in.
  // Webhook.
  std::string url, ca_file;
  std::string url_file;     // Instead of url, where it is a secret in itself; read at each use.
  std::string secret_file;  // HMAC-SHA256 of "TIME.BODY" with what is in it; read at each use.
  std::string token_file;   // Sent as Bearer; read at each use.
  // SMTP: a relay that is no part of the fire.
  std::string relay;  // host:port
  std::string from;
  bool null_sender = false;  // MAIL FROM:<>: nothing comes back.
  std::vector<std::string> to;
  bool starttls = true;  // Demanded, unless the configuration says "starttls: no".
  std::string user, password_file;
  // Syslog (RFC 5424): a local socket, or "udp://host:port", "tcp://host:port".
  std::string target = "/dev/log";
  std::string facility = "mail";
};

struct NotifyOptions {
  std::vector<ChannelConfig> channels;
  absl::Duration first_retry = absl::Seconds(5);  // Then twice as long each time, up to
  absl::Duration last_retry = absl::Minutes(10);
  absl::Duration give_up = absl::Hours(72);  // With a line in the log.
  absl::Duration limit = absl::Seconds(10);  // For one delivery.
};

// Section `notifications`. kInvalidArgument/BAD_RULES with file, line and column.
absl::StatusOr<NotifyOptions> ReadNotifications(const std::string& file, const YAML::Node& node);

// Thread-safe.
class Notices {
 public:
  Notices(Store* store, Clock* clock, std::function<void(const std::string&)> log);
  ~Notices();  // Stop()

  // Takes effect for the next delivery. What waits for a channel that is gone is given up.
  void Configure(const NotifyOptions& options);
  void Begin();  // Starts delivering, also what was left over; one thread a channel, so that a
                 // channel that hangs holds up no other.
  void Stop();

  // In the outbox when it returns. The same notice_id again does nothing. Where no channel wants
  // it, it is kept for the list alone.
  absl::Status Tell(const v1::Notice& notice);
  absl::StatusOr<v1::ListNoticesResponse> List(const v1::ListNoticesRequest& request);
  // Delivers one of kind `test` now, past the outbox. kNotFound/CHANNEL_NOT_FOUND.
  absl::StatusOr<v1::TestNotificationResponse> Test(const std::string& channel,
                                                    const std::string& actor);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_NOTIFY_NOTICES_H_
