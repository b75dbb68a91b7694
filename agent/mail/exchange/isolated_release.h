// Messages out of a whole database that is set aside. Transport sends all of a database as soon as
// it starts, so it opens a copy of it on a host that is cut off, and that is proven first; what
// matches is lifted out as files, and the present queue comes back. The database itself is never
// started and stays as it is.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_ISOLATED_RELEASE_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_ISOLATED_RELEASE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/mail/exchange/installation.h"
#include "agent/mail/exchange/isolation_checks.h"
#include "agent/mail/exchange/isolation_probe.h"
#include "agent/mail/exchange/isolation_record.h"
#include "agent/mail/exchange/isolation_rules.h"
#include "agent/mail/exchange/lift.h"
#include "agent/mail/exchange/service.h"
#include "agent/mail/exchange/transport_paths.h"
#include "agent/mail/mail_system.h"
#include "agent/os/service_manager.h"

namespace mailquench::agent::exchange {

inline constexpr char kIsolationCaveat[] =
    "the isolation of a host was never tried on a real Exchange server";

struct IsolationOptions {
  std::string file;  // What is to be undone.
  ProbeOptions probe;
  absl::Duration undo_wait = absl::Minutes(15);  // For the end, whatever the command's deadline.
};

// Calls block; one at a time.
class IsolatedRelease {
 public:
  // What it is given outlives it.
  IsolatedRelease(const Installation& installation,
                  Shell& shell,
                  ServiceManager& services,
                  TransportService& transport,
                  QueueOptions queue,
                  IsolationOptions options);

  // Of a call that was cut short; "" where there is none.
  std::string WhyCutOff() const;

  // Transport runs before and after, also after an error, unless that says otherwise. Errors:
  // kFailedPrecondition/SHADOW_REDUNDANCY, /ISOLATION_NOT_PROVEN, /NO_FIREWALL, /NO_ROOM,
  // /REPLAY_OFF, those of the shell, of the services, of LiftMessages();
  // STILL_CUT_OFF: the isolation could not be ended, and the next call tries again.
  absl::StatusOr<Lifted> Lift(const TransportPaths& paths,
                              const OpenQuarantine& open,
                              const v1::MessageFilter& filter,
                              const CallContext& context);

  // Ends what a call that was cut short has left. Transport is stopped after it where that had
  // stopped it: whoever calls this starts it; *stopped says so. kUnavailable/STILL_CUT_OFF.
  absl::Status Undo(const TransportPaths& paths, const CallContext& context, bool* stopped);

 private:
  absl::StatusOr<Lifted> Run(const TransportPaths& paths,
                             const OpenQuarantine& open,
                             const v1::MessageFilter& filter,
                             const WayOut& way_out,
                             IsolationRecord& record,
                             const CallContext& context);
  absl::Status UndoAll(const TransportPaths& paths, const CallContext& context, bool* stopped);
  absl::Status CheckCutOff(const CallContext& context);
  absl::Status StartAlone(IsolationRecord& record, const CallContext& context);
  absl::Status SaveAndStop(const OpenQuarantine& open,
                           IsolationRecord& record,
                           const CallContext& context);
  std::vector<std::string> Deliverers() const;
  CallContext Patient(const CallContext& context) const;

  const Installation& installation_;
  Shell& shell_;
  ServiceManager& services_;
  TransportService& transport_;
  const QueueOptions queue_;
  const IsolationOptions options_;
  IsolationRules rules_;
};

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_ISOLATED_RELEASE_H_
