// The Postfix mail system of a host: instances, service, queue, quarantines, settings and probes
// behind one contract.
#ifndef MAILQUENCH_AGENT_MAIL_POSTFIX_POSTFIX_MAIL_SYSTEM_H_
#define MAILQUENCH_AGENT_MAIL_POSTFIX_POSTFIX_MAIL_SYSTEM_H_

#include <string>
#include <vector>

#include "agent/mail/mail_system.h"
#include "agent/mail/postfix/instance.h"

namespace mailquench::agent::postfix {

// Stateless but for the options: instances are looked up at each call, since an operator may add
// some. Calls may come from several threads, but not two that change the same host.
class PostfixMailSystem final : public MailSystem {
 public:
  // `mail_log`: the log's path; empty: as Postfix and the system have it.
  explicit PostfixMailSystem(FindOptions options = {}, std::string mail_log = "");

  absl::StatusOr<Inventory> Inspect() override;
  absl::StatusOr<v1::ServiceStatusResult> Status(const InstanceNames& instances) override;
  // All are told before one is waited for.
  absl::StatusOr<v1::ServiceStopResult> Stop(const InstanceNames& instances,
                                             const CallContext& context) override;
  absl::StatusOr<v1::ServiceStartResult> Start(const InstanceNames& instances,
                                               const CallContext& context) override;
  absl::StatusOr<v1::QueueSurveyResult> Survey(const InstanceNames& instances,
                                               const CallContext& context) override;
  absl::StatusOr<Surveyor> BeginSurvey(const InstanceNames& instances) override;
  absl::StatusOr<std::int64_t> CountQueued(const InstanceNames& instances) override;
  // Of a whole queue: kFailedPrecondition/SERVICE_RUNNING where one of the instances runs; then
  // none is touched.
  absl::StatusOr<v1::QueueQuarantineResult> Quarantine(const v1::QueueQuarantine& request,
                                                       const CallContext& context) override;
  absl::StatusOr<v1::QuarantineAnalyseResult> PreviewQuarantine(
      const v1::QueueQuarantine& request, const CallContext& context) override;
  absl::StatusOr<v1::QuarantineListResult> ListQuarantines() override;
  // These seven: kNotFound/UNKNOWN_QUARANTINE.
  absl::StatusOr<v1::QuarantineAnalyseResult> Analyse(const v1::QuarantineAnalyse& request,
                                                      const CallContext& context) override;
  absl::StatusOr<std::string> QuarantineHome(const std::string& quarantine_id) override;
  absl::Status ReadQuarantined(const std::string& quarantine_id,
                               const std::function<bool(const std::string& key)>& wanted,
                               const QuarantinedVisitor& visit,
                               const CallContext& context) override;
  absl::StatusOr<v1::QuarantineReleaseResult> Release(const v1::QuarantineRelease& request,
                                                      const CallContext& context) override;
  absl::StatusOr<v1::QuarantineDiscardResult> Discard(const v1::QuarantineDiscard& request,
                                                      const CallContext& context) override;
  absl::StatusOr<v1::QuarantineMoveResult> PreviewMove(const v1::QuarantineMove& request) override;
  absl::StatusOr<v1::QuarantineMoveResult> Move(const v1::QuarantineMove& request,
                                                const CallContext& context) override;
  std::string SpaceNotice(const InstanceNames& instances) override;
  absl::StatusOr<SettingsChange> PlanRelayLock(const v1::RelayLock& request) override;
  absl::StatusOr<SettingsChange> PlanNdrSilence(const v1::NdrSilence& request) override;
  absl::StatusOr<SettingsChange> PlanEgress(const v1::EgressSet& request) override;
  absl::StatusOr<SettingsChange> PlanSenderBlock(const v1::SenderBlock& request) override;
  absl::StatusOr<SettingsChange> PlanSenderUnblock(const v1::SenderUnblock& request) override;
  absl::StatusOr<RestorePlan> PlanRestore(const std::vector<v1::Setting>& settings,
                                          const std::vector<v1::RestoreDecision>& decisions,
                                          const std::vector<v1::Setting>& staying) override;
  absl::StatusOr<std::vector<v1::Setting>> Drifted(
      const std::vector<v1::Setting>& recorded) override;
  absl::Status Apply(const SettingsChange& change, const CallContext& context) override;
  absl::Status VerifyLocked(const v1::RelayLock& request) override;
  // The log is `mail_log` where it is set, else each instance's maillog_file, else the system's.
  absl::StatusOr<ReadLog> ReadDeliveryReplies(absl::Time since,
                                              const ReplyVisitor& visit,
                                              const CallContext& context) override;
  // Without targets: every listener at every address of its own, from inside, the re-injection
  // listeners of content filters left out (they accept from loopback by design; PlanRelayLock names
  // them). Such a verdict is what the server said to this host, which it may trust: only one with
  // `outside` set proves anything.
  absl::StatusOr<v1::RelayProbeResult> Probe(const v1::RelayProbe& request,
                                             const CallContext& context) override;

 private:
  absl::StatusOr<std::vector<Instance>> Find(const InstanceNames& names) const;
  // The instance that has the quarantine.
  absl::StatusOr<Instance> Holder(const std::string& quarantine_id) const;

  const FindOptions options_;
  const std::string mail_log_;
};

}  // namespace mailquench::agent::postfix

#endif  // MAILQUENCH_AGENT_MAIL_POSTFIX_POSTFIX_MAIL_SYSTEM_H_
