// Where the virtual servers listen, and conversations with them.
#ifndef MAILQUENCH_AGENT_MAIL_SMTPSVC_LISTENERS_H_
#define MAILQUENCH_AGENT_MAIL_SMTPSVC_LISTENERS_H_

#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/mail/mail_system.h"
#include "agent/mail/smtp/smtp_dialogue.h"
#include "agent/mail/smtpsvc/metabase.h"
#include "agent/mail/smtpsvc/virtual_servers.h"

namespace mailquench::agent::smtpsvc {

// "192.0.2.1:25", "[2001:db8::1]:25" of a server's bindings; one without an address is at each of
// `own`, and at 127.0.0.1. What is no binding is left out.
std::vector<std::string> AddressesOf(const VirtualServer& server,
                                     const std::vector<std::string>& own);
bool IsLoopback(const std::string& listener);

// Before and after a change of settings. Not thread-safe; asks its listeners from threads of its
// own.
class ListenerCheck {
 public:
  // Both outlive it. `verify_closed`: none may relay for a stranger afterwards, as far as this host
  // can tell: where addresses are granted it may be one of them, and proves nothing.
  // `dead_wait`: so long one that does not answer is asked again.
  ListenerCheck(Metabase& metabase,
                bool verify_closed,
                absl::Duration dead_wait,
                const CallContext& context)
      : metabase_(metabase),
        verify_closed_(verify_closed),
        dead_wait_(dead_wait),
        context_(context) {}

  // Remembers who answers before the change.
  absl::Status Before(const std::vector<VirtualServer>& servers);
  // Errors: kFailedPrecondition/LISTENER_DEAD, /LISTENER_OPEN.
  absl::Status After(const std::vector<VirtualServer>& servers) const;

 private:
  absl::StatusOr<std::vector<DialogueResult>> AskAgain(
      const std::vector<std::string>& targets) const;

  Metabase& metabase_;
  const bool verify_closed_;
  const absl::Duration dead_wait_;
  const CallContext& context_;
  std::set<std::string> answered_;
};

// A dialogue with every listener, all at once.
absl::StatusOr<v1::RelayProbeResult> ProbeListeners(const std::vector<VirtualServer>& servers,
                                                    const v1::RelayProbe& request,
                                                    const CallContext& context);

}  // namespace mailquench::agent::smtpsvc

#endif  // MAILQUENCH_AGENT_MAIL_SMTPSVC_LISTENERS_H_
