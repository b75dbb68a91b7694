// One delivery of one notice by one channel, and what became of it.
#ifndef MAILQUENCH_CONTROLLER_NOTIFY_CHANNEL_H_
#define MAILQUENCH_CONTROLLER_NOTIFY_CHANNEL_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/notify/notices.h"
#include "mailquench/v1/escalation.pb.h"

namespace mailquench::controller {

struct Attempt {
  absl::Time now;
  absl::Duration limit;                   // For all of it.
  std::function<bool()> wanted;           // Asked ten times a second while it waits.
  std::vector<std::string> delivered_to;  // Of a mail: who has it already.
};

struct Outcome {
  enum class Verdict { kDelivered, kRetry, kRefused };
  Verdict verdict = Verdict::kRetry;
  std::string error;  // One sentence, without a secret. Beside kDelivered: who did not get it.
  absl::Duration wait = absl::ZeroDuration();  // What the receiver asked for.
  std::vector<std::string> delivered_to;       // Of a mail: who has it now.

  static Outcome Delivered() { return {Verdict::kDelivered, "", {}, {}}; }
  static Outcome Retry(std::string error) { return {Verdict::kRetry, std::move(error), {}, {}}; }
  static Outcome Refused(std::string error) {
    return {Verdict::kRefused, std::move(error), {}, {}};
  }
};

// Block at most attempt.limit. Thread-safe.
Outcome Deliver(const ChannelConfig& channel, const v1::Notice& notice, const Attempt& attempt);
Outcome DeliverByWebhook(const ChannelConfig& channel,
                         const v1::Notice& notice,
                         const Attempt& attempt);
Outcome DeliverByMail(const ChannelConfig& channel,
                      const v1::Notice& notice,
                      const Attempt& attempt);
Outcome DeliverToSyslog(const ChannelConfig& channel,
                        const v1::Notice& notice,
                        const Attempt& attempt);

// Whether it is for this channel, by kind and severity.
bool Wants(const ChannelConfig& channel, const v1::Notice& notice);

// A file with one secret, without the line's end. The error names the file and no more of it.
absl::StatusOr<std::string> ReadSecret(const std::string& path);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_NOTIFY_CHANNEL_H_
