// Remote servers' refusals, as the message tracking log has them.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_REPLY_LOG_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_REPLY_LOG_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/mail/mail_system.h"

namespace mailquench::agent::exchange {

// Events DEFER and FAIL of the source SMTP, whose recipient-status is the reply, bare or as
// "{LED=...}" beside "{FQDN=...}" and "{IP=...}". Errors: kFailedPrecondition/NO_MAIL_LOG, those of
// still_wanted.
absl::StatusOr<ReadLog> ReadReplies(const std::string& tracking,
                                    absl::Time since,
                                    const ReplyVisitor& visit,
                                    const CallContext& context);

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_REPLY_LOG_H_
