#include "tests/e2e/exchange_agent.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/mail/exchange/powershell/session.h"
#include "agent/os/files.h"
#include "common/operation/names.h"
#include "tests/simulation/exchange/control.h"

namespace mailquench::fleet {
namespace {
using agent::exchange::ExchangeMailSystem;
using nlohmann::json;

constexpr absl::Duration kTick = absl::Milliseconds(50);

agent::exchange::ExchangeOptions OptionsIn(const std::string& state, absl::Duration call_wait) {
  agent::exchange::ExchangeOptions options;
  options.state_directory = state;
  options.service.settle = absl::Milliseconds(50);
  options.service.between_looks = absl::Milliseconds(50);
  options.service.ready_wait = absl::Seconds(20);
  options.service.call_wait = call_wait;
  options.queue.swap.busy_wait = absl::Milliseconds(100);
  options.queue.swap.between_tries = absl::Milliseconds(5);
  options.queue.call_wait = call_wait;
  options.settings.call_timeout = call_wait;
  options.settings.own_addresses = [] { return std::vector<std::string>(); };
  options.call_wait = call_wait;
  return options;
}

json Ask(const std::string& world, const std::string& server, const json& request) {
  static const std::atomic<bool> never_ended = false;
  return simulation::exchange::AskTransport(world, server, request, never_ended)
      .value_or(json::object());
}
bool IsCopy(const json& message) {
  return absl::StrContains(message.at("Queue").get<std::string>(), "\\Shadow");
}
}  // namespace

ExchangeAgent::ExchangeAgent(
    std::string world, std::string server, std::string fqdn, absl::Duration call_wait, Tell tell)
    : services(std::make_unique<simulation::exchange::Services>(world, server, absl::Seconds(2))),
      world_(std::move(world)),
      server_(std::move(server)),
      id_(absl::AsciiStrToLower(server_)),
      tell_(std::move(tell)) {
  agent_.state_dir = absl::StrCat(world_, "/state-", id_);
  agent_.host_id = id_;
  std::filesystem::create_directories(agent_.state_dir);
  agent::exchange::Installation installation;
  installation.path = absl::StrCat(world_, "/servers/", server_);
  installation.server = server_;
  installation.fqdn = std::move(fqdn);
  installation.version = "15.2.1748.10";
  agent::exchange::SessionOptions session = agent::exchange::OptionsFor(installation);
  session.program = {MAILQUENCH_EXCHANGE_SIM};
  session.environment = {absl::StrCat("MAILQUENCH_EXCHANGE_WORLD=", world_),
                         absl::StrCat("MAILQUENCH_EXCHANGE_SERVER=", server_)};
  shell_ = agent::exchange::MakeSession(std::move(session));
  agent_.mail = std::make_unique<ExchangeMailSystem>(installation, *shell_, *services,
                                                     OptionsIn(agent_.state_dir, call_wait));
  agent_.journal = agent::Journal::Open(agent_.state_dir + "/journal.db").value();
  agent::ExecutorOptions options;
  options.host_id = id_;
  options.state_dir = agent_.state_dir;
  agent_.executor =
      std::make_unique<agent::Executor>(*agent_.mail, *agent_.journal, clock_, options);
  tick_ = std::thread([this] {
    while (!ending_) {
      Tick();
      absl::SleepFor(kTick);
    }
  });
}

ExchangeAgent::~ExchangeAgent() {
  ending_ = true;
  tick_.join();
  agent_.executor->End();
}

v1::Hello ExchangeAgent::Hello() {
  return agent::MakeHello(agent_);
}

void ExchangeAgent::Receive(const v1::ControllerMessage& message) {
  (void)inbox_.TryPost([this, message] {
    if (message.has_command()) Take(message.command());
    if (message.has_ack()) (void)agent_.journal->Acknowledge(message.ack().command_id());
    if (message.has_cancel()) agent_.executor->Cancel(message.cancel().command_id());
    if (message.has_lease()) {
      (void)agent_.journal->RenewLease(
          message.lease().command_id(),
          clock_.Now() + absl::Seconds(message.lease().length().seconds()));
    }
    if (!message.has_reconcile()) return;
    v1::KnownCommands known = agent_.executor->Reconcile(message.reconcile());
    {
      // What waits for a worker has been seen.
      const std::lock_guard<std::mutex> lock(mu_);
      v1::KnownCommands told = known;
      told.clear_never_seen();
      for (const std::string& id : known.never_seen())
        queued_.count(id) != 0 ? told.add_running(id) : told.add_never_seen(id);
      known = told;
    }
    tell_([&](controller::AgentEvents& events) { events.OnKnown(id_, known); });
  });
}

agent::ProgressFn ExchangeAgent::Progress() {
  return [this](const std::string& id, const std::string& text) {
    v1::Progress progress;
    progress.set_command_id(id);
    progress.set_text(text);
    tell_([&](controller::AgentEvents& events) { events.OnProgress(id_, progress); });
  };
}

void ExchangeAgent::Take(const v1::Command& command) {
  const bool observes = ClassOf(command.operation()) == v1::OPERATION_CLASS_OBSERVE;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    queued_.insert(command.command_id());
  }
  if (!command.plan_only()) agent_.executor->Expect(command);
  agent::Worker& worker = observes || command.plan_only() ? observers_ : changes_;
  (void)worker.TryPost([this, command] {
    if (command.plan_only()) {
      const v1::OperationPlanned planned = agent_.executor->Plan(command);
      tell_([&](controller::AgentEvents& events) { events.OnPlanned(id_, planned); });
    } else {
      Report(agent_.executor->Execute(command, false, Progress()));
    }
    const std::lock_guard<std::mutex> lock(mu_);
    queued_.erase(command.command_id());
  });
}

