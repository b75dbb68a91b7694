// Where receive connectors listen, and conversations with them around a change.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_LISTENERS_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_LISTENERS_H_

#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/mail/exchange/connector.h"
#include "agent/mail/mail_system.h"
#include "agent/mail/smtp/smtp_dialogue.h"

namespace mailquench::agent::exchange {

// Of the enabled ones. A binding to all addresses is at each of `own` of its family, and at
// 127.0.0.1 or ::1. What is no binding is left out.
std::vector<std::string> TargetsOf(const std::vector<Connector>& connectors,
                                   const std::vector<std::string>& own);

// Not thread-safe; asks its listeners from threads of its own.
class ListenerCheck {
 public:
  // `verify_closed`: none may relay for a stranger afterwards, but for one whose connector lets
  // just this host's address relay. `wait`: so long one that does not answer, or is open still, is
  // asked again: transport takes new settings from the directory when it is told of them.
  ListenerCheck(bool verify_closed, absl::Duration wait, absl::Time deadline)
      : verify_closed_(verify_closed), wait_(wait), deadline_(deadline) {}

  // Remembers who answers before the change.
  absl::Status Before(const std::vector<Connector>& connectors,
                      const std::vector<std::string>& own);
  // Errors: kFailedPrecondition/LISTENER_DEAD, /LISTENER_OPEN.
  absl::Status After(const std::vector<Connector>& connectors,
                     const std::vector<std::string>& own) const;

 private:
  absl::Status Judge(const std::vector<Connector>& connectors,
                     const std::string& target,
                     const DialogueResult& said) const;

  const bool verify_closed_;
  const absl::Duration wait_;
  const absl::Time deadline_;
  std::set<std::string> answered_;
};

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_LISTENERS_H_
