// What people are told of the controller's own signals.
#ifndef MAILQUENCH_CONTROLLER_ESCALATION_OWN_NOTICE_H_
#define MAILQUENCH_CONTROLLER_ESCALATION_OWN_NOTICE_H_

#include <string>
#include <vector>

#include "mailquench/v1/escalation.pb.h"

namespace mailquench::controller {

// The kind of notice for an alert of the own watch; empty: people are not told.
std::string KindOfOwnNotice(const std::string& alertname);

// One notice for alerts of one name; at least one. Of many it names ten and counts the rest; its id
// is the same for the same alerts, in whatever order.
v1::Notice OwnNotice(const std::vector<v1::Alert>& alerts);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_ESCALATION_OWN_NOTICE_H_
