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

// RFC 5321, 4.5.3.2.6: a relay that has the whole message may take so long to say that it took it.
// Whoever does not wait sends it twice.
constexpr absl::Duration kMessageAnswer = absl::Minutes(10);

struct Attempt {
  absl::Time now;
  absl::Duration limit;                          // For all of it, but
  absl::Duration answer_limit = kMessageAnswer;  // for a relay's answer to a whole mail.
  std::function<bool()> wanted;                  // Asked ten times a second while it waits.
  std::vector<std::string> delivered_to;         // Of a mail: who has it already.
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

// Block at most attempt.limit, by mail also attempt.answer_limit. Thread-safe. Deliver() throws
// nothing: what goes wrong within the controller is tried again, as what goes wrong outside.
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
