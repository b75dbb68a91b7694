// The parts of `mailquench-agent service`.
#ifndef MAILQUENCH_AGENT_APP_SERVICE_WINDOWS_H_
#define MAILQUENCH_AGENT_APP_SERVICE_WINDOWS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace mailquench::agent {

inline constexpr char kServiceName[] = "MailquenchAgent";  // Unless --name says otherwise.

// What administrators filter by.
enum EventId { kEventStarted = 1, kEventEnded = 2, kEventTrouble = 3 };

struct ServiceFlags {
  std::string name = kServiceName;
  std::string state_dir;
  std::string controller;
  std::string from;
  std::string sha256;
  int within = 60;  // s
  bool force = false;
};

// From now on spdlog's lines go to STATE_DIR\agent.log, of which five of 10 MiB are kept, and those
// that are critical (an alarm among them) to the event log too. No console is written to.
absl::Status LogAsService(const std::string& state_dir, const std::string& service);

// The command of a service that `mailquench-agent service install` has made under that name.
// Errors: kFailedPrecondition/NOT_AN_AGENT (another one; nothing was done to it), those of
// CommandOfService().
absl::StatusOr<std::vector<std::string>> CheckOurs(const std::string& service);

// Each returns the exit code, having said on stderr what went wrong.
int RunServiceCommand(const ServiceFlags& flags);      // By the service manager alone.
int UpgradeServiceCommand(const ServiceFlags& flags);  // 0 upgraded, 2 returned, 1 not done.

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_APP_SERVICE_WINDOWS_H_
