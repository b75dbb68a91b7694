// Exchange 2013 to Subscription Edition behind the contract of a mail system. It delegates:
// services and files to the rooms beside it, settings to ExchangeSettings, PowerShell to the Shell.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_EXCHANGE_MAIL_SYSTEM_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_EXCHANGE_MAIL_SYSTEM_H_

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "agent/mail/exchange/belonging.h"
#include "agent/mail/exchange/installation.h"
#include "agent/mail/exchange/inventory.h"
#include "agent/mail/exchange/isolated_release.h"
#include "agent/mail/exchange/queue_ops.h"
#include "agent/mail/exchange/service.h"
#include "agent/mail/exchange/settings_ops.h"
#include "agent/mail/exchange/shell.h"
#include "agent/mail/exchange/survey.h"
#include "agent/mail/exchange/transport_paths.h"
#include "agent/mail/mail_system.h"
#include "agent/os/service_manager.h"

namespace mailquench::agent::exchange {

struct ExchangeOptions {
  // Must be there; the one in which the changes of this host are locked. Holds what is to be undone
  // or remembered: "exchange-recovery", "exchange-dependents", "exchange-inactive",
  // "exchange-at-stop", "exchange-paths", "exchange-quarantines", "exchange-belonging",
  // "exchange-isolation".
  std::string state_directory;
  ServiceOptions service;      // `state_directory` is filled in.
  QueueOptions queue;          // `server` and what is remembered are filled in.
  IsolationOptions isolation;  // `file` is filled in.
  SettingsOptions settings;    // `server`, `role` and `organisation` are filled in.
  // Of a count, or of the directory's answers for the inventory.
  absl::Duration call_wait = absl::Minutes(2);
  absl::Duration belonging_age = absl::Minutes(3);  // An inventory asks again after it.
  // Of what a heartbeat asks, and of the count that a stop waits for, at most.
  absl::Duration count_wait = absl::Seconds(10);
  absl::Duration busy_wait = absl::Seconds(3);      // A count's, for a shell that works for others.
  absl::Duration picture_wait = absl::Seconds(20);  // Of the tracking log, after a stop.
  absl::Duration lift_every = absl::Minutes(3);     // Of looks after a forgotten hold.
};

// One instance, called by the server's short name. Calls may come from several threads, but not two
// that change the same host.
class ExchangeMailSystem final : public MailSystem {
 public:
  // What it is given outlives it.
  ExchangeMailSystem(Installation installation,
                     Shell& shell,
                     ServiceManager& services,
                     ExchangeOptions options);
  static std::unique_ptr<ExchangeMailSystem> Own(Installation installation,
                                                 std::unique_ptr<Shell> shell,
                                                 std::unique_ptr<ServiceManager> services,
                                                 ExchangeOptions options);

