// The logs of Postfix instances, read for what remote servers said to their deliveries.
#ifndef MAILQUENCH_AGENT_MAIL_POSTFIX_REPLY_LOG_H_
#define MAILQUENCH_AGENT_MAIL_POSTFIX_REPLY_LOG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/mail/mail_system.h"
#include "agent/mail/postfix/instance.h"

namespace mailquench::agent::postfix {

// Where the instances log: `configured` where it is not empty, else maillog_file, else the usual
// files of syslog. Errors: kFailedPrecondition/NO_MAIL_LOG where none is there.
absl::StatusOr<std::vector<std::string>> MailLogs(const std::vector<Instance>& instances,
                                                  const std::string& configured);

struct LogLimits {
  std::int64_t max_bytes = std::int64_t{2} * 1024 * 1024 * 1024;
  absl::Duration max_time = absl::Seconds(60);
};

// Of these logs and of what they were rotated to, as MailSystem::ReadDeliveryReplies.
absl::StatusOr<ReadLog> ReadReplies(const std::vector<std::string>& logs,
                                    absl::Time since,
                                    const ReplyVisitor& visit,
                                    const CallContext& context,
                                    const LogLimits& limits = {});

}  // namespace mailquench::agent::postfix

#endif  // MAILQUENCH_AGENT_MAIL_POSTFIX_REPLY_LOG_H_
