// The settings that contain abuse: locks, silence, blocks, and the way back. Every Plan computes;
// only Apply writes. Plain calls that block; not thread-safe against each other on the same host.
#ifndef MAILQUENCH_AGENT_MAIL_POSTFIX_SETTINGS_OPS_H_
#define MAILQUENCH_AGENT_MAIL_POSTFIX_SETTINGS_OPS_H_

#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/mail/mail_system.h"
#include "agent/mail/postfix/instance.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench::agent::postfix {

// What Apply needs of the service, all three required.
struct ServiceHooks {
  std::function<absl::StatusOr<bool>(const Instance&)> is_running;
  std::function<absl::Status(const Instance&)> reload;
  // A real dialogue on every listener of the instance; an error means that the settings do not
  // work.
  std::function<absl::Status(const Instance&)> dialogue;
};

// Closes the door to strangers on every listener that is no re-injection listener of a content
// filter; those get what they need of the old settings as overrides of their own. A mynetworks that
// trusts strangers is replaced as well, as a setting of its own, so that it can be kept as fix when
// the rest is restored. Errors: kInvalidArgument/BAD_CLIENT, /NO_MODE;
// kFailedPrecondition/POSTFIX_TOO_OLD (before 2.10), /POSTCONF_FAILED.
absl::StatusOr<SettingsChange> PlanRelayLock(const std::vector<Instance>& instances,
                                             const v1::RelayLock& request);
// Notifications that this host makes go to the hold queue. Errors:
// kFailedPrecondition/POSTCONF_FAILED.
absl::StatusOr<SettingsChange> PlanNdrSilence(const std::vector<Instance>& instances,
                                              const v1::NdrSilence& request);
// Also what single services of master.cf say otherwise; a content filter on loopback is spoken to
// as before. Errors: those of ReadEgressRequest() and CheckOwnAddresses(); kFailedPrecondition/
// FAMILY_NOT_USED (inet_protocols lets no instance send from it), /POSTCONF_FAILED.
absl::StatusOr<SettingsChange> PlanEgress(const std::vector<Instance>& instances,
                                          const v1::EgressSet& request,
                                          const std::vector<std::string>& own_addresses);
// Errors: kInvalidArgument/BAD_NAME, /BAD_CLIENT, /NOBODY_NAMED;
// kFailedPrecondition/POSTFIX_TOO_OLD.
absl::StatusOr<SettingsChange> PlanSenderBlock(const std::vector<Instance>& instances,
                                               const v1::SenderBlock& request);
absl::StatusOr<SettingsChange> PlanSenderUnblock(const std::vector<Instance>& instances,
                                                 const v1::SenderUnblock& request);
// `settings`: what the outstanding snapshots recorded, the oldest first. Of several records of one
// setting the oldest `before` is put back, and the newest `after` is what must be found now.
// Errors: kInvalidArgument/NO_REASON (a decision without one), kNotFound/UNKNOWN_INSTANCE.
// See MailSystem::Drifted().
absl::StatusOr<std::vector<v1::Setting>> Drifted(const std::vector<Instance>& instances,
                                                 const std::vector<v1::Setting>& recorded);
absl::StatusOr<RestorePlan> PlanRestore(const std::vector<Instance>& instances,
                                        const std::vector<v1::Setting>& settings,
                                        const std::vector<v1::RestoreDecision>& decisions,
                                        const std::vector<v1::Setting>& staying = {});

// Validates the candidate, writes it, makes running instances take it. Repeated after a crash it
// goes on where it was. Errors: kFailedPrecondition/CANDIDATE_REFUSED (nothing written),
// kAborted/CHANGED_MEANWHILE (nothing overwritten), kAborted/ROLLED_BACK (all files are as they
// were), kInternal/ROLLBACK_FAILED (the sentence names what is not).
absl::Status Apply(const SettingsChange& change,
                   const std::vector<Instance>& instances,
                   const ServiceHooks& hooks,
                   const CallContext& context);

// Errors: kFailedPrecondition/LOCK_NOT_VERIFIED, naming the listener and the value;
// /CANDIDATE_REFUSED where smtpd would not start.
absl::Status VerifyLocked(const std::vector<Instance>& instances, const v1::RelayLock& request);

// Ends the sessions that began before a block: sends SIGTERM to the smtpd processes that this
// instance's master started. Returns how many. An instance that is not running has none.
absl::StatusOr<int> KillOldSessions(const Instance& instance);

}  // namespace mailquench::agent::postfix

#endif  // MAILQUENCH_AGENT_MAIL_POSTFIX_SETTINGS_OPS_H_
