// Drives runs: journal first, then send; waves, gates, deadlines, reconciliation.
#ifndef MAILQUENCH_CONTROLLER_RUNS_ENGINE_H_
#define MAILQUENCH_CONTROLLER_RUNS_ENGINE_H_

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/fleet/hosts.h"
#include "controller/fleet/link.h"
#include "controller/manual/guide.h"
#include "controller/runs/organisation.h"
#include "controller/store/store.h"
#include "mailquench/v1/runs.pb.h"

namespace mailquench::controller {

// The reason of a host whose settings are not put back because of its antivirus: that speaks
// against no other host.
inline constexpr char kAntivirusBlocks[] = "ANTIVIRUS_BLOCKS";

// What a run tells those that draw conclusions. Never called under the engine's lock, but for
// Together() and OnRunStarting(); OnStepReport may come again for a report that was handled, and
// must not act twice.
class RunListener {
 public:
  virtual ~RunListener() = default;
  // `work` as one change of the store. May lock what is locked before the store, but never calls
  // the engine.
  virtual absl::Status Together(const std::function<absl::Status()>& work) = 0;
  // Inside of the change of the store that begins the run. An error: the run does not begin.
  virtual absl::Status OnRunStarting(const v1::Run& run) = 0;
  virtual void OnRunStarted(const v1::Run& run) = 0;
  // `operation` is null for a command that no run gave (break-glass on the host).
  // An error: nothing of it was kept, and the host must send it again.
  virtual absl::Status OnStepReport(const v1::Run& run,
                                    const std::string& host_id,
                                    const v1::Operation* operation,
                                    const v1::OperationReport& report) = 0;
  virtual void OnRunEnded(const v1::Run& run) = 0;
  // The host's settings drifted otherwise than it said before; empty: not any more.
  virtual void OnDrift(const std::string& host_id, const std::vector<std::string>& drifted) = 0;
  // Each heartbeat. Quick.
  virtual void OnBeat(const std::string&, const v1::Heartbeat&) {}
};

struct EngineOptions {
  absl::Duration patience = absl::Seconds(5);
  absl::Duration resume_patience = absl::Seconds(30);
  absl::Duration grace = absl::Seconds(15);
  // For a person, before a step of a host without an agent is `unreachable`.
  absl::Duration manual_patience = absl::Hours(4);
  const Guide* guide = nullptr;  // Not owned. Null: no host is without an agent.
  bool timer_thread = true;
};

// Thread-safe. HostStep.step counts from 0.
class RunEngine final : public AgentEvents {
 public:
  RunEngine(Store* store,
            Hosts* hosts,
            FleetLink* link,
            Clock* clock,
            RunListener* listener,
            const EngineOptions& options);
  ~RunEngine() override;

  // Journals and begins `plan`. The caller has made sure that `request_id` is new.
  // `patient`: hosts that are not there get the time that they have after a restart.
  // The run, its first commands and what `before` writes are one change of the store: whoever calls
  // for help waits for each. Error: nothing was kept and nothing sent.
  absl::StatusOr<v1::Run> Start(const v1::Run& run,
                                const std::string& request_id,
                                bool patient,
                                const std::function<absl::Status()>& before);
  // Takes up every run that had not ended: what may have been sent is asked after, never sent
  // again.
  absl::Status Resume();
  absl::StatusOr<v1::Run> Cancel(const std::string& run_id, const std::string& reason);
  // What a person says of a step that was theirs (controller/manual made the report); `operation`
  // is the step's, narrowed to what the person was shown. The listener has it before the run does,
  // so that a crash between the two is mended by saying it again. kNotFound,
  // kFailedPrecondition/NOT_BY_HAND or ALREADY_CONFIRMED; the same again is OK. `before` is
  // called once it is sure that it will be taken, and its error ends it.
  absl::StatusOr<v1::Run> Confirm(const std::string& run_id,
                                  const std::string& host_id,
                                  int step,
                                  const v1::Operation& operation,
                                  const v1::OperationReport& report,
                                  const std::function<absl::Status()>& before);
  // Asks the online hosts of the plan what they would do; waits at most `limit`.
  void AskPlans(v1::Plan* plan, const std::string& actor, absl::Duration limit);
  // As it is now: from memory while it goes on, with progress; else from the store.
  absl::StatusOr<v1::Run> Find(const std::string& run_id);
  void Tick();

