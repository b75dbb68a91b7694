// Runs typed operations on this host: journal first, then the act, then the outcome. The same for a
// command of the controller and for a break-glass one.
#ifndef MAILQUENCH_AGENT_OPERATIONS_EXECUTOR_H_
#define MAILQUENCH_AGENT_OPERATIONS_EXECUTOR_H_

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/antivirus/antivirus_set.h"
#include "agent/http/url.h"
#include "agent/mail/mail_system.h"
#include "agent/operations/alarms.h"
#include "agent/operations/journal.h"
#include "agent/operations/turn.h"
#include "common/clock/clock.h"
#include "mailquench/v1/agent_link.pb.h"

namespace mailquench::agent {

struct ContainUnit;  // contain.h

// How long a stop is leased, unless it is renewed.
google::protobuf::Duration LeaseLength(const v1::ServiceStop& stop);
google::protobuf::Duration ContainLease(const v1::Contain& contain);
// kInvalidArgument/BAD_LEASE: nobody may hold a host stopped for so short or so long a time.
absl::Status CheckLease(const google::protobuf::Duration& length);
// Whether such a command is what the agent does by itself at the end of the lease.
bool IsOfLease(const std::string& command_id, const v1::Lease& lease);

// The step of a contain after which each watch sets notifications aside (MailSystem::
// SilencesByWatch), with the NdrSilence that it stands for; and what is said of it.
inline constexpr char kSilencedByWatch[] = "silenced_by_watch";
inline constexpr char kSilencedByWatchNotice[] =
    "This mail system cannot keep notifications from being made; until the silence is put back, "
    "each queue.watch sets those that are queued aside: all mail of the null sender, also bounces "
    "and automatic replies to this host's own users.";

// kFailedPrecondition/BAD_SETTING_NAME where a name cannot be recorded or shown as it is.
absl::Status CheckNames(const SettingsChange& change);

struct ExecutorOptions {
  std::string host_id;                       // Commands that name another host are refused.
  std::string state_dir;                     // Holds the host's lock and the alarm file.
  std::set<std::string> allowed_operations;  // Empty: all. The controller cannot widen it.
  // Where quarantines may be moved to. Empty: nowhere but home. The controller cannot widen it.
  std::set<std::string> quarantine_roots;
  // Below what antivirus.scan reads paths on request. Empty: nowhere. The controller cannot widen
  // it.
  std::set<std::string> scan_roots;
  // The antivirus of this host; null: none. Must outlive the executor.
  const AntivirusSet* antivirus = nullptr;
  // Whom delist.fetch may ask. The controller cannot widen it.
  std::vector<AllowedHost> delist_hosts;
  bool delist_private_targets = false;  // Also where a name leads to no public address.
  absl::Duration default_timeout = absl::Minutes(30);
  absl::Duration lock_wait = absl::Minutes(10);  // For another change on this host to end.
  // At the end of the lease of a contain's part: from sweep and lock to the start. See
  // EndPartLease.
  absl::Duration settle = absl::Minutes(2);
  // After a start, for a lock that other servers' directory shows late. See AskListeners.
  absl::Duration verify_for = absl::Minutes(1);
};

using ProgressFn = std::function<void(const std::string& command_id, const std::string& text)>;

// Thread-safe. Changes are made one at a time over the whole host (a file lock, so across processes
// too); observing operations run beside them.
class Executor {
 public:
  // The references must outlive this object.
  Executor(MailSystem& mail, Journal& journal, Clock& clock, ExecutorOptions options);

  // Blocks until the operation has ended. A command id that was finished before gets the recorded
  // report; one that a crash left half done is completed. The report is in the journal before this
  // returns.
  // `still_wanted` is asked when no other change goes on any more; its error ends the command,
  // which then was never begun.
  v1::OperationReport Execute(const v1::Command& command,
                              bool local,
                              const ProgressFn& progress,
                              const std::function<absl::Status()>& still_wanted = nullptr);

  // The dry run. Touches nothing, records nothing.
  v1::OperationPlanned Plan(const v1::Command& command);

  // Closes the observing commands that the process before has left unfinished. At a start alone.
  void CloseObservers();

  // Completes the changes that a crash, a full disk or a busy host has left unfinished. Their
  // reports are in the journal. Each Execute() of a change does so, too, before it begins.
  void ResumeUnfinished(const ProgressFn& progress, absl::Duration lock_wait);

  // Answers what became of commands.
  v1::KnownCommands Reconcile(const v1::Reconcile& request);

  // Whether leases have ended and are to be ended soon: what can be continued later makes way for
  // that. Asked again and again, since a controller that is back takes it back.
  void ExpectDueLeases(bool controller_is_gone);

