// A MailSystem over plain files in one folder, for the executor's tests: its state survives a kill
// of the process, so that what a crash leaves behind can be looked at. It behaves as the contract
// says and counts every act in `acts.log`.
#ifndef MAILQUENCH_TESTS_FAKES_FILE_MAIL_SYSTEM_H_
#define MAILQUENCH_TESTS_FAKES_FILE_MAIL_SYSTEM_H_

#include <fstream>
#include <functional>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/mail/mail_system.h"
#include "agent/os/files.h"
#include "common/status/error.h"

namespace mailquench::agent {

class FileMailSystem : public MailSystem {
 public:
  explicit FileMailSystem(std::string dir) : dir_(std::move(dir)) {}

  // Levers of a test.
  bool dialogue_fails = false;  // Every Probe answers OPEN.
  bool verify_fails = false;
  bool listens = true;      // Else a Probe finds no listener, though there is one.
  int unavailable = 0;      // So many plans, and looks at the lock, of a stopped host find it so.
  std::string start_error;  // The reason of a start that fails while the service runs.
  bool scans_delay_sweeps = false;
  std::function<void()> on_select = [] {};
  bool silence_fails = false;  // Once it is stopped.
  bool releases_stopped = false;
  bool isolates = false;
  bool start_fails = false;
  bool stop_fails = false;  // After it has stopped.
  std::function<void()> on_release = [] {};
  std::function<absl::Time()> clock = absl::Now;  // Of deadlines.
  bool silences_by_watch = false;                 // "ndrs" holds how many notifications are queued.
  std::string notice;                             // Of too little room.
  std::string lock_notice;                        // What the lock leaves open.
  std::vector<std::string> lock_duties;
  bool organisation_wide = false;                   // Silence and shadow copies.
  std::vector<std::string> relay_keys = {"relay"};  // Files that the lock writes.
  std::string status_notice;                        // Why it takes no mail.
  std::vector<double> velocities;                   // One for each time that it is asked.
  int files_to_move = 0;                            // A move takes them one by one, 10 ms each.

  void Put(const std::string& name, const std::string& text) {
    std::ofstream(dir_ + "/" + name) << text;
  }
  std::string Get(const std::string& name) const {
    std::ostringstream out;
    out << std::ifstream(dir_ + "/" + name).rdbuf();
    return out.str();
  }
  int Acts(const std::string& act) const {
    std::istringstream in(Get("acts.log"));
    int n = 0;
    for (std::string line; std::getline(in, line);) n += line == act ? 1 : 0;
    return n;
  }

