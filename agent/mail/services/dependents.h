// Services that were stopped since they depend on the mail service, and are to be started with it.
#ifndef MAILQUENCH_AGENT_MAIL_SERVICES_DEPENDENTS_H_
#define MAILQUENCH_AGENT_MAIL_SERVICES_DEPENDENTS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "agent/mail/mail_system.h"
#include "agent/os/service_manager.h"

namespace mailquench::agent {

// Before they are stopped. Those of a stop that was cut short stay on the list. Errors: those of
// the disk.
absl::Status ListDependents(const std::string& file, const std::vector<std::string>& names);

// The last on the list first, as they lean on each other. One that does not start is a warning. The
// list is gone then. Errors: those of the disk.
absl::Status StartDependents(ServiceManager& services,
                             const std::string& file,
                             const std::string& mail_service,
                             const CallContext& context);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_MAIL_SERVICES_DEPENDENTS_H_
