// The agent as a service: the link's commands go to two workers, one for changes and one for what
// only observes, so that a long watch never delays a containment.
#include <google/protobuf/util/time_util.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "agent/antivirus/pinned_program.h"
#include "agent/app/agent.h"
#include "agent/app/connected.h"
#include "agent/app/lease_keeper.h"
#include "agent/app/observer.h"
#include "agent/app/service_look.h"
#include "agent/app/worker.h"
#include "agent/link/enrol.h"
#include "agent/link/link.h"
#include "agent/os/files.h"
#include "agent/os/host.h"
#include "agent/os/usage.h"
#include "common/command/words.h"
#include "common/operation/names.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {

constexpr absl::Duration kTellAgain = absl::Seconds(30);

class Service {
 public:
  Service(Agent& agent, const std::string& controller)
      : agent_(agent),
        observer_(ToObserve(agent), Questions()),
        link_(Options(agent, controller), Callbacks()) {}
  // The link and the observer ask each other: both have ended before either goes.
  ~Service() { Stop(); }

  absl::Status Start() {
    agent_.executor->CloseObservers();  // Before the first of ours begins.
    PinnedProgram::Sweep(agent_.state_dir);
    observer_.Start();
    absl::Status started = link_.Start();
    // What was half done is completed also where no controller can be asked. Else Tick() does it.
    if (!started.ok()) agent_.executor->ResumeUnfinished(Progress(), absl::ZeroDuration());
    return started;
  }
  // Each second: leases that end, and what a break-glass command on this host left to report.
  void Tick() {
    const bool connected = link_.connected();
    if (connected) SayConnected();
    leases_.Look(connected);
    // One at a time: while a change goes on, the queue stays free for commands.
    if (ticking_.exchange(true)) return;
    const bool posted = changes_.TryPost([this] {
      DoTick();
      ticking_ = false;
    });
    if (!posted) ticking_ = false;
  }
  void Stop() {
    agent_.executor->End();
    observer_.Stop();  // Of whom the link may wait for a hello.
    link_.Stop();
  }

