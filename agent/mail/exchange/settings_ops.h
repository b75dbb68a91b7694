// The settings that contain abuse on Exchange: locks, silence, blocks, and the way back. Every Plan
// only reads; only Apply() writes. What is asked and what is set is documented in
// office-docs-powershell (exchange-ps) and OfficeDocs-Exchange (mail-flow).
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_SETTINGS_OPS_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_SETTINGS_OPS_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/mail/exchange/installation.h"
#include "agent/mail/exchange/shell.h"
#include "agent/mail/mail_system.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench::agent::exchange {

struct SettingsOptions {
  std::string server;  // Short name: the instance of every setting, too.
  Role role = Role::kMailbox;
  // Hosts with the same one share what is organisation-wide; as in Hello. It is named in the
  // changes that touch such a setting. May be empty on an Edge server.
  std::string organisation;
  absl::Duration call_timeout = absl::Minutes(2);  // Of one call of the shell.
  // A question is asked again for so long while no session can be had, with such a pause.
  absl::Duration unavailable_wait = absl::Minutes(2);
  absl::Duration unavailable_pause = absl::Seconds(2);
  absl::Duration plan_wait = absl::Minutes(5);    // For all questions of a plan together.
  absl::Duration drift_wait = absl::Seconds(20);  // For all of Drifted(), which must be quick.
  // So long a listener is asked again, until it answers and has taken the new settings.
  absl::Duration listener_wait = absl::Minutes(1);
  // This host's numeric addresses; what listens at 0.0.0.0 is asked at each, and at 127.0.0.1.
  std::function<std::vector<std::string>()> own_addresses;
};

// Blocks; not thread-safe: one change at a time on one host. The shell outlives it. All errors of
// Shell may come back from all calls.
class ExchangeSettings {
 public:
  ExchangeSettings(Shell& shell, SettingsOptions options);

  // See MailSystem; `request.instances` is the caller's business. Errors:
  // kInvalidArgument/BAD_CLIENT, /NO_MODE.
  absl::StatusOr<SettingsChange> PlanRelayLock(const v1::RelayLock& request) const;
  // kFailedPrecondition/LOCK_NOT_VERIFIED names the connector and the property, or who may relay by
  // an entry that no lock can take away; /OPEN_DOMAIN: an accepted domain such as "*" makes the
  // world this organisation's own, which is for a person to end. kDataLoss/NO_CONNECTORS,
  // /NO_PERMISSIONS: an empty answer is no proof that nothing is open.
  absl::Status VerifyLocked(const v1::RelayLock& request) const;

  // Organisation-wide. kUnimplemented/ON_MAILBOX_SERVER on a subscribed Edge server, where these
  // are copies.
  absl::StatusOr<SettingsChange> PlanNdrSilence(const v1::NdrSilence& request) const;
  absl::StatusOr<SettingsChange> PlanShadowSuspend(const v1::ShadowSuspend& request) const;

  // Of each enabled send connector that leads to everybody; those of an organisation are of all its
  // servers. Errors: those of ReadEgressRequest() and CheckOwnAddresses();
  // kUnimplemented/NO_SOURCE_ADDRESS (a Mailbox server has no such setting), /ON_MAILBOX_SERVER (a
  // subscribed Edge server); kFailedPrecondition/NO_SEND_CONNECTOR, /SMARTHOST_HAS_LOGIN.
  absl::StatusOr<SettingsChange> PlanEgress(const v1::EgressSet& request) const;

  // An account by a transport rule of the organisation; a client by one, or on an Edge server by
  // the IP Block list. Errors: kInvalidArgument/BAD_CLIENT, /NOBODY_NAMED, /BAD_ACCOUNT;
  // kNotFound/NO_SUCH_ACCOUNT; kUnimplemented/NO_SUCH_BLOCK.
  absl::StatusOr<SettingsChange> PlanSenderBlock(const v1::SenderBlock& request) const;
  absl::StatusOr<SettingsChange> PlanSenderUnblock(const v1::SenderUnblock& request) const;

  absl::StatusOr<RestorePlan> PlanRestore(const std::vector<v1::Setting>& settings,
                                          const std::vector<v1::RestoreDecision>& decisions,
                                          const std::vector<v1::Setting>& staying) const;
  absl::StatusOr<std::vector<v1::Setting>> Drifted(const std::vector<v1::Setting>& recorded) const;

  // One call for each object, which is read before and after; then asks the listeners that answered
  // before, and are still enabled, in a dialogue. Repeated after a crash it goes on where it was.
  // Errors: kAborted/CHANGED_MEANWHILE (nothing overwritten), kAborted/ROLLED_BACK (all is as it
  // was), kInternal/ROLLBACK_FAILED (the sentence names what is not).
  absl::Status Apply(const SettingsChange& change, const CallContext& context) const;

  // Where the enabled receive connectors of this server listen, as targets for a probe.
  absl::StatusOr<std::vector<std::string>> Listeners() const;
  // The accepted domain that makes the world this organisation's own; "": none.
  absl::StatusOr<std::string> OpenDomain() const;

 private:
  Shell& shell_;
  SettingsOptions options_;
};

// Whether a recorded setting is one of the organisation's, not of this server's.
bool IsOrganisationWide(const std::string& setting_key);

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_SETTINGS_OPS_H_
