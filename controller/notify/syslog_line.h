// A notice as one line of RFC 5424.
#ifndef MAILQUENCH_CONTROLLER_NOTIFY_SYSLOG_LINE_H_
#define MAILQUENCH_CONTROLLER_NOTIFY_SYSLOG_LINE_H_

#include <map>
#include <string>

#include "controller/notify/notices.h"
#include "mailquench/v1/escalation.pb.h"

namespace mailquench::controller {

// Names of facilities and their numbers (RFC 5424, 6.2.1).
const std::map<std::string, int>& SyslogFacilities();

// At most `limit` bytes, no line end, no control character.
std::string SyslogLine(const ChannelConfig& channel, const v1::Notice& notice, std::size_t limit);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_NOTIFY_SYSLOG_LINE_H_