  // What only observes ends at once from now on.
  void End() { ending_ = true; }

  // Ends the leases whose time has come: sweep, lock, verify, start. Returns the reports of what it
  // did. From one thread at a time. While the controller is there, only those of a contain's parts:
  // not to be renewed is its order.
  std::vector<v1::OperationReport> EndDueLeases(const ProgressFn& progress,
                                                bool controller_is_gone = true);

  // Settings of outstanding changes that somebody changed since, as "INSTANCE KEY"; not while a
  // change is going on.
  absl::StatusOr<std::vector<std::string>> Drift();

  // Whether a change goes on in this process, or an urgent one waits in any.
  bool IsChanging();

  // An urgent command (IsUrgent) has arrived and is to be executed soon: what can be continued
  // later makes way for it, and no other change waits for the host before it. Execute() of the same
  // id ends the expectation.
  void Expect(const v1::Command& command);
  void ExpectNoMore(const std::string& command_id);

  // A cancelled command is refused where it has not begun. What only observes, or moves messages
  // one by one, ends in its middle too; any other change is finished.
  void Cancel(const std::string& command_id);

  // Why a person must look at this host; "" when nobody need. Also in STATE_DIR/alarm.
  std::string Alarm() const { return alarms_.Text(); }

 private:
  v1::OperationReport ExecuteWithin(absl::Duration lock_wait,
                                    const v1::Command& command,
                                    bool local,
                                    const ProgressFn& progress,
                                    const std::function<absl::Status()>& still_wanted);
  v1::OperationReport NewReport(const v1::Command& command, bool local);
  void Finish(const absl::Status& status, bool admitted, bool changed, v1::OperationReport& report);
  // unfinished.cc
  absl::Status CompleteOlder(const v1::Command& before, const ProgressFn& progress);
  void CompleteOne(const v1::Command& command,
                   const v1::Command& before,
                   const ProgressFn& progress);
  bool CloseWithoutResult(const std::string& command_id);
  void Carry(const v1::Command& command,
             absl::Duration longest,
             const ProgressFn& progress,
             v1::OperationReport& report);
  // admit.cc
  absl::Status Admit(const v1::Command& command);
  absl::Status NotCancelled(const std::string& command_id);
  absl::Status MayWait(const v1::Command& command);
  absl::Status StillWanted(const v1::Command& command);
  absl::Status AdmitDirectory(const v1::QuarantineMove& request) const;
  // perform.cc
  // `out` may be set beside an error: what was done until then.
  absl::Status Perform(const v1::Command& command,
                       const CallContext& context,
                       bool& changed,
                       v1::OperationResult& out);

