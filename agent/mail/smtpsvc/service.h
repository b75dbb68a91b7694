// Stopping and starting: the one Windows service SMTPSVC with all its virtual servers, or a virtual
// server by itself.
#ifndef MAILQUENCH_AGENT_MAIL_SMTPSVC_SERVICE_H_
#define MAILQUENCH_AGENT_MAIL_SMTPSVC_SERVICE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/mail/mail_system.h"
#include "agent/mail/smtpsvc/metabase.h"
#include "agent/mail/smtpsvc/virtual_servers.h"
#include "agent/os/service_manager.h"

namespace mailquench::agent::smtpsvc {

struct ServiceOptions {
  // Holds "smtpsvc-dependents": the services that were stopped with SMTPSVC and go on with it;
  // and "smtpsvc-autostart", see auto_start.h. Empty: not written down; then a crash in between
  // leaves them stopped.
  std::string state_directory;
  absl::Duration settle = absl::Seconds(2);  // So long it must stay stopped to count as stopped.
  absl::Duration between_looks = absl::Milliseconds(250);
  absl::Duration server_wait = absl::Minutes(5);  // For one virtual server to change its state.
};

// Plain calls that block. What only looks may be called at any time, the others by one at a time.
class SmtpService {
 public:
  // The references outlive it.
  SmtpService(ServiceManager& services, Metabase& metabase, ServiceOptions options)
      : services_(services), metabase_(metabase), options_(std::move(options)) {}

  // Whether anything of it may still work: also while it starts or stops. A host without it is
  // kFailedPrecondition/NO_SERVICE.
  absl::StatusOr<bool> ServiceRuns();
  // As many as `servers`.
  absl::StatusOr<std::vector<bool>> Running(const std::vector<VirtualServer>& servers);

  // All virtual servers of the host: stops the service, its dependents before it. Others: each by
  // itself. Errors: kDeadlineExceeded/SERVICE_STOP_TIMED_OUT, kAborted/SERVICE_CAME_BACK (somebody
  // starts it again, twice), kFailedPrecondition/SERVICE_REFUSES_STOP, /DEPENDENTS_RUNNING.
  absl::Status Stop(const std::vector<VirtualServer>& servers,
                    bool all,
                    const CallContext& context);

  // Starts the service and of its virtual servers those that are named; others are kept from being
  // started with it (ServerAutoStart, put back after), and stopped where one starts all the same.
  // Errors: kFailedPrecondition/BAD_DIRECTORY (the service would not start a server whose queue
  // folder is missing; nothing was started), /SERVICE_DISABLED, kAborted/SERVICE_ENDED,
  // /SERVER_NOT_STARTED, kDeadlineExceeded/SERVICE_START_TIMED_OUT.
  absl::Status Start(const std::vector<VirtualServer>& servers, const CallContext& context);

 private:
  absl::StatusOr<ServiceState> State();
  absl::Status StopService(const std::vector<VirtualServer>& servers, const CallContext& context);
  absl::Status StopDependents(const CallContext& context);
  absl::StatusOr<bool> StaysStopped();
  absl::StatusOr<std::vector<VirtualServer>> OthersThan(const std::vector<VirtualServer>& servers);
  absl::Status StopOthers(const std::vector<VirtualServer>& servers, const CallContext& context);
  absl::Status StopServer(const VirtualServer& server, const CallContext& context);
  absl::Status StartServer(const VirtualServer& server, const CallContext& context);
  absl::Status Command(const VirtualServer& server, std::uint32_t command);
  absl::StatusOr<bool> WaitForState(const VirtualServer& server,
                                    VirtualServerState wanted,
                                    const CallContext& context,
                                    const char* doing);
  std::string DependentsFile() const;

  ServiceManager& services_;
  Metabase& metabase_;
  const ServiceOptions options_;
};

// The name of the service and, for sentences, what it is.
inline constexpr char kService[] = "SMTPSVC";

// What Badmail holds, in words, without counting further than a thousand; "" where it is small.
// The service reads all of them when it stops and starts (KB 555408).
std::string BadmailNotice(const std::vector<VirtualServer>& servers);

}  // namespace mailquench::agent::smtpsvc

#endif  // MAILQUENCH_AGENT_MAIL_SMTPSVC_SERVICE_H_
