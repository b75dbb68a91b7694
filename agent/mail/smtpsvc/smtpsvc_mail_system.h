// The SMTP service of Windows (IIS 6 SMTP on Windows Server 2008 R2 to 2022): virtual servers,
// service, queue, quarantines, settings and probes behind one contract. Portable: what is Windows'
// own is behind the seams.
#ifndef MAILQUENCH_AGENT_MAIL_SMTPSVC_SMTPSVC_MAIL_SYSTEM_H_
#define MAILQUENCH_AGENT_MAIL_SMTPSVC_SMTPSVC_MAIL_SYSTEM_H_

#include <memory>
#include <string>
#include <vector>

#include "agent/mail/mail_system.h"
#include "agent/mail/smtpsvc/folders.h"
#include "agent/mail/smtpsvc/metabase.h"
#include "agent/mail/smtpsvc/queue_ops.h"
#include "agent/mail/smtpsvc/service.h"
#include "agent/os/counters.h"
#include "agent/os/service_manager.h"

namespace mailquench::agent::smtpsvc {

struct SmtpsvcOptions {
  std::string version;  // Of Windows or IIS, for the inventory.
  ServiceOptions service;
  SwapOptions swap;
  absl::Duration listener_wait = absl::Seconds(30);  // For one that answered before a change.
  Disk disk;
};

// Stateless but for the options: virtual servers are looked up at each call. Calls may come from
// several threads, but not two that change the same host.
class SmtpsvcMailSystem final : public MailSystem {
 public:
  // What it is given outlives it. `counters` may be null.
  SmtpsvcMailSystem(Metabase& metabase,
                    ServiceManager& services,
                    Counters* counters,
                    SmtpsvcOptions options);
  // One that owns what it is made of.
  static std::unique_ptr<SmtpsvcMailSystem> Own(std::unique_ptr<Metabase> metabase,
                                                std::unique_ptr<ServiceManager> services,
                                                std::unique_ptr<Counters> counters,
                                                SmtpsvcOptions options);

  absl::StatusOr<Inventory> Inspect() override;
  absl::StatusOr<v1::ServiceStatusResult> Status(const InstanceNames& instances) override;
  // Errors: those of SmtpService.
  absl::StatusOr<v1::ServiceStopResult> Stop(const InstanceNames& instances,
                                             const CallContext& context) override;
  absl::StatusOr<v1::ServiceStartResult> Start(const InstanceNames& instances,
                                               const CallContext& context) override;
  absl::StatusOr<v1::QueueSurveyResult> Survey(const InstanceNames& instances,
                                               const CallContext& context) override;
  absl::StatusOr<std::int64_t> CountQueued(const InstanceNames& instances) override;
  // kFailedPrecondition/BAD_DIRECTORY, /NOT_A_DIRECTORY, /SERVICE_RUNNING (one that shares a
  // folder, and would run on).
  absl::Status CheckSweep(const InstanceNames& instances) override;
  bool ScansDelaySweeps() const override {
    return true;
  }  // Windows renames no folder of open files.
  // Of a whole queue: kFailedPrecondition/SERVICE_RUNNING, then nothing is touched;
  // kAborted/SERVICE_CAME_BACK, where somebody started it while it was swept.
  absl::StatusOr<v1::QueueQuarantineResult> Quarantine(const v1::QueueQuarantine& request,
                                                       const CallContext& context) override;
  absl::StatusOr<v1::QuarantineAnalyseResult> PreviewQuarantine(
      const v1::QueueQuarantine& request, const CallContext& context) override;
  absl::StatusOr<v1::QuarantineListResult> ListQuarantines() override;
  // These three: kNotFound/UNKNOWN_QUARANTINE.
  absl::StatusOr<v1::QuarantineAnalyseResult> Analyse(const v1::QuarantineAnalyse& request,
                                                      const CallContext& context) override;
  // kFailedPrecondition/SERVICE_RUNNING unless the whole service is stopped.
  absl::StatusOr<v1::QuarantineReleaseResult> Release(const v1::QuarantineRelease& request,
                                                      const CallContext& context) override;
  absl::StatusOr<v1::QuarantineDiscardResult> Discard(const v1::QuarantineDiscard& request,
                                                      const CallContext& context) override;
  bool ReleasesStopped() const override { return true; }
  // Both kUnimplemented/NO_MOVE.
  absl::StatusOr<v1::QuarantineMoveResult> PreviewMove(const v1::QuarantineMove& request) override;
  absl::StatusOr<v1::QuarantineMoveResult> Move(const v1::QuarantineMove& request,
                                                const CallContext& context) override;
  absl::StatusOr<SettingsChange> PlanRelayLock(const v1::RelayLock& request) override;
  // kUnimplemented/NO_SILENCE: the service has no such setting (B5).
  absl::StatusOr<SettingsChange> PlanNdrSilence(const v1::NdrSilence& request) override;
  bool SilencesByWatch() const override { return true; }
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
  // kUnimplemented/NO_REPLY_LOG.
  absl::StatusOr<ReadLog> ReadDeliveryReplies(absl::Time since,
                                              const ReplyVisitor& visit,
                                              const CallContext& context) override;
  // Without targets: every binding at every address of its own, from inside.
  absl::StatusOr<v1::RelayProbeResult> Probe(const v1::RelayProbe& request,
                                             const CallContext& context) override;

 private:
  absl::StatusOr<std::vector<VirtualServer>> Find(const InstanceNames& names);
  absl::StatusOr<std::vector<Group>> Groups(
      const google::protobuf::RepeatedPtrField<std::string>& names);
  absl::Status NoneRuns(const std::vector<Group>& groups);

  Metabase& metabase_;
  ServiceManager& services_;
  Counters* const counters_;
  const SmtpsvcOptions options_;
  SmtpService service_;
  std::unique_ptr<Metabase> own_metabase_;
  std::unique_ptr<ServiceManager> own_services_;
  std::unique_ptr<Counters> own_counters_;
};

}  // namespace mailquench::agent::smtpsvc

#endif  // MAILQUENCH_AGENT_MAIL_SMTPSVC_SMTPSVC_MAIL_SYSTEM_H_
