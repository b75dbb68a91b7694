// A new version of the agent in the place of the one that runs as a service, and back again where
// the new one does not reach its controller. Killed at any point, the same command completes or
// undoes what was begun: the programs' SHA-256 say how far it came, and STATE_DIR/upgrade in which
// direction and with which new program. A command with another program first ends what was begun.
#ifndef MAILQUENCH_AGENT_APP_UPGRADE_H_
#define MAILQUENCH_AGENT_APP_UPGRADE_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/os/service_manager.h"

namespace mailquench::agent {

struct UpgradeOptions {
  std::string service;
  std::string program;    // What the service runs. Beside it: .new, .previous, .failed.
  std::string state_dir;  // The service's.
  std::string from;       // The new program; stays where it is.
  std::string sha256;     // What it must have, in hexadecimal; "" where that is not asked for.
  absl::Duration connect_within = absl::Seconds(60);  // Of the new one's start.
  absl::Duration stop_within = absl::Minutes(10);     // A change that goes on is waited for.
  // Whether a program is one that runs here. Given the full path.
  std::function<absl::Status(const std::string&)> check;
  std::function<void(const std::string&)> say;
};

enum class UpgradeOutcome {
  kUpgraded,
  kReturned,  // The old program runs again: the new one did not start, or not reach its controller.
};

// kUpgraded too where the service has that very program already. Errors: those before anything was
// changed (kFailedPrecondition/OTHER_PROGRAM, NEW_PROGRAM_UNFIT, BAD_MARKER); and such after which
// the service may be stopped, which say so: the same command goes on from there.
absl::StatusOr<UpgradeOutcome> Upgrade(const UpgradeOptions& options, ServiceManager& services);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_APP_UPGRADE_H_