  using Callback = std::function<void(const v1::RunEvent&)>;
  absl::StatusOr<std::uint64_t> Subscribe(const std::string& run_id, Callback callback);
  void Unsubscribe(std::uint64_t id);

  void OnConnected(const std::string& host_id, const v1::Hello& hello) override;
  void OnDisconnected(const std::string& host_id) override;
  void OnHeartbeat(const std::string& host_id, const v1::Heartbeat& heartbeat) override;
  void OnProgress(const std::string& host_id, const v1::Progress& progress) override;
  void OnReport(const std::string& host_id, const v1::OperationReport& report) override;
  void OnPlanned(const std::string& host_id, const v1::OperationPlanned& planned) override;
  void OnKnown(const std::string& host_id, const v1::KnownCommands& known) override;

 private:
  struct Open {  // A command that was sent and not answered.
    std::string host_id;
    int step = 0;
    std::string sent_to;
    bool outside = false;
    bool by_hand = false;  // A person's: nothing was sent.
    absl::Time deadline;
    // However often the agent says that it still works: it has a deadline of its own.
    absl::Time limit = absl::InfiniteFuture();
  };
  struct Active {
    v1::Run run;
    std::map<std::string, Open> open;  // By command id.
    std::set<std::string> given_up;    // Waited for long enough; a late report still counts.
    std::map<std::string, absl::Time> patience;  // By host: until when it may come online.
    std::set<std::string> dirty;                 // Hosts whose summary changed.
    bool patient = false;                        // Its hosts may still be on their way to us.
    bool changed = false;
    bool again = false;  // Some host waits for a command to leave.
    bool ended = false;
    // Not in the journal yet: its commands are gathered, and become durable with it.
    bool starting = false;
    std::vector<CommandRow> first;
    std::string text;
  };
  struct Subscription;
  // What is to be done once the lock is free.
  struct Outbox {
    struct Item {
      std::string host_id;
      std::string command_id;  // "": no command.
      v1::ControllerMessage message;
    };
    std::vector<Item> sends;
    std::vector<std::function<void()>> calls;
  };

