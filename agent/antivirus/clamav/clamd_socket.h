// The way to clamd: a connection to who really is it, and one answer.
#ifndef MAILQUENCH_AGENT_ANTIVIRUS_CLAMAV_CLAMD_SOCKET_H_
#define MAILQUENCH_AGENT_ANTIVIRUS_CLAMAV_CLAMD_SOCKET_H_

#include <atomic>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "agent/antivirus/clamav/clamd_config.h"
#include "common/os/socket.h"

namespace mailquench::agent::clamav {

constexpr int kClamdLookMs = 250;  // How often a wait looks whether it is still wanted.

// kUnavailable/CLAMD_AWAY
absl::Status ClamdAway(const ClamdConfig& config, absl::string_view why);

// Errors: CLAMD_AWAY; kPermissionDenied/NOT_CLAMD: who listens at the Unix socket is neither root,
// nor clamd's own user, nor ours.
absl::StatusOr<os::Socket> ConnectToClamd(const ClamdConfig& config);

// Readable or writable, as `events` says; 0 at the end of the time, less where it fails.
int WaitFor(const os::Socket& socket, short events, int timeout_ms);

// Up to the zero byte that ends it, without it; at most 4 KiB. Nothing more is ever under way: one
// question at a time. `stop` may be null. Errors: CLAMD_AWAY, kCancelled.
absl::StatusOr<std::string> ReadClamdReply(const os::Socket& socket,
                                           const ClamdConfig& config,
                                           absl::Time until,
                                           const std::atomic<bool>* stop);

// One command, "PING", and its whole answer. Errors: those of both.
absl::StatusOr<std::string> AskClamd(const ClamdConfig& config,
                                     absl::string_view command,
                                     absl::Duration timeout);

}  // namespace mailquench::agent::clamav

#endif  // MAILQUENCH_AGENT_ANTIVIRUS_CLAMAV_CLAMD_SOCKET_H_