  absl::StatusOr<Inventory> Inspect() override {
    Inventory out;
    out.platform = "fake";
    out.version = "1";
    out.listeners = {"127.0.0.1:25"};
    return out;
  }
  absl::StatusOr<v1::ServiceStatusResult> Status(const InstanceNames&) override {
    v1::ServiceStatusResult out;
    out.add_instances()->set_name("-");
    out.mutable_instances(0)->set_running(Get("running") == "1");
    out.mutable_instances(0)->set_notice(status_notice);
    return out;
  }
  absl::StatusOr<v1::ServiceStopResult> Stop(const InstanceNames&, const CallContext&) override {
    v1::ServiceStopResult out;
    if (Get("running") == "1") {
      Log("stop");
      Put("stopped", "1");
      out.add_stopped("-");
    } else {
      out.add_already_stopped("-");
    }
    Put("running", "0");
    if (stop_fails) return absl::InternalError("it does not stop");
    return out;
  }
  absl::StatusOr<v1::ServiceStartResult> Start(const InstanceNames&,
                                               const CallContext& context) override {
    v1::ServiceStartResult out;
    MQ_RETURN_IF_ERROR(context.still_wanted());
    if (clock() >= context.deadline)
      return Error(absl::StatusCode::kDeadlineExceeded, "SERVICE_START_TIMED_OUT", "too late");
    if (start_fails) return absl::InternalError("it does not start");
    if (Get("running") != "1") {
      Log("start");
      out.add_started("-");
    }
    Put("running", "1");
    if (!start_error.empty())
      return Error(absl::StatusCode::kFailedPrecondition, start_error, "it takes no mail");
    return out;
  }
  absl::StatusOr<v1::QueueSurveyResult> Survey(const InstanceNames&, const CallContext&) override {
    v1::QueueSurveyResult out;
    out.add_instances()->set_instance("-");
    return out;
  }
  // A survey that is in no hurry: it ends once the service was stopped, or says -1 after 5 s.
  absl::StatusOr<Surveyor> BeginSurvey(const InstanceNames&) override {
    const std::int64_t queued = std::stoll(Get("queue"));
    return [this, queued](const CallContext&) -> absl::StatusOr<v1::QueueSurveyResult> {
      const absl::Time until = absl::Now() + absl::Seconds(5);
      while (Get("stopped") != "1" && absl::Now() < until) absl::SleepFor(absl::Milliseconds(1));
      v1::QueueSurveyResult out;
      out.add_instances()->set_messages(Get("stopped") == "1" ? queued : -1);
      return out;
    };
  }
  absl::StatusOr<std::int64_t> CountQueued(const InstanceNames&) override {
    const std::string text = Get("queue");
    return text.empty() ? 0 : std::stoll(text);
  }
  absl::StatusOr<std::optional<double>> Velocity(const InstanceNames&) override {
    if (velocities.empty()) return std::optional<double>();
    const double out = velocities.front();
    velocities.erase(velocities.begin());
    return std::optional<double>(out);
  }
  bool ReleasesStopped() const override { return releases_stopped; }
  bool ScansDelaySweeps() const override { return scans_delay_sweeps; }
  bool IsolatesReleases() const override { return isolates; }
  std::string IsolationCaveat() const override { return isolates ? "never tried" : ""; }
  bool SilencesByWatch() const override { return silences_by_watch; }
  absl::StatusOr<v1::QueueQuarantineResult> Quarantine(const v1::QueueQuarantine& request,
                                                       const CallContext& context) override {
    if (request.has_filter()) {
      v1::QueueQuarantineResult taken;
      Log("select");
      on_select();
      MQ_RETURN_IF_ERROR(context.still_wanted());
      v1::QuarantineInfo* some = taken.add_quarantines();
      some->set_quarantine_id(context.command_id);
      some->set_messages(std::stoll(Get("ndrs")));
      Put("ndrs", "0");
      return taken;
    }
    if (Get("running") == "1")
      return Error(absl::StatusCode::kFailedPrecondition, "SERVICE_RUNNING", "it runs");
    v1::QueueQuarantineResult out;
    const std::string name = "quarantine-" + context.command_id;
    if (Get(name).empty()) {  // Idempotent by command id.
      Log("sweep");
      Put(name, Get("queue"));
      Put("queue", "0");
    }
    v1::QuarantineInfo* info = out.add_quarantines();
    info->set_quarantine_id(name);
    info->set_messages(std::stoll(Get(name)));
    return out;
  }
  absl::StatusOr<v1::QuarantineAnalyseResult> PreviewQuarantine(const v1::QueueQuarantine&,
                                                                const CallContext&) override {
    v1::QuarantineAnalyseResult out;
    const std::string ndrs = Get("ndrs");
    out.set_matching(ndrs.empty() ? 0 : std::stoll(ndrs));
    return out;
  }
  absl::StatusOr<v1::QuarantineListResult> ListQuarantines() override {
    v1::QuarantineListResult out;
    out.add_quarantines()->set_quarantine_id("q-1");
    return out;
  }
  absl::StatusOr<v1::QuarantineAnalyseResult> Analyse(const v1::QuarantineAnalyse&,
                                                      const CallContext&) override {
    return v1::QuarantineAnalyseResult();
  }
  absl::StatusOr<v1::QuarantineReleaseResult> Release(const v1::QuarantineRelease&,
                                                      const CallContext& context) override {
    if (releases_stopped && Get("running") == "1")
      return Error(absl::StatusCode::kFailedPrecondition, "SERVICE_RUNNING", "it runs");
    Log("release");
    on_release();
    MQ_RETURN_IF_ERROR(context.still_wanted());
    v1::QuarantineReleaseResult out;
    out.set_released(1);
    return out;
  }
  absl::StatusOr<v1::QuarantineDiscardResult> Discard(const v1::QuarantineDiscard&,
                                                      const CallContext&) override {
    return v1::QuarantineDiscardResult();
  }
  absl::StatusOr<v1::QuarantineMoveResult> PreviewMove(const v1::QuarantineMove&) override {
    v1::QuarantineMoveResult out;
    out.set_files(7);
    return out;
  }
  absl::StatusOr<v1::QuarantineMoveResult> Move(const v1::QuarantineMove& request,
                                                const CallContext& context) override {
    Log("move");
    for (int i = 0; i < files_to_move; ++i) {
      MQ_RETURN_IF_ERROR(context.still_wanted());
      absl::SleepFor(absl::Milliseconds(10));
    }
    v1::QuarantineMoveResult out;
    out.mutable_quarantine()->set_directory(request.directory());
    out.set_from_directory("elsewhere");
    return out;
  }
  std::string SpaceNotice(const InstanceNames&) override { return notice; }
  absl::StatusOr<SettingsChange> PlanRelayLock(const v1::RelayLock&) override {
    MQ_RETURN_IF_ERROR(Reachable());
    SettingsChange all;
    for (const std::string& key : relay_keys) {
      MQ_ASSIGN_OR_RETURN(const SettingsChange one, PlanFile(key, "locked\n", true));
      all.result.MergeFrom(one.result);
      all.files.insert(all.files.end(), one.files.begin(), one.files.end());
    }
    all.verify_closed = true;
    all.result.set_notice(lock_notice);
    for (const std::string& duty : lock_duties) all.result.add_duties(duty);
    return all;
  }
  absl::StatusOr<SettingsChange> PlanNdrSilence(const v1::NdrSilence&) override {
    if (silences_by_watch) return absl::UnimplementedError("there is no such setting");
    if (silence_fails && Get("running") == "0") return absl::InternalError("no room");
    return PlanFile("ndr", "silent\n", false);
  }
  bool OrganisationWide(v1::Operation::KindCase kind) const override {
    return organisation_wide &&
           (kind == v1::Operation::kNdrSilence || kind == v1::Operation::kShadowSuspend);
  }
  absl::StatusOr<SettingsChange> PlanShadowSuspend(const v1::ShadowSuspend& request) override {
    if (!organisation_wide) return MailSystem::PlanShadowSuspend(request);
    auto change = PlanFile("shadow", "off\n", false);
    if (change.ok() && !change->files.empty())
      change->result.set_organisation("First Organization");
    return change;
  }
  absl::StatusOr<SettingsChange> PlanEgress(const v1::EgressSet& request) override {
    auto change = PlanFile("egress", request.smarthost() + "\n", false);
    if (change.ok()) change->result.set_notice("mail goes through " + request.smarthost());
    return change;
  }
  absl::StatusOr<SettingsChange> PlanSenderBlock(const v1::SenderBlock& request) override {
    return PlanFile("blocks", request.account() + "\n", false);
  }
  absl::StatusOr<SettingsChange> PlanSenderUnblock(const v1::SenderUnblock&) override {
    return PlanFile("blocks", "", false);
  }
  absl::StatusOr<RestorePlan> PlanRestore(const std::vector<v1::Setting>& settings,
                                          const std::vector<v1::RestoreDecision>&,
                                          const std::vector<v1::Setting>&) override {
    RestorePlan plan;
    std::set<std::string> seen;
    for (const v1::Setting& setting : settings) {
      if (!seen.insert(setting.key()).second) continue;
      const std::string path = dir_ + "/" + setting.key();
      v1::RestoredSetting* restored = plan.result.add_settings();
      *restored->mutable_setting() = setting;
      const std::string now = Get(setting.key());
      if (now != setting.after()) {
        restored->set_state(v1::RestoredSetting::STATE_NEEDS_DECISION);
        plan.result.set_needs_decision(plan.result.needs_decision() + 1);
        continue;
      }
      restored->set_state(v1::RestoredSetting::STATE_PUT_BACK);
      plan.result.set_put_back(plan.result.put_back() + 1);
      plan.change.files.push_back({"-", path, now, false, setting.before(), false});
    }
    return plan;
  }
  absl::Status Apply(const SettingsChange& change, const CallContext&) override {
    for (const SettingsChange::File& file : change.files) {
      MQ_ASSIGN_OR_RETURN(const std::string now, ReadFile(file.path));
      if (now == file.after) continue;
      if (now != file.before)
        return Error(absl::StatusCode::kAborted, "CHANGED_MEANWHILE", file.path);
      MQ_RETURN_IF_ERROR(WriteFileAtomically(file.path, file.after));
    }
    return absl::OkStatus();
  }
  absl::Status VerifyLocked(const v1::RelayLock&) override {
    MQ_RETURN_IF_ERROR(Reachable());
    if (verify_fails) return absl::FailedPreconditionError("not locked");
    return IsLocked() ? absl::OkStatus() : absl::FailedPreconditionError("not locked");
  }
  std::vector<DeliveryReply> replies;
  absl::StatusOr<ReadLog> ReadDeliveryReplies(absl::Time since,
                                              const ReplyVisitor& visit,
                                              const CallContext&) override {
    for (const DeliveryReply& reply : replies) {
      if (reply.time >= since) visit(reply);
    }
    return ReadLog();
  }
  absl::StatusOr<v1::RelayProbeResult> Probe(const v1::RelayProbe&, const CallContext&) override {
    v1::RelayProbeResult out;
    if (!listens) return out;
    v1::ListenerProbe* listener = out.add_listeners();
    listener->set_target("127.0.0.1:25");
    listener->set_verdict(dialogue_fails || !IsLocked() ? v1::RELAY_VERDICT_OPEN
                                                        : v1::RELAY_VERDICT_CLOSED);
    return out;
  }

 private:
  absl::Status Reachable() {
    if (Get("running") == "1" || unavailable == 0) return absl::OkStatus();
    --unavailable;
    return Error(absl::StatusCode::kUnavailable, "NO_SHELL", "the shell does not answer");
  }
  bool IsLocked() const {
    for (const std::string& key : relay_keys) {
      if (Get(key) != "locked\n") return false;
    }
    return true;
  }
  void Log(const std::string& act) {
    std::ofstream(dir_ + "/acts.log", std::ios::app) << act << "\n";
  }
  absl::StatusOr<SettingsChange> PlanFile(const std::string& name,
                                          const std::string& after,
                                          bool verify) {
    SettingsChange change;
    const std::string before = Get(name);
    change.verify_closed = verify;
    if (before == after) return change;
    v1::Setting* setting = change.result.add_settings();
    setting->set_key(name);
    setting->set_before(before);
    setting->set_after(after);
    change.files.push_back({"-", dir_ + "/" + name, before, false, after, false});
    return change;
  }
  const std::string dir_;
};

}  // namespace mailquench::agent

#endif  // MAILQUENCH_TESTS_FAKES_FILE_MAIL_SYSTEM_H_