  absl::StatusOr<Inventory> Inspect() override;
  absl::StatusOr<v1::ServiceStatusResult> Status(const InstanceNames& instances) override;
  // Asks no PowerShell.
  absl::StatusOr<ServiceGlance> Glance() override;
  // Errors: those of TransportService.
  absl::StatusOr<v1::ServiceStopResult> Stop(const InstanceNames& instances,
                                             const CallContext& context) override;
  absl::StatusOr<v1::ServiceStartResult> Start(const InstanceNames& instances,
                                               const CallContext& context) override;
  absl::StatusOr<v1::QueueSurveyResult> Survey(const InstanceNames& instances,
                                               const CallContext& context) override;
  absl::StatusOr<std::int64_t> CountQueued(const InstanceNames& instances) override;
  absl::StatusOr<std::optional<double>> Velocity(const InstanceNames& instances) override;
  absl::Status CheckSweep(const InstanceNames& instances) override;
  // Without a filter: kFailedPrecondition/SERVICE_RUNNING, kAborted/SERVICE_CAME_BACK. With one:
  // kFailedPrecondition/SERVICE_STOPPED.
  absl::StatusOr<v1::QueueQuarantineResult> Quarantine(const v1::QueueQuarantine& request,
                                                       const CallContext& context) override;
  absl::StatusOr<v1::QuarantineAnalyseResult> PreviewQuarantine(
      const v1::QueueQuarantine& request, const CallContext& context) override;
  absl::StatusOr<v1::QuarantineListResult> ListQuarantines() override;
  absl::StatusOr<v1::QuarantineAnalyseResult> Analyse(const v1::QuarantineAnalyse& request,
                                                      const CallContext& context) override;
  // kFailedPrecondition/SERVICE_STOPPED: Transport itself takes them back. With `isolate` also
  // those of IsolatedRelease.
  absl::StatusOr<v1::QuarantineReleaseResult> Release(const v1::QuarantineRelease& request,
                                                      const CallContext& context) override;
  bool IsolatesReleases() const override { return true; }
  absl::StatusOr<std::vector<std::string>> ReleaseWarnings(const CallContext& context) override;
  std::string IsolationCaveat() const override { return kIsolationCaveat; }
  absl::StatusOr<v1::QuarantineDiscardResult> Discard(const v1::QuarantineDiscard& request,
                                                      const CallContext& context) override;
  // Both kUnimplemented/NO_MOVE.
  absl::StatusOr<v1::QuarantineMoveResult> PreviewMove(const v1::QuarantineMove& request) override;
  absl::StatusOr<v1::QuarantineMoveResult> Move(const v1::QuarantineMove& request,
                                                const CallContext& context) override;
  // What is read, or chosen message by message, goes through the shell that a sweep wants as well.
  bool ScansDelaySweeps() const override { return true; }
  std::string SpaceNotice(const InstanceNames& instances) override;
  absl::StatusOr<SettingsChange> PlanRelayLock(const v1::RelayLock& request) override;
  absl::StatusOr<SettingsChange> PlanNdrSilence(const v1::NdrSilence& request) override;
  // On an Edge server, which has at most a copy of the organisation's remote domains.
  bool SilencesByWatch() const override { return installation_.role == Role::kEdge; }
  absl::StatusOr<SettingsChange> PlanShadowSuspend(const v1::ShadowSuspend& request) override;
  absl::StatusOr<SettingsChange> PlanEgress(const v1::EgressSet& request) override;
  absl::StatusOr<SettingsChange> PlanSenderBlock(const v1::SenderBlock& request) override;
  absl::StatusOr<SettingsChange> PlanSenderUnblock(const v1::SenderUnblock& request) override;
  // On a Mailbox server; an Edge server's settings are its own.
  bool OrganisationWide(v1::Operation::KindCase kind) const override;
  absl::StatusOr<RestorePlan> PlanRestore(const std::vector<v1::Setting>& settings,
                                          const std::vector<v1::RestoreDecision>& decisions,
                                          const std::vector<v1::Setting>& staying) override;
  absl::StatusOr<std::vector<v1::Setting>> Drifted(
      const std::vector<v1::Setting>& recorded) override;
  absl::Status Apply(const SettingsChange& change, const CallContext& context) override;
  absl::Status VerifyLocked(const v1::RelayLock& request) override;
  absl::StatusOr<ReadLog> ReadDeliveryReplies(absl::Time since,
                                              const ReplyVisitor& visit,
                                              const CallContext& context) override;
  absl::StatusOr<v1::RelayProbeResult> Probe(const v1::RelayProbe& request,
                                             const CallContext& context) override;

 private:
  absl::Status Check(const InstanceNames& instances) const;  // kNotFound/UNKNOWN_INSTANCE
  absl::StatusOr<TransportPaths> Paths() const;
  absl::Time CallDeadline() const;
  absl::Time CountDeadline() const;
  // counts.cc
  absl::Status AwaitShell();  // kUnavailable/SHELL_BUSY after a moment.
  std::optional<v1::InstanceSurvey> CountBeforeStop(const CallContext& context);
  void KeepCount(v1::InstanceSurvey counted,
                 const TransportPaths& paths,
                 const CallContext& context);
  // forgotten.cc
  void LiftForgotten();
  void LiftForgottenNowAndThen();
  absl::Status IsStopped(const char* why);
  absl::Status IsRunning(const char* why);
  ExchangeSettings Settings();
  // For what changes all of it: an organisation that is not known is an error.
  absl::StatusOr<ExchangeSettings> SettingsOfAll();
  // Of a call that a crash has cut short; `changing_` is held. Starts what it stopped where
  // `start`.
  absl::Status EndIsolation(bool start, const CallContext& context);

  const Installation installation_;
  Shell& shell_;
  ServiceManager& services_;
  const ExchangeOptions options_;
  const SurveyOptions survey_;
  const std::string remembered_paths_;
  TransportService service_;
  IsolatedRelease isolation_;
  std::mutex changing_;  // Held by a stop and a start: what they hold is not forgotten.
  KnownBelonging belonging_;
  std::mutex look_lock_;
  absl::Time looked_ = absl::InfinitePast();  // After a forgotten hold; guarded by look_lock_.
  std::unique_ptr<Shell> own_shell_;
  std::unique_ptr<ServiceManager> own_services_;
};

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_EXCHANGE_MAIL_SYSTEM_H_