 private:
  void SayConnected() {
    if (said_connected_) return;
    const absl::Status said =
        WriteConnected(agent_.state_dir, {kAgentVersion, ProcessId(), absl::Now()});
    said_connected_ = said.ok();
    if (!said.ok()) spdlog::warn("that it is connected could not be noted: {}", said.ToString());
  }
  static LinkOptions Options(const Agent& agent, const std::string& controller) {
    LinkOptions options;
    options.controller = controller;
    options.state_dir = agent.state_dir;
    options.heartbeat_interval = agent.config.heartbeat;
    return options;
  }
  static ObserverOptions ToObserve(const Agent& agent) {
    ObserverOptions options;
    options.heartbeat = agent.config.heartbeat;
    return options;
  }
  ObserverCalls Questions() {
    ObserverCalls calls;
    calls.inspect = [this] { return MakeHello(agent_); };
    calls.service = [this] { return LookAtService(*agent_.mail); };
    calls.count = [this] { return agent_.mail->CountQueued({}); };
    calls.drift = [this] { return agent_.executor->Drift(); };
    calls.is_changing = [this] { return agent_.executor->IsChanging(); };
    calls.hello_changed = [this] {
      spdlog::info("what this host says of itself has changed: it says hello anew");
      link_.Reconnect();
    };
    return calls;
  }
  ProgressFn Progress() {
    return [this](const std::string& id, const std::string& text) {
      v1::Progress progress;
      progress.set_command_id(id);
      progress.set_text(text);
      link_.SendProgress(progress);
    };
  }
  LinkCallbacks Callbacks() {
    LinkCallbacks callbacks;
    callbacks.hello = [this] { return observer_.Hello(); };
    callbacks.heartbeat = [this] {
      v1::Heartbeat beat;
      beat.set_queued_messages(observer_.Queued());
      const ServiceLook service = observer_.Service();
      beat.set_mail_service(service.state);
      if (service.queue_free_bytes.has_value())
        beat.set_queue_free_bytes(*service.queue_free_bytes);
      const ProcessUsage usage = OwnUsage();
      beat.set_agent_resident_bytes(usage.resident_bytes);
      beat.set_agent_cpu_seconds(usage.cpu_seconds);
      beat.set_alarm_text(agent_.executor->Alarm());
      beat.set_alarm(!beat.alarm_text().empty());
      for (const v1::Lease& lease : agent_.journal->Leases().value_or(std::vector<v1::Lease>())) {
        v1::HeldLease* held = beat.add_leases();
        held->set_command_id(lease.command_id());
        *held->mutable_end_time() = lease.end_time();
        *held->mutable_length() = LeaseLength(lease.stop());
      }
      const std::optional<std::vector<std::string>> drifted = observer_.Drifted();
      beat.set_drift_unknown(!drifted.has_value());
      if (drifted) beat.mutable_drifted()->Assign(drifted->begin(), drifted->end());
      return beat;
    };
    callbacks.on_command = [this](const v1::Command& command) { Take(command); };
    callbacks.on_cancel = [this](const v1::Cancel& cancel) {
      agent_.executor->Cancel(cancel.command_id());
    };
    callbacks.on_reconcile = [this](const v1::Reconcile& request) { return Known(request); };
    callbacks.on_lease_renewal = [this](const v1::LeaseRenewal& renewal) {
      const absl::Duration length = absl::Microseconds(
          google::protobuf::util::TimeUtil::DurationToMicroseconds(renewal.length()));
      const absl::Status renewed =
          agent_.journal->RenewLease(renewal.command_id(), absl::Now() + length);
      if (!renewed.ok()) spdlog::warn("a lease was not renewed: {}", renewed.ToString());
    };
    callbacks.unreported = [this] {
      return agent_.journal->Unreported().value_or(std::vector<v1::OperationReport>());
    };
    callbacks.on_ack = [this](const std::string& id) {
      const absl::Status done = agent_.journal->Acknowledge(id);
      if (!done.ok())
        spdlog::error("an acknowledgement could not be written, the report will be sent again: {}",
                      done.ToString());
    };
    return callbacks;
  }

  void Take(const v1::Command& command) {
    Worker& worker =
        ClassOf(command.operation()) == v1::OPERATION_CLASS_OBSERVE || command.plan_only()
            ? observers_
            : changes_;
    {
      const std::lock_guard<std::mutex> lock(mu_);
      queued_.insert(command.command_id());
    }
    if (!command.plan_only()) agent_.executor->Expect(command);
    const bool urgent = !command.plan_only() && IsUrgent(command.operation());
    const auto work = [this, command] {
      if (command.plan_only())
        link_.SendPlanned(agent_.executor->Plan(command));
      else
        Tell(agent_.executor->Execute(command, false, Progress()));
      Done(command.command_id());
    };
    if (worker.TryPost(work, urgent)) return;
    agent_.executor->ExpectNoMore(command.command_id());
    Done(command.command_id());
    v1::OperationReport report;
    report.set_command_id(command.command_id());
    report.set_operation(OperationName(command.operation()));
    report.set_outcome(v1::OUTCOME_REFUSED);
    *report.mutable_error() =
        ToProto(Error(absl::StatusCode::kResourceExhausted, "AGENT_BUSY",
                      "the agent's work queue is full; nothing was done, try again later"));
    link_.SendReport(report);
  }
  void DoTick() {
    const absl::Time now = absl::Now();
    agent_.executor->ResumeUnfinished(Progress(), absl::ZeroDuration());
    for (const v1::OperationReport& report : leases_.EndDue(Progress())) link_.SendReport(report);
    const auto unreported = agent_.journal->Unreported();
    if (!unreported.ok() || !link_.connected()) return;
    // Those of a break-glass command, and of what was completed by the way. An answer may be under
    // way.
    std::map<std::string, absl::Time> told;
    {
      const std::lock_guard<std::mutex> lock(mu_);
      std::erase_if(told_, [&](const auto& one) { return now - one.second >= kTellAgain; });
      told = told_;
    }
    for (const v1::OperationReport& report : *unreported) {
      if (told.count(report.command_id()) == 0) Tell(report);
    }
  }
  // A report is the last word on its command: not while the journal still says "begun".
  void Tell(const v1::OperationReport& report) {
    const auto open = agent_.journal->IsBegun(report.command_id());
    if (open.ok() && *open) {
      Progress()(report.command_id(), report.error().message());
      return;
    }
    {
      const std::lock_guard<std::mutex> lock(mu_);
      told_[report.command_id()] = absl::Now();
    }
    link_.SendReport(report);
  }
  void Done(const std::string& id) {
    const std::lock_guard<std::mutex> lock(mu_);
    queued_.erase(id);
  }
  // A command that waits in a queue of ours has been seen, although the journal does not know it
  // yet.
  v1::KnownCommands Known(const v1::Reconcile& request) {
    v1::KnownCommands known = agent_.executor->Reconcile(request);
    const std::lock_guard<std::mutex> lock(mu_);
    v1::KnownCommands out = known;
    out.clear_never_seen();
    for (const std::string& id : known.never_seen()) {
      if (queued_.count(id) != 0)
        out.add_running(id);
      else
        out.add_never_seen(id);
    }
    return out;
  }

