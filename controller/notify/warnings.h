// What is allowed in section `notifications` and may leave people untold.
#ifndef MAILQUENCH_CONTROLLER_NOTIFY_WARNINGS_H_
#define MAILQUENCH_CONTROLLER_NOTIFY_WARNINGS_H_

#include <string>
#include <vector>

#include "controller/notify/notices.h"
#include "mailquench/v1/fleet.pb.h"

namespace mailquench::controller {

// Sentences, each with what to do instead. `hosts`: the fleet, as far as it is known.
std::vector<std::string> NotificationWarnings(const NotifyOptions& options,
                                              const std::vector<v1::Host>& hosts);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_NOTIFY_WARNINGS_H_
