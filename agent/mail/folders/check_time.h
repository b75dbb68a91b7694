// Whether a long work may go on.
#ifndef MAILQUENCH_AGENT_MAIL_FOLDERS_CHECK_TIME_H_
#define MAILQUENCH_AGENT_MAIL_FOLDERS_CHECK_TIME_H_

#include "absl/status/status.h"
#include "agent/mail/mail_system.h"

namespace mailquench::agent {

// kDeadlineExceeded/DEADLINE, those of still_wanted.
absl::Status CheckTime(const CallContext& context);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_MAIL_FOLDERS_CHECK_TIME_H_