  Agent& agent_;
  std::mutex mu_;
  std::set<std::string> queued_;  // Guarded by mu_.
  Observer observer_;
  AgentLink link_;
  LeaseKeeper leases_{*agent_.executor};
  std::atomic<bool> ticking_ = false;
  bool said_connected_ = false;             // Of the thread that ticks.
  std::map<std::string, absl::Time> told_;  // Guarded by mu_. When a report was sent last.
  Worker observers_{4};
  Worker changes_{1};  // Destroyed before the link that its work uses.
};
}  // namespace

int RunCommand(const std::string& state_dir, const std::string& controller, Ending& ending) {
  auto agent = OpenAgent(state_dir);
  if (!agent.ok()) {
    spdlog::critical("{}", std::string(agent.status().message()));
    return 1;
  }
  Service service(**agent, controller);
  const absl::Status started = service.Start();
  if (!started.ok()) {
    spdlog::critical("{}", std::string(started.message()));
    return 1;
  }
  spdlog::info("agent {} runs; controller {}", (*agent)->host_id, controller);
  ending.Serving();
  while (!ending.Await(absl::Seconds(1))) service.Tick();
  spdlog::info("ending");
  service.Stop();
  return (*agent)->executor->Alarm().empty() ? 0 : 2;
}

int EnrolCommand(const std::string& state_dir,
                 const std::string& address,
                 const std::string& token_file,
                 const std::string& hostname) {
  const auto token = ReadFile(token_file, 65536);
  if (!token.ok()) {
    command::Say("mailquench-agent",
                 absl::StrCat("the token cannot be read: ", token.status().message()));
    return 1;
  }
  EnrolOptions options;
  options.token = token->substr(0, token->find_first_of("\r\n \t"));
  options.enrolment_address = address;
  options.state_dir = state_dir;
  options.hostname = hostname;
  const auto enrolled = Enrol(options);
  if (!enrolled.ok()) {
    command::Say("mailquench-agent", std::string(enrolled.status().message()));
    return enrolled.status().code() == absl::StatusCode::kPermissionDenied ||
                   enrolled.status().code() == absl::StatusCode::kUnauthenticated
               ? 4
               : 1;
  }
  std::printf("%s\n", enrolled->host_id.c_str());
  return 0;
}

}  // namespace mailquench::agent
