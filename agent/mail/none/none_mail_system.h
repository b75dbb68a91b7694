// A host without a mail system. Its agent serves as a vantage: it can probe others, and nothing
// else.
#ifndef MAILQUENCH_AGENT_MAIL_NONE_NONE_MAIL_SYSTEM_H_
#define MAILQUENCH_AGENT_MAIL_NONE_NONE_MAIL_SYSTEM_H_

#include <vector>

#include "agent/mail/mail_system.h"

namespace mailquench::agent {

// Every call but Inspect and Probe is kUnimplemented/NO_MAIL_SYSTEM. Thread-safe.
class NoneMailSystem final : public MailSystem {
 public:
  absl::StatusOr<Inventory> Inspect() override;
  absl::StatusOr<v1::ServiceStatusResult> Status(const InstanceNames& instances) override;
  absl::StatusOr<v1::ServiceStopResult> Stop(const InstanceNames& instances,
                                             const CallContext& context) override;
  absl::StatusOr<v1::ServiceStartResult> Start(const InstanceNames& instances,
                                               const CallContext& context) override;
  absl::StatusOr<v1::QueueSurveyResult> Survey(const InstanceNames& instances,
                                               const CallContext& context) override;
  absl::StatusOr<std::int64_t> CountQueued(const InstanceNames& instances) override;
  absl::StatusOr<v1::QueueQuarantineResult> Quarantine(const v1::QueueQuarantine& request,
                                                       const CallContext& context) override;
  absl::StatusOr<v1::QuarantineAnalyseResult> PreviewQuarantine(
      const v1::QueueQuarantine& request, const CallContext& context) override;
  absl::StatusOr<v1::QuarantineListResult> ListQuarantines() override;
  absl::StatusOr<v1::QuarantineAnalyseResult> Analyse(const v1::QuarantineAnalyse& request,
                                                      const CallContext& context) override;
  absl::StatusOr<v1::QuarantineReleaseResult> Release(const v1::QuarantineRelease& request,
                                                      const CallContext& context) override;
  absl::StatusOr<v1::QuarantineDiscardResult> Discard(const v1::QuarantineDiscard& request,
                                                      const CallContext& context) override;
  absl::StatusOr<v1::QuarantineMoveResult> PreviewMove(const v1::QuarantineMove& request) override;
  absl::StatusOr<v1::QuarantineMoveResult> Move(const v1::QuarantineMove& request,
                                                const CallContext& context) override;
  absl::StatusOr<SettingsChange> PlanRelayLock(const v1::RelayLock& request) override;
  absl::StatusOr<SettingsChange> PlanNdrSilence(const v1::NdrSilence& request) override;
  absl::StatusOr<SettingsChange> PlanSenderBlock(const v1::SenderBlock& request) override;
  absl::StatusOr<SettingsChange> PlanSenderUnblock(const v1::SenderUnblock& request) override;
  absl::StatusOr<RestorePlan> PlanRestore(const std::vector<v1::Setting>& settings,
                                          const std::vector<v1::RestoreDecision>& decisions,
                                          const std::vector<v1::Setting>& staying) override;
  absl::Status Apply(const SettingsChange& change, const CallContext& context) override;
  absl::Status VerifyLocked(const v1::RelayLock& request) override;
  absl::StatusOr<ReadLog> ReadDeliveryReplies(absl::Time since,
                                              const ReplyVisitor& visit,
                                              const CallContext& context) override;
  // Of explicit targets only: kUnimplemented/NO_MAIL_SYSTEM where there are none, because this host
  // has no listeners.
  absl::StatusOr<v1::RelayProbeResult> Probe(const v1::RelayProbe& request,
                                             const CallContext& context) override;
};

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_MAIL_NONE_NONE_MAIL_SYSTEM_H_