// Where nobody hears it, it stays in the journal, and is sent when the controller is back.
void ExchangeAgent::Report(const v1::OperationReport& report) {
  if (agent_.journal->IsBegun(report.command_id()).value_or(true)) return;
  const bool heard = tell_([&](controller::AgentEvents& events) { events.OnReport(id_, report); });
  if (heard) (void)agent_.journal->Acknowledge(report.command_id());
}

void ExchangeAgent::SendUnreported() {
  (void)inbox_.TryPost([this] {
    for (const v1::OperationReport& report :
         agent_.journal->Unreported().value_or(std::vector<v1::OperationReport>()))
      Report(report);
  });
}

v1::Heartbeat ExchangeAgent::Beat() {
  v1::Heartbeat beat;
  *beat.mutable_time() =
      google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(clock_.Now()));
  beat.set_queued_messages(-1);
  beat.set_alarm_text(agent_.executor->Alarm());
  beat.set_alarm(!beat.alarm_text().empty());
  for (const v1::Lease& lease : agent_.journal->Leases().value_or(std::vector<v1::Lease>())) {
    v1::HeldLease* held = beat.add_leases();
    held->set_command_id(lease.command_id());
    *held->mutable_end_time() = lease.end_time();
    *held->mutable_length() = agent::LeaseLength(lease.stop());
  }
  return beat;
}

// A controller that does not hear is gone: what that takes on a real host is the link's matter.
void ExchangeAgent::Tick() {
  const v1::Heartbeat beat = Beat();
  const bool heard = tell_([&](controller::AgentEvents& events) { events.OnHeartbeat(id_, beat); });
  agent_.executor->ExpectDueLeases(!heard);
  if (ticking_.exchange(true)) return;
  const bool posted = changes_.TryPost([this, heard] {
    agent_.executor->ResumeUnfinished(Progress(), absl::ZeroDuration());
    if (!heard) {
      for (const v1::OperationReport& report : agent_.executor->EndDueLeases(Progress()))
        Report(report);
    }
    ticking_ = false;
  });
  if (!posted) ticking_ = false;
}

void ExchangeAgent::StartServices() {
  for (const char* name : {agent::exchange::kTransport, agent::exchange::kFrontEnd}) {
    const absl::Status started =
        services->Start(name, absl::Now() + absl::Seconds(30),
                        [](const agent::ServiceInfo&, absl::Duration) { return absl::OkStatus(); });
    if (!started.ok()) std::abort();
  }
}

bool ExchangeAgent::Runs() {
  for (const char* name : {agent::exchange::kTransport, agent::exchange::kFrontEnd}) {
    const auto info = services->Query(name);
    if (!info.ok() || info->state != agent::ServiceState::kRunning) return false;
  }
  return true;
}

json ExchangeAgent::Sim(const std::string& name) const {
  const auto text = agent::ReadFile(absl::StrCat(world_, "/servers/", server_, "/sim/", name));
  return text.ok() ? json::parse(*text, nullptr, false) : json();
}

json ExchangeAgent::Messages() const {
  const json answer = Ask(world_, server_, {{"do", "messages"}});
  return answer.contains("messages") ? answer["messages"] : json::array();
}

int ExchangeAgent::Copies() const {
  const json all = Messages();
  return static_cast<int>(std::count_if(all.begin(), all.end(), IsCopy));
}

int ExchangeAgent::Queued() const {
  const json all = Messages();
  return static_cast<int>(
      std::count_if(all.begin(), all.end(), [](const json& one) { return !IsCopy(one); }));
}

int ExchangeAgent::Resubmitted() const {
  const json status = Sim("transport.json");
  return status.is_object() ? status.value("resubmitted", 0) : 0;
}

int ExchangeAgent::Quarantines() {
  const auto all = agent_.mail->ListQuarantines();
  return all.ok() ? all->quarantines_size() : -1;
}

bool ExchangeAgent::Swept() {
  for (const v1::Lease& lease : journal().Leases().value_or(std::vector<v1::Lease>())) {
    const auto report = journal().Report(lease.command_id() + ".lease-swept");
    if (report.ok() && report->has_value() && (*report)->outcome() == v1::OUTCOME_SUCCEEDED)
      return true;
  }
  return false;
}

int ExchangeAgent::Calls(const std::string& cmdlet) const {
  const auto text =
      agent::ReadFile(absl::StrCat(world_, "/servers/", server_, "/sim/calls.jsonl")).value_or("");
  int calls = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n'))
    calls += absl::StrContains(line, cmdlet) ? 1 : 0;
  return calls;
}

void ExchangeAgent::SetFaults(const json& faults) const {
  const absl::Status written = agent::WriteFileAtomically(
      absl::StrCat(world_, "/servers/", server_, "/sim/faults.json"), faults.dump());
  if (!written.ok()) std::abort();
}

std::string ExchangeAgent::Submit(const std::string& subject) const {
  const json answer =
      Ask(world_, server_,
          {{"do", "submit"},
           {"from", "anna@contoso.test"},
           {"to", {"somebody@elsewhere.test"}},
           {"eml", absl::StrCat("From: <anna@contoso.test>\r\nSubject: ", subject,
                                "\r\nMessage-ID: <", subject, "@contoso.test>\r\n\r\nbuy\r\n")}});
  return answer.value("ok", false) ? "" : answer.dump();
}

}  // namespace mailquench::fleet
