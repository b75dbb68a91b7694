// Starts, stops and reloads one Postfix instance, and tells whether it runs. What counts is the
// lock that master(8) holds on pid/master.pid, never what a service manager believes.
#ifndef MAILQUENCH_AGENT_MAIL_POSTFIX_SERVICE_H_
#define MAILQUENCH_AGENT_MAIL_POSTFIX_SERVICE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/mail/mail_system.h"
#include "agent/mail/postfix/instance.h"

namespace mailquench::agent::postfix {

// True while a master holds the instance's lock. Errors: kPermissionDenied and others of open(2).
absl::StatusOr<bool> IsRunning(const Instance& instance);

// Ends the instance and returns when its master's lock is gone and no process of its group is left.
// Already ended is OK. Progress every second. The master is told by signal, which takes
// milliseconds; what postfix-script would do instead sleeps whole seconds. Where systemd runs the
// instance it is told too, so that it does not call it a failure. Processes that are left 5 s after
// the signal are killed, as postfix-script does. Errors: kDeadlineExceeded/STOP_TIMED_OUT (it may
// end later), kInternal/STOP_FAILED.
absl::Status StopInstance(const Instance& instance, const CallContext& context);

// The same for several: all are told before one is waited for. Returns the first error when all
// others have ended.
absl::Status StopInstances(const std::vector<Instance>& instances, const CallContext& context);

// Starts the instance and returns when its master holds the lock and every TCP listener accepts.
// Already running is OK. Errors: kDeadlineExceeded/START_TIMED_OUT,
// kFailedPrecondition/START_FAILED (with what Postfix said).
absl::Status StartInstance(const Instance& instance, const CallContext& context);

// Makes a running instance read its settings. New sessions see them; sessions that are open keep
// the old ones. Errors: kFailedPrecondition/NOT_RUNNING, kFailedPrecondition/RELOAD_FAILED.
// `sessions_left`, where given: sessions that began before and go on. Never end those by a signal:
// master pauses the whole service for a minute when an smtpd dies in its first session. Stop and
// start the instance instead.
absl::Status ReloadInstance(const Instance& instance,
                            const CallContext& context,
                            bool* sessions_left = nullptr);

// "address:port" of every TCP listener of master.cf that is not disabled, as this host can reach
// it: a wildcard is 127.0.0.1 (or [::1] where only IPv6 is on). Services that cannot be resolved to
// a port are left out.
absl::StatusOr<std::vector<std::string>> TcpListeners(const Instance& instance);

}  // namespace mailquench::agent::postfix

#endif  // MAILQUENCH_AGENT_MAIL_POSTFIX_SERVICE_H_
