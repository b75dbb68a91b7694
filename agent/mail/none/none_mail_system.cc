#include "agent/mail/none/none_mail_system.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "agent/mail/smtp/probe.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
// All operations that a mail system could serve but for the probe.
constexpr const char* kOperations[] = {
    "service.status",     "service.stop",     "service.start",
    "queue.survey",       "queue.quarantine", "quarantine.list",
    "quarantine.analyse", "quarantine.scan",  "quarantine.release",
    "quarantine.discard", "relay.lock",       "ndr.silence",
    "sender.block",       "sender.unblock",   "restore",
    "queue.watch",        "contain",          "quarantine.move",
    "mail.blockers",      "egress.set"};
constexpr char kReason[] = "this host has no mail system";

absl::Status NoMailSystem(const char* what) {
  return Error(absl::StatusCode::kUnimplemented, "NO_MAIL_SYSTEM",
               absl::StrCat("cannot ", what, ": ", kReason,
                            "; nothing was done; its agent only probes the relays of others"));
}
}  // namespace

absl::StatusOr<Inventory> NoneMailSystem::Inspect() {
  Inventory inventory;
  inventory.platform = "none";
  for (const char* operation : kOperations) {
    v1::Capability& capability = inventory.capabilities.emplace_back();
    capability.set_operation(operation);
    capability.set_reason(kReason);
  }
  v1::Capability& probe = inventory.capabilities.emplace_back();
  probe.set_operation("relay.probe");
  probe.set_available(true);
  return inventory;
}

absl::StatusOr<v1::ServiceStatusResult> NoneMailSystem::Status(const InstanceNames&) {
  return NoMailSystem("tell the status of the service");
}

absl::StatusOr<v1::ServiceStopResult> NoneMailSystem::Stop(const InstanceNames&,
                                                           const CallContext&) {
  return NoMailSystem("stop the service");
}

absl::StatusOr<v1::ServiceStartResult> NoneMailSystem::Start(const InstanceNames&,
                                                             const CallContext&) {
  return NoMailSystem("start the service");
}

absl::StatusOr<v1::QueueSurveyResult> NoneMailSystem::Survey(const InstanceNames&,
                                                             const CallContext&) {
  return NoMailSystem("survey the queue");
}

absl::StatusOr<std::int64_t> NoneMailSystem::CountQueued(const InstanceNames&) {
  return NoMailSystem("count the queue");
}

absl::StatusOr<v1::QueueQuarantineResult> NoneMailSystem::Quarantine(const v1::QueueQuarantine&,
                                                                     const CallContext&) {
  return NoMailSystem("set mail aside");
}

absl::StatusOr<v1::QuarantineAnalyseResult> NoneMailSystem::PreviewQuarantine(
    const v1::QueueQuarantine&, const CallContext&) {
  return NoMailSystem("preview a quarantine");
}

absl::StatusOr<v1::QuarantineListResult> NoneMailSystem::ListQuarantines() {
  return NoMailSystem("list quarantines");
}

absl::StatusOr<v1::QuarantineAnalyseResult> NoneMailSystem::Analyse(const v1::QuarantineAnalyse&,
                                                                    const CallContext&) {
  return NoMailSystem("analyse a quarantine");
}

absl::StatusOr<v1::QuarantineReleaseResult> NoneMailSystem::Release(const v1::QuarantineRelease&,
                                                                    const CallContext&) {
  return NoMailSystem("release a quarantine");
}

absl::StatusOr<v1::QuarantineDiscardResult> NoneMailSystem::Discard(const v1::QuarantineDiscard&,
                                                                    const CallContext&) {
  return NoMailSystem("discard a quarantine");
}

absl::StatusOr<v1::QuarantineMoveResult> NoneMailSystem::PreviewMove(const v1::QuarantineMove&) {
  return NoMailSystem("move a quarantine");
}

absl::StatusOr<v1::QuarantineMoveResult> NoneMailSystem::Move(const v1::QuarantineMove&,
                                                              const CallContext&) {
  return NoMailSystem("move a quarantine");
}

absl::StatusOr<SettingsChange> NoneMailSystem::PlanRelayLock(const v1::RelayLock&) {
  return NoMailSystem("lock the relay");
}

absl::StatusOr<SettingsChange> NoneMailSystem::PlanNdrSilence(const v1::NdrSilence&) {
  return NoMailSystem("silence notifications");
}

absl::StatusOr<SettingsChange> NoneMailSystem::PlanSenderBlock(const v1::SenderBlock&) {
  return NoMailSystem("block a sender");
}

absl::StatusOr<SettingsChange> NoneMailSystem::PlanSenderUnblock(const v1::SenderUnblock&) {
  return NoMailSystem("unblock a sender");
}

absl::StatusOr<RestorePlan> NoneMailSystem::PlanRestore(const std::vector<v1::Setting>&,
                                                        const std::vector<v1::RestoreDecision>&,
                                                        const std::vector<v1::Setting>&) {
  return NoMailSystem("restore settings");
}

absl::Status NoneMailSystem::Apply(const SettingsChange&, const CallContext&) {
  return NoMailSystem("change settings");
}

absl::Status NoneMailSystem::VerifyLocked(const v1::RelayLock&) {
  return NoMailSystem("verify a lock");
}

absl::StatusOr<ReadLog> NoneMailSystem::ReadDeliveryReplies(absl::Time,
                                                            const ReplyVisitor&,
                                                            const CallContext&) {
  return NoMailSystem("read the mail log");
}

absl::StatusOr<v1::RelayProbeResult> NoneMailSystem::Probe(const v1::RelayProbe& request,
                                                           const CallContext& context) {
  if (request.targets().empty()) return NoMailSystem("probe its own listeners");
  return ProbeTargets(request, context);
}

}  // namespace mailquench::agent
