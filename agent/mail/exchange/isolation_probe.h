// The proof that a host is cut off: a message of our own that does not leave.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_ISOLATION_PROBE_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_ISOLATION_PROBE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "agent/mail/exchange/queue_view.h"
#include "agent/mail/exchange/shell.h"
#include "agent/mail/mail_system.h"

namespace mailquench::agent::exchange {

struct ProbeOptions {
  absl::Duration wait = absl::Minutes(3);   // For it to be queued and tried.
  absl::Duration hold = absl::Seconds(30);  // So long it must stay after that.
  absl::Duration poll = absl::Seconds(1);
};

// Transport runs on an empty database, and the host should be cut off. A message goes through
// `replay` to an address that nobody has (RFC 2606); it must be queued, be tried in vain, and be
// there after another try, while a smart host answers this process, so that it is not the network
// that keeps it. It is removed without a notification. Errors: kFailedPrecondition/
// ISOLATION_NOT_PROVEN, those of the shell, the disk and of CheckTime().
absl::Status ProveIsolation(Shell& shell,
                            const std::string& server,
                            const std::string& replay,
                            const std::vector<std::string>& smart_hosts,
                            const std::string& id,
                            const ProbeOptions& options,
                            const CallContext& context);

// Whether a message is a probe of ours, of whatever isolation.
bool IsProbe(const MessageRow& row);

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_ISOLATION_PROBE_H_
