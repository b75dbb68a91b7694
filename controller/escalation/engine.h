// Takes alerts in, does what the rules make of them, and sees each to its end.
#ifndef MAILQUENCH_CONTROLLER_ESCALATION_ENGINE_H_
#define MAILQUENCH_CONTROLLER_ESCALATION_ENGINE_H_

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/clock/clock.h"
#include "controller/escalation/committer.h"
#include "controller/escalation/config.h"
#include "controller/escalation/decide.h"
#include "controller/escalation/hands.h"
#include "controller/escalation/inbox.h"
#include "controller/escalation/sources.h"
#include "controller/notify/notices.h"
#include "controller/store/store.h"

namespace mailquench::controller {

struct EscalatorOptions {
  std::string file;     // escalation.yaml; empty: no rules, nothing starts by itself.
  bool threads = true;  // Tests switch them off and call Work() and Outside().
  absl::Duration poll = absl::Seconds(10);     // Of Alertmanager, while something is waited for.
  absl::Duration silence = absl::Minutes(15);  // Its length; extended while the run goes on.
  absl::Duration keep_alerts = absl::Hours(24 * 90);  // And escalations that ended, and notices.
  // After Begin(): for so long nothing is decided while agents are away that are expected. They
  // all come back at once, and a decision before that would find no host that can be reached.
  absl::Duration settle = absl::ZeroDuration();
  std::function<void(const std::string&)> log = [](const std::string&) {};
  // What was decided, for the metrics.
  std::function<void(const std::string& rule, v1::EscalationAction)> decided;
};

// Each state of an escalation is in the store before what it says is done, and is done again after
// a crash under the same request id, so that nothing happens twice. Thread-safe.
class Escalator final : public AlertInbox {
 public:
  Escalator(Store* store,
            EscalationHands* hands,
            Notices* notices,
            AlertSources* sources,
            Clock* clock,
            EscalatorOptions options);
  ~Escalator() override;  // Stop()

  // Reads the file. A file that is wrong leaves the controller without rules, and GetRules() says
  // so: agents and operators need the controller more than it needs rules.
  absl::Status Load();
  // Takes up what was open. Once the core can start runs.
  void Begin();
  void Stop();

  // Many callers share one commit. A repeat of what fired before is a duplicate; of one that no
  // rule wanted, before these rules were loaded, it is decided anew.
  absl::StatusOr<Taken> Take(const std::vector<v1::Alert>& alerts) override;
  void TakeLater(const std::vector<v1::Alert>& alerts, Done done) override;

  // From the core: a run has ended. Quick; the rest comes later on the worker.
  void RunEnded() { Wake(); }

  // ---- People.
  absl::StatusOr<v1::RaiseAlertsResponse> Raise(const v1::RaiseAlertsRequest& request,
                                                const std::string& actor);
  absl::StatusOr<v1::TestAlertsResponse> Test(const v1::TestAlertsRequest& request);
  absl::StatusOr<v1::ListEscalationsResponse> List(const v1::ListEscalationsRequest& request);
  absl::StatusOr<v1::Escalation> Get(const std::string& escalation_id);
  absl::StatusOr<v1::ListAlertsResponse> ListAlerts(const v1::ListAlertsRequest& request);
  // `may`: whether this person may run these operations; asked of what is approved, not of what
  // was looked at before. Empty: yes.
  using May = std::function<absl::Status(const std::vector<v1::Operation>&)>;
  absl::StatusOr<v1::Escalation> Approve(const v1::ApproveEscalationRequest& request,
                                         const std::string& actor,
                                         const May& may = {});
  absl::StatusOr<v1::Escalation> Reject(const v1::RejectEscalationRequest& request,
                                        const std::string& actor);
  absl::StatusOr<v1::Escalation> Propose(const v1::ProposeRunRequest& request,
                                         const std::string& actor);
  absl::StatusOr<v1::LintRulesResponse> Lint(const v1::LintRulesRequest& request);
  absl::StatusOr<v1::GetRulesResponse> GetRules();
  absl::StatusOr<v1::GetRulesResponse> Reload(const std::string& actor);
  absl::StatusOr<v1::GetRulesResponse> SetPause(const v1::SetPauseRequest& request,
                                                const std::string& actor);
  OwnWatchRules OwnRules();
  bool Paused();

  // ---- One pass of each thread. When the next one is due at the latest.
  absl::Time Work();     // Inbox, runs that ended, times that have come.
  absl::Time Outside();  // Dry runs of proposals, silences, what Alertmanager has.

 private:
  using Change = std::function<absl::Status(v1::Escalation*)>;
  struct Pause {
    bool paused = false;
    std::string by, reason;
  };
  // Of an alert that its Alertmanager does not have: since when, and how often it was asked.
  struct Absence {
    absl::Time since;
    int polls = 0;
  };

  std::shared_ptr<const EscalationConfig> Config();
  void Install(EscalationConfig config);
  Pause PauseOfNow();
  void Wake();
  void WakeOutside();
  void Loop(absl::Time (Escalator::*pass)(), bool* wake, std::condition_variable* cv);
  absl::StatusOr<bool> TakeUpSome();  // Whether there may be more.
  IntakeRules RulesOfNow();
  bool IsSettling(absl::Time now);

