// What a heartbeat says of the mail service.
#ifndef MAILQUENCH_AGENT_APP_SERVICE_LOOK_H_
#define MAILQUENCH_AGENT_APP_SERVICE_LOOK_H_

#include "agent/app/observer.h"
#include "agent/mail/mail_system.h"

namespace mailquench::agent {

// Of several instances the worst. What cannot be told is not known: never an error.
ServiceLook LookAtService(MailSystem& mail);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_APP_SERVICE_LOOK_H_
