// The settings that contain abuse: locks, blocks, and the way back. Every Plan computes; only
// ApplySettings() writes. Plain calls that block; not thread-safe against each other on one host.
#ifndef MAILQUENCH_AGENT_MAIL_SMTPSVC_SETTINGS_OPS_H_
#define MAILQUENCH_AGENT_MAIL_SMTPSVC_SETTINGS_OPS_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/mail/mail_system.h"
#include "agent/mail/smtpsvc/metabase.h"
#include "agent/mail/smtpsvc/virtual_servers.h"
#include "agent/os/service_manager.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench::agent::smtpsvc {

// Where Exchange 2000 or 2003 is installed, its System Attendant copies these settings from the
// directory into the metabase every 15 minutes (DS2MB): what is written here would be gone soon.
// Error: kFailedPrecondition/DS2MB.
absl::Status RefuseUnderExchange(ServiceManager& services);

// Nobody relays by his address, or those who are listed; and, but for "authenticated only", nobody
// by a login either: RelayForAuth 0, and AuthFlags 1 (anonymous alone, so that mail for own domains
// still comes in) where anonymous sessions are taken now. Errors: kInvalidArgument/BAD_CLIENT,
// /NO_MODE, those of the metabase.
absl::StatusOr<SettingsChange> PlanLock(Metabase& metabase,
                                        const std::vector<VirtualServer>& servers,
                                        const v1::RelayLock& request);

// kFailedPrecondition/LOCK_NOT_VERIFIED names the server and the setting.
absl::Status VerifyLock(Metabase& metabase,
                        const std::vector<VirtualServer>& servers,
                        const v1::RelayLock& request);

// Whether IIS lets nobody relay by his address alone; nullopt is "nobody" (B3).
bool GrantsNobody(const std::optional<IpSecurity>& list);

// See MailSystem::PlanEgress(). Errors: those of ReadEgressRequest() and CheckOwnAddresses();
// kUnimplemented/NO_SOURCE_ADDRESS, /NO_SMARTHOST_PORT (there is no such setting); those of the
// metabase.
absl::StatusOr<SettingsChange> PlanWayOut(Metabase& metabase,
                                          const std::vector<VirtualServer>& servers,
                                          const v1::EgressSet& request,
                                          const std::vector<std::string>& own_addresses);

// A client may not connect any more, or may again. Errors: kInvalidArgument/BAD_CLIENT,
// /NOBODY_NAMED; kUnimplemented/NO_SUCH_BLOCK (accounts, local users);
// kFailedPrecondition/ACCESS_LIST_GRANTS (only listed clients may connect, and a wider entry holds
// this one).
absl::StatusOr<SettingsChange> PlanBlock(Metabase& metabase,
                                         const std::vector<VirtualServer>& servers,
                                         const v1::SenderBlock& request);
absl::StatusOr<SettingsChange> PlanUnblock(Metabase& metabase,
                                           const std::vector<VirtualServer>& servers,
                                           const v1::SenderUnblock& request);

// See MailSystem::PlanRestore() and Drifted().
absl::StatusOr<RestorePlan> PlanPutBack(Metabase& metabase,
                                        const std::vector<VirtualServer>& all,
                                        const std::vector<v1::Setting>& settings,
                                        const std::vector<v1::RestoreDecision>& decisions);
absl::StatusOr<std::vector<v1::Setting>> FindDrifted(Metabase& metabase,
                                                     const std::vector<VirtualServer>& all,
                                                     const std::vector<v1::Setting>& recorded);

// Writes each setting and reads it again; asks `verify` at the end (a dialogue with the listeners
// of what runs). Repeated after a crash it goes on where it was. Errors: kAborted/CHANGED_MEANWHILE
// (nothing overwritten), kAborted/ROLLED_BACK (all is as it was), kInternal/ROLLBACK_FAILED (the
// sentence names what is not).
absl::Status ApplySettings(Metabase& metabase,
                           const SettingsChange& change,
                           const std::function<absl::Status()>& verify);

}  // namespace mailquench::agent::smtpsvc

#endif  // MAILQUENCH_AGENT_MAIL_SMTPSVC_SETTINGS_OPS_H_
