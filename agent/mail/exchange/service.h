// Stopping and starting Transport: the services in their order, with Managed Availability kept off.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_SERVICE_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_SERVICE_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/mail/exchange/components.h"
#include "agent/mail/exchange/installation.h"
#include "agent/mail/exchange/recovery_hold.h"
#include "agent/mail/mail_system.h"
#include "agent/os/service_manager.h"

namespace mailquench::agent::exchange {

inline constexpr char kTransport[] = "MSExchangeTransport";
inline constexpr char kFrontEnd[] = "MSExchangeFrontEndTransport";  // None on an Edge server.

struct ServiceOptions {
  // Holds "exchange-recovery", what Managed Availability was kept off by, "exchange-dependents",
  // the services that were stopped with Transport and go on with it, and "exchange-inactive", the
  // components that others held inactive before the stop.
  std::string state_directory;
  absl::Duration settle = absl::Seconds(2);  // So long they must stay stopped to count as stopped.
  absl::Duration between_looks = absl::Milliseconds(250);
  absl::Duration call_wait = absl::Minutes(1);  // Of one call of the shell.
  absl::Duration hold_wait =
      absl::Seconds(15);  // Of all calls before a stop, which waits for them.
  absl::Duration lift_wait = absl::Seconds(10);  // Of one who only looks after a forgotten hold.
  absl::Duration other_wait = absl::Minutes(1);  // For each service that stops before Transport.
  absl::Duration ready_wait = absl::Minutes(2);  // For the listeners after a start.
};

// Where this server listens: "192.0.2.1:25".
using ListListeners = std::function<absl::StatusOr<std::vector<std::string>>()>;

// Calls block. What only looks may be called at any time, the others by one at a time.
class TransportService {
 public:
  // What it is given outlives it.
  TransportService(ServiceManager& services,
                   Shell& shell,
                   Installation installation,
                   ListListeners listeners,
                   ServiceOptions options);

  // Whether anything of it may still work: also while it starts or stops. A host without it is
  // kFailedPrecondition/NO_SERVICE.
  absl::StatusOr<bool> Runs();

  // HubTransport is not drained: that is for handing queues over in peace, and would deliver what
  // this is to hold. Where the shell cannot be had it stops all the same, and says what was not
  // done; and so it does where a service that stops before it hangs: that is the error then, at the
  // end. Errors: kDeadlineExceeded/SERVICE_STOP_TIMED_OUT, kAborted/SERVICE_CAME_BACK (somebody
  // starts it again, twice), kFailedPrecondition/SERVICE_REFUSES_STOP, /DEPENDENTS_RUNNING.
  absl::Status Stop(const CallContext& context);

  // A success takes mail: its components are active, and no listener says 4.3.2. What others hold
  // inactive stays so, and where they did before the stop, too, it is no error. Errors, with the
  // services running: kFailedPrecondition/COMPONENT_INACTIVE, /LISTENER_DEAD; those of
  // ServiceManager::Start().
  absl::Status Start(const CallContext& context);

  // Where an earlier call was cut short between a hold and its stop: lifts what is held while
  // Transport runs. Not to be called while anybody changes this host. Quick where nothing is held.
  void LiftForgotten();
  bool IsHeld() const { return hold_.IsHeld(); }

  // Of mail flow; empty where the shell does not answer.
  std::vector<Component> Components();

 private:
  std::vector<std::string> Names() const;  // In the order in which they are started.
  absl::StatusOr<ServiceState> State(const std::string& name);
  absl::Status StopAll(const CallContext& context);
  absl::Status StopRound(const CallContext& context);
  absl::Status StopOne(const std::string& name, absl::Time deadline, const CallContext& context);
  absl::Status StopDependents(const CallContext& context);
  absl::Status HoldOff(const CallContext& context);
  std::vector<std::string> Inactive(const std::vector<Component>& all) const;
  std::string DependentsFile() const;
  absl::StatusOr<bool> StaysStopped();
  // Whether it takes as little mail as before the stop, since others hold it inactive.
  absl::StatusOr<bool> CheckComponents(const CallContext& context);
  absl::Status CheckListeners(const CallContext& context);
  absl::Time CallDeadline(const CallContext& context) const;

  ServiceManager& services_;
  Shell& shell_;
  const Installation installation_;
  const ListListeners listeners_;
  const ServiceOptions options_;
  const std::string inactive_file_;
  RecoveryHold hold_;
};

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_SERVICE_H_