  // contain.cc
  absl::Status DoContain(const v1::Command& command,
                         const CallContext& context,
                         bool& changed,
                         v1::ContainResult& result);
  // What would end it after the stop and can be told before, as an error; what a person has to know
  // before it, as sentences. Nothing is touched.
  absl::StatusOr<std::vector<std::string>> CheckContain(const v1::Contain& request);
  bool SilencedElsewhere(const v1::Contain& request) const;
  absl::Status ContainSteps(const ContainUnit& unit,
                            const CallContext& given,
                            absl::Duration& elsewhere,
                            v1::ContainResult& result);
  bool MayAskAgain(const absl::Status& status, const CallContext& context);
  // `ask` again and again while it is kUnavailable, until the context's deadline.
  template <typename Ask>
  auto Persistently(const CallContext& context, const Ask& ask) -> decltype(ask()) {
    while (true) {
      auto answer = ask();
      if (!MayAskAgain(StatusOf(answer), context)) return answer;
    }
  }
  static const absl::Status& StatusOf(const absl::Status& status) { return status; }
  template <typename T>
  static const absl::Status& StatusOf(const absl::StatusOr<T>& value) {
    return value.status();
  }
  absl::Status StopUnit(const ContainUnit& unit, const CallContext& context);
  absl::StatusOr<v1::QueueQuarantineResult> SweepUnit(const ContainUnit& unit,
                                                      const CallContext& context);
  absl::StatusOr<v1::ChangeResult> ChangeOfUnit(
      const ContainUnit& unit,
      const char* step,
      const std::function<absl::StatusOr<SettingsChange>()>& plan,
      const CallContext& context);
  absl::Status SilenceUnit(const ContainUnit& unit,
                           const CallContext& context,
                           v1::ContainResult& result);
  // contain_parts.cc
  absl::StatusOr<ContainUnit> JoinUnit(const v1::Command& command);
  absl::StatusOr<std::optional<v1::Containment>> FindContainment(const v1::Command& command,
                                                                 const v1::ServiceStatusResult& now,
                                                                 bool of_lease);
  absl::Status BeginUnit(v1::ServiceStatusResult before, ContainUnit& unit);
  absl::Status LookAtUnit(const InstanceNames& running,
                          v1::ServiceStatusResult& before,
                          ContainUnit& unit);
  absl::Status Hold(const ContainUnit& unit);
  absl::Status EndPart(const ContainUnit& unit,
                       const absl::Status& done,
                       v1::ContainResult& result);
  absl::Status EndUnit(const ContainUnit& unit, const v1::ContainResult& result);
  // contain_start.cc
  // A dialogue with every listener of these instances: kFailedPrecondition/STILL_OPEN,
  // /NO_LISTENER_ANSWERS.
  absl::Status AskListeners(const InstanceNames& instances,
                            v1::RelayMode mode,
                            const CallContext& context,
                            v1::RelayProbeResult& probe);
  absl::Status AskListenersOnce(const InstanceNames& instances,
                                v1::RelayMode mode,
                                const CallContext& context,
                                v1::RelayProbeResult& probe);
  bool HasListeners(const InstanceNames& instances);
  absl::Status StartAndVerify(const ContainUnit& unit,
                              v1::ContainResult& result,
                              const CallContext& context);
  // changes.cc
  // A change without a setting, which stays outstanding until it is put back.
  absl::Status NoteChange(const v1::Command& command, const std::string& step);
  absl::StatusOr<v1::ChangeResult> DoChange(
      const v1::Command& command,
      const std::string& step,
      const std::function<absl::StatusOr<SettingsChange>()>& plan,
      const CallContext& context);
  absl::StatusOr<v1::RestoreResult> DoRestore(const v1::Command& command,
                                              const CallContext& context);
  absl::StatusOr<RestorePlan> PlanRestoreOf(const v1::Restore& request,
                                            std::vector<Journal::Change>& outstanding);
  absl::Status RollBack(const std::string& snapshot_id, const CallContext& context);
  // service.cc
  absl::StatusOr<v1::ServiceStopResult> DoStop(const v1::Command& command,
                                               const CallContext& context);
  absl::StatusOr<v1::ServiceStartResult> DoStart(const v1::Command& command,
                                                 const CallContext& context);
  // Why what runs takes no mail, as the mail system says it: told, and added to an error.
  absl::Status WithNotices(const absl::Status& status,
                           const InstanceNames& instances,
                           const CallContext& context);
  absl::Status StopAgain(const v1::Command& command,
                         const InstanceNames& chosen,
                         const absl::Status& why,
                         const CallContext& context);
  absl::StatusOr<InstanceNames> WasRunning(const std::string& command_id,
                                           const InstanceNames& chosen);
  absl::Status StopFor(const InstanceNames& was_running,
                       const char* what,
                       const char* untouched,
                       const CallContext& context,
                       bool* runs_again = nullptr);
  // For what repairs: a command that has made way, or whose time is over, still ends what it began.
  CallContext ToRepair(const CallContext& context);
  absl::Status StartAfter(const InstanceNames& was_running,
                          const char* what,
                          const CallContext& context);
  absl::StatusOr<v1::QueueQuarantineResult> DoQuarantine(const v1::Command& command,
                                                         const CallContext& context);
  // release.cc
  absl::StatusOr<v1::QuarantineReleaseResult> DoRelease(const v1::Command& command,
                                                        const CallContext& context);
  absl::StatusOr<v1::QuarantineReleaseResult> DoReleaseItself(const v1::Command& command,
                                                              const CallContext& context);
  absl::Status CheckIsolation(const v1::QuarantineRelease& request) const;
  absl::Status LeaseFor(const v1::Command& command,
                        const InstanceNames& was_running,
                        const CallContext& context);
  absl::Status StillLeased(const v1::Lease& lease);
  bool IsOpen(const v1::OperationReport& report);
  // leases.cc
  // No lease may start what a contain has found unfit to run.
  void EndLeasesOf(const std::vector<std::string>& instances);
  bool IsDue(const v1::Lease& lease);
  std::string NextTry(const v1::Lease& lease, const std::string& step);
  std::optional<absl::Time> SweptAt(const v1::Lease& lease);
  absl::Time DueTime(const v1::Lease& lease);
  v1::OperationReport RunForLease(const v1::Lease& lease,
                                  const std::string& step,
                                  v1::Operation operation,
                                  const ProgressFn& progress);
  v1::OperationReport GiveUp(const v1::Lease& lease,
                             const v1::OperationReport& report,
                             const char* what);
  v1::OperationReport EndLease(const v1::Lease& lease, const ProgressFn& progress);
  v1::OperationReport EndPartLease(const v1::Lease& lease, const ProgressFn& progress);
  // watch.cc
  absl::Status Wait(absl::Duration length, const CallContext& context);
  absl::StatusOr<v1::QueueWatchResult> DoWatch(const v1::QueueWatch& request,
                                               const CallContext& context);
  absl::StatusOr<InstanceNames> SilencedOf(const InstanceNames& chosen);
  // Adds what it set aside to the sample and to the result.
  void Silence(const InstanceNames& instances,
               int sample,
               const CallContext& context,
               v1::QueueWatchResult& result);
  absl::StatusOr<v1::QueueQuarantineResult> SilenceQueued(const InstanceNames& chosen,
                                                          int sample,
                                                          const CallContext& context);
  // delist.cc
  absl::Status AdmitFetch(const v1::DelistFetch& request) const;
  // `out` is set where there was an answer, also beside an error.
  absl::Status DoDelistFetch(const v1::DelistFetch& request,
                             const CallContext& context,
                             v1::OperationResult& out);
  void PlanFetch(const v1::DelistFetch& request, v1::OperationPlan& plan) const;
  // blockers.cc
  absl::StatusOr<v1::MailBlockersResult> DoBlockers(const v1::MailBlockers& request,
                                                    const CallContext& context);
  // antivirus.cc
  WorkContext WorkOf(const CallContext& context);
  absl::Status AdmitScan(const v1::AntivirusScan& request) const;
  // As they were seen, with the second opinion, and when each scanned last.
  std::vector<v1::AntivirusProduct> ProductsOf(const std::vector<AntivirusSet::Seen>& seen,
                                               const WorkContext& work);
  absl::StatusOr<v1::AntivirusStatusResult> DoAntivirusStatus(const CallContext& context);
  // Of these three `out` is set also beside an error.
  absl::Status DoAntivirusUpdate(const CallContext& context,
                                 bool& changed,
                                 v1::OperationResult& out);
  absl::Status DoAntivirusScan(const v1::AntivirusScan& request,
                               const CallContext& context,
                               v1::OperationResult& out);
  void NoteScanTime(const std::string& adapter);
  // quarantine_scan.cc
  absl::Status DoQuarantineScan(const v1::QuarantineScan& request,
                                const CallContext& context,
                                v1::OperationResult& out);
  absl::StatusOr<v1::QuarantineInfo> QuarantineById(const std::string& quarantine_id);
  // What a person should know whose release was not preceded by a scan; "" mostly.
  std::string ScanNotice(const v1::QuarantineInfo& quarantine);
  // plan.cc
  absl::StatusOr<v1::OperationPlan> MakePlan(const v1::Operation& operation);
  CallContext ContextOfPlan();
  void TellSpace(const google::protobuf::RepeatedPtrField<std::string>& instances,
                 v1::OperationPlan& plan);
  absl::StatusOr<v1::QueueQuarantineResult> PlanSweep(
      const google::protobuf::RepeatedPtrField<std::string>& instances, v1::OperationPlan& plan);
  // plan_contain.cc
  absl::StatusOr<bool> IsSweptBefore(const v1::Contain& request);
  absl::Status PlanContain(const v1::Contain& request, v1::OperationPlan& plan);
  bool UrgentWaits();
  // IsUrgent and MakesWay, but a selective quarantine of a mail system that is slow at it makes
  // way and hurries nobody.
  bool Hurries(const v1::Operation& operation) const;
  bool GivesWay(const v1::Operation& operation) const;

  // For all instances of the host where none is named.
  void RaiseAlarm(InstanceNames instances, const std::string& text);

  MailSystem& mail_;
  Journal& journal_;
  Clock& clock_;
  const ExecutorOptions options_;
  const AntivirusSet& antivirus_;
  std::mutex scan_times_mu_;  // Held while the file of scan times is written.
  const Turn turn_;
  Alarms alarms_;
  std::mutex mu_;  // Guards the sets.
  std::set<std::string> running_;
  std::set<std::string> cancelled_;
  std::set<std::string> urgent_;  // Expected, not ended.
  int changing_ = 0;              // Guarded by mu_.
  std::atomic<std::uint64_t> changes_begun_ = 0;
  // Done, but the journal could not take it. After a restart they are completed again.
  std::map<std::string, v1::OperationReport> unwritten_;
  std::atomic<bool> ending_ = false;
  std::map<std::string, absl::Time> lease_retries_;  // Of EndDueLeases() alone.
};

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OPERATIONS_EXECUTOR_H_