  absl::Time StepDeadline(const Active& a, int step) const;
  absl::Time StepLimit(const Active& a, int step) const;
  v1::RunHost* HostOf(Active* a, const std::string& host_id);
  bool Final(const Active& a, const v1::HostStep& step) const;
  absl::Status Save(Active* a, const std::string& host_id, const v1::HostStep& step);
  absl::Status KeepRun(Active* a);
  absl::Status KeepCommand(Active* a, const CommandRow& row);
  // The same, and the host's step with it.
  absl::Status KeepCommand(Active* a, const CommandRow& row, const v1::HostStep& step);
  void Settle(Active* a, v1::RunHost* host, v1::HostStep* step, v1::Outcome outcome);
  bool Drive(Active* a, v1::RunHost* host, Outbox* out);
  bool Begin(Active* a, v1::RunHost* host, v1::HostStep* step, Outbox* out);
  // What a step waits for on other hosts (engine_gates.cc).
  bool Held(Active* a, v1::RunHost* host, v1::HostStep* step);
  void PassOn(Active* a, v1::RunHost* host, v1::HostStep* step);
  void SayWhatStays(Active* a, const v1::RunHost& host, v1::HostStep* step);
  std::vector<std::string> MissingOf(const v1::Run& run, const v1::RunHost& host);
  std::string BusyWith(const Active& a, const v1::RunHost& host);
  absl::Status Hindered(const Active& a, const v1::RunHost& host, const v1::PlaybookStep& step);
  absl::Duration PatienceWith(const Active& a, const v1::RunHost& host, int step) const;
  std::string CopiesLeft(const v1::RunHost& host);
  OrganisationView ViewOf(const Active& a);
  bool Renews(const CommandRow& row);
  bool DriveWave(Active* a, int wave, bool* by_hand, Outbox* out);
  v1::ControllerMessage MessageFor(const Active& a,
                                   const std::string& command_id,
                                   const Open& open);
  void Advance(Active* a, Outbox* out);
  void Conclude(Active* a, Outbox* out);
  void Publish(Active* a, Outbox* out);
  void AskAgain(const std::string& host_id);
  void Answer(const std::string& from, const v1::OperationReport& report, Outbox* out);
  // True: the report was of a command that an agent made at the end of a lease, and is seen to.
  bool AnswerOfLease(const std::string& from, const v1::OperationReport& report, Outbox* out);
  static void MarkEndedAlone(v1::HostStep* step);
  bool TakeFromLease(Active* a, v1::RunHost* host, v1::HostStep* step, Outbox* out);
  absl::Status Apply(Active* a, CommandRow row, const v1::OperationReport& report, Outbox* out);
  // Of hosts without an agent. True: it is waited for something.
  bool BeginManual(Active* a, v1::RunHost* host, v1::HostStep* step, Outbox* out);
  bool ProbeManual(Active* a, v1::RunHost* host, v1::HostStep* step, Outbox* out);
  bool WaitForHand(Active* a, v1::RunHost* host, v1::HostStep* step);
  bool Withdrawn(const Active& a, const Open& open) const;
  void GiveUpHand(Active* a, v1::RunHost* host, v1::HostStep* step);
  // True: `row` is one of a host without an agent, and nothing else is to be done about it.
  bool ResumeManual(Active* a, const CommandRow& row, v1::HostStep* step);
  // The run that goes on, or `loaded` from the store.
  absl::StatusOr<Active*> ActiveOf(const std::string& run_id, std::unique_ptr<Active>* loaded);
  bool AskOutside(Active* a, const v1::RunHost& host, const v1::HostStep& step, Outbox* out);
  void FinishProbe(Active* a,
                   v1::RunHost* host,
                   v1::HostStep* step,
                   const v1::OperationReport* outside,
                   Outbox* out);
  void RenewLeases(const std::string& host_id, const v1::Heartbeat& heartbeat);
  void LoseCommands(const std::string& host_id, Outbox* out);
  void Reconcile(const std::string& host_id, Outbox* out);
  void Dispatch(Outbox out);
  bool HandOver(Outbox* out);  // True: some command has left.

  Store* const store_;
  Hosts* const hosts_;
  FleetLink* const link_;
  Clock* const clock_;
  RunListener* const listener_;
  const EngineOptions options_;

  std::mutex confirm_mu_;  // One confirmation at a time. Before mu_.
  std::mutex mu_;
  std::condition_variable wake_;
  std::condition_variable planned_;
  std::map<std::string, std::unique_ptr<Active>> active_;
  std::set<std::string> leaving_;  // Committed as sent, not handed to the link yet.
  std::map<std::string, v1::OperationPlanned> plans_;
  std::set<std::string> plans_wanted_;
  std::map<std::uint64_t, std::shared_ptr<Subscription>> subscriptions_;
  std::uint64_t next_subscription_ = 1;
  std::int64_t sequence_ = 0;
  bool stopping_ = false;
  std::thread timer_;
};

// The worst outcome of the host's steps; unspecified while a step is open and none went wrong.
v1::Outcome WorstOutcome(const v1::RunHost& host);
bool WentWrong(v1::Outcome outcome);  // failed, refused, timed out
bool WentWell(v1::Outcome outcome);   // succeeded, unchanged
// Whether the host has no agent.
inline bool IsManual(const v1::RunHost& host) {
  return !host.manual_platform().empty();
}

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_RUNS_ENGINE_H_