  // engine_take.cc
  absl::Status AdoptStart(v1::Alert* alert);
  absl::StatusOr<std::vector<AlertEvent>> EventsOf(const std::vector<v1::Alert>& alerts);
  absl::StatusOr<Taken> TakeEvents(std::vector<AlertEvent> events);

  // engine_decide.cc
  absl::StatusOr<DecisionFacts> FactsOfNow(const Rules& rules,
                                           const std::vector<v1::Alert>& alerts);
  absl::Status TakeUp(std::vector<v1::AlertRecord> records);
  absl::Status Join(const Decision& decision, std::map<std::string, std::string>* escalation_of);
  absl::StatusOr<v1::Plan> QuickPlan(const Decision& decision);
  // `opened`: incidents that this pass has opened, by rule.
  absl::Status Keep(const Decision& decision,
                    const absl::StatusOr<v1::Plan>& plan,
                    std::map<std::string, std::string>* opened,
                    std::map<std::string, std::string>* escalation_of);
  absl::Status Resolved(v1::AlertRecord* record);
  void NothingLeft(v1::Escalation* escalation);

  // engine_act.cc
  absl::Status Begin(v1::Escalation* escalation);  // STARTING: starts its run.
  absl::Status Ended(v1::Escalation* escalation, const v1::Run& run);
  absl::Status TimeHasCome(v1::Escalation* escalation);
  void Finish(v1::Escalation* escalation, v1::EscalationState state, const std::string& text);
  void Say(v1::Escalation* escalation, const std::string& text, const std::string& actor = "");
  absl::Status Put(const v1::Escalation& escalation);
  absl::StatusOr<v1::Escalation> Edit(const std::string& id, const Change& change);

  // engine_again.cc
  absl::Status BeginLate(v1::Escalation* escalation);
  absl::Status TryAgain(v1::Escalation* escalation);
  absl::StatusOr<Decision> JudgeAgain(const v1::Escalation& escalation);
  absl::Status ProposeInstead(v1::Escalation* escalation, const std::string& why);
  absl::StatusOr<std::int64_t> FiringOnItsHosts(const v1::Escalation& escalation);

  // engine_silence.cc: one step; when the next one is due.
  absl::Time SeeToSilence(const v1::Escalation& escalation, const EscalationConfig& config);

  // engine_outside.cc
  void DryRun(const v1::Escalation& escalation);
  void LookForEnds(const std::vector<v1::Escalation>& open, const EscalationConfig& config);
  std::optional<AlertmanagerConfig> AlertmanagerOf(const std::string& source,
                                                   const EscalationConfig& config);

  // story.cc
  void TellState(const v1::Escalation& escalation);
  // "" while it is told by itself; else the id of the one notice for all that follow.
  std::string CollectedIn(const v1::Notice& notice);
  void TellWell(const v1::Escalation& escalation);  // That its run went well.
  void TellAgain(absl::Time now);
  void Tell(const v1::Escalation& escalation,
            const std::string& kind,
            const std::string& severity,
            const std::string& text,
            const std::string& next);

  Store* const store_;
  EscalationHands* const hands_;
  Notices* const notices_;
  AlertSources* const sources_;
  Clock* const clock_;
  const EscalatorOptions options_;

  // One change of escalations at a time. Before the core's locks and the store's.
  std::recursive_mutex state_mu_;
  std::mutex config_mu_;
  std::shared_ptr<const EscalationConfig> config_;
  std::string load_error_;
  absl::Time load_time_ = absl::InfinitePast();

  std::mutex wake_mu_;
  std::condition_variable work_cv_, outside_cv_;
  bool work_ = false, outside_ = false, stopping_ = false;
  std::set<std::string> dry_;  // Proposals whose agents have been asked.
  std::thread worker_, outsider_;
  std::atomic<bool> told_ = false;  // Every state of late.
  std::atomic<int> taken_up_ = 0;   // Alerts, by the last pass.
  absl::Time begun_;                // Set before there are threads.
  struct Telling {
    absl::Time since = absl::InfinitePast();
    std::set<std::string> notice_ids;
  };
  std::mutex tell_mu_;
  std::map<std::string, Telling> tellings_;  // By incident and kind.

  // Of the outside thread alone.
  std::map<std::string, Absence> absent_;           // By alert key.
  std::set<std::string> away_;                      // Alertmanagers that do not answer.
  std::map<std::string, absl::Time> silence_next_;  // Escalation: not before.
  absl::Time next_poll_ = absl::InfinitePast();
  absl::Time next_prune_ = absl::InfinitePast();

  // The last: its thread uses what stands above.
  std::unique_ptr<AlertCommitter> committer_;
};

// Under which the store has the last file of rules that could be read.
inline constexpr const char* kLastGood = "escalation.last_good";

// Of its next run: the same one after a crash, so that nothing is started twice.
std::string RequestIdOf(const v1::Escalation& escalation);
// Final states have an end time.
bool IsFinal(v1::EscalationState state);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_ESCALATION_ENGINE_H_
