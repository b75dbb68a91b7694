#include "tests/simulation/exchange/services.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/os/host.h"
#include "common/status/error.h"

namespace mailquench::simulation::exchange {
using agent::ServiceInfo;
using agent::ServiceProgress;
using agent::ServiceState;
namespace {

const char* NameOf(ServiceState state) {
  switch (state) {
    case ServiceState::kStopped:
      return "Stopped";
    case ServiceState::kStartPending:
      return "StartPending";
    case ServiceState::kStopPending:
      return "StopPending";
    default:
      return "Running";
  }
}

absl::Status NoService(const std::string& name) {
  return Error(absl::StatusCode::kNotFound, "NO_SERVICE",
               absl::StrCat("there is no service ", name, " on this server"));
}

}  // namespace

Services::Services(std::string world, std::string server, absl::Duration recovers_after)
    : world_(std::move(world)),
      server_(std::move(server)),
      recovers_after_(recovers_after),
      settings_(world_, server_),
      transport_(world_, server_),
      frontend_(world_, server_) {
  const bool edge = TextIn(settings_.Now()->Server(), "role", "Mailbox") == "Edge";
  for (ServiceNames& one : ServicesOf(edge)) {
    services_[one.name].depends_on = std::move(one.depends_on);
    const bool ours = one.name == kTransportService || one.name == kFrontendService;
    Set(one.name, ours ? ServiceState::kStopped : ServiceState::kRunning);
    if (ours) services_[one.name].since = absl::InfiniteFuture();  // Never started yet.
  }
  watching_ = std::thread([this] { Watch(); });
}

Services::~Services() {
  ended_ = true;
  changed_.notify_all();
  watching_.join();
  for (auto& entry : services_) {
    if (entry.second.stopping.joinable()) entry.second.stopping.join();
  }
  frontend_.Stop();
  (void)transport_.Stop();
}

void Services::Set(const std::string& name, ServiceState state) {
  Service& service = services_[name];
  service.state = state;
  service.since = absl::Now();
  service.checkpoint = 0;
  SetServiceState(world_, server_, name, NameOf(state));
  changed_.notify_all();
}

ServiceInfo Services::InfoOf(const Service& service) const {
  ServiceInfo info;
  info.state = service.state;
  info.process_id = service.state == ServiceState::kStopped ? 0 : agent::ProcessId();
  info.exit_code = service.exit_code;
  info.checkpoint = service.checkpoint;
  info.wait_hint = absl::Seconds(30);
  info.start_type = agent::StartType::kAutomatic;
  return info;
}

absl::StatusOr<ServiceInfo> Services::Query(const std::string& name) {
  const std::lock_guard<std::mutex> lock(mu_);
  const auto it = services_.find(name);
  if (it == services_.end()) return NoService(name);
  ServiceInfo info = InfoOf(it->second);
  info.display_name = "Microsoft Exchange (simulated) " + name;
  return info;
}

// Those that depend on it before those that they depend on.
std::vector<std::string> Services::DependentsOf(const std::string& name) const {
  std::vector<std::string> dependents;
  for (const auto& entry : services_) {
    const auto& on = entry.second.depends_on;
    if (std::find(on.begin(), on.end(), name) == on.end() ||
        entry.second.state == ServiceState::kStopped)
      continue;
    for (const std::string& deeper : DependentsOf(entry.first)) {
      if (std::find(dependents.begin(), dependents.end(), deeper) == dependents.end())
        dependents.push_back(deeper);
    }
    dependents.push_back(entry.first);
  }
  return dependents;
}

absl::StatusOr<std::vector<std::string>> Services::RunningDependents(const std::string& name) {
  const std::lock_guard<std::mutex> lock(mu_);
  if (services_.count(name) == 0) return NoService(name);
  return DependentsOf(name);
}

absl::Status Services::Wait(const std::string& name,
                            int ends,
                            absl::Time deadline,
                            const char* reason,
                            const ServiceProgress& progress) {
  const absl::Time begun = absl::Now();
  while (true) {
    ServiceInfo info;
    {
      std::unique_lock<std::mutex> lock(mu_);
      Service& service = services_[name];
      if (service.ends == ends) changed_.wait_for(lock, std::chrono::milliseconds(500));
      if (service.ends != ends) return absl::OkStatus();
      ++service.checkpoint;
      info = InfoOf(service);
    }
    if (absl::Now() >= deadline)
      return Error(absl::StatusCode::kDeadlineExceeded, reason,
                   absl::StrCat("the service ", name, " is still ", NameOf(info.state)));
    MQ_RETURN_IF_ERROR(progress(info, absl::Now() - begun));
  }
}

void Services::StopNow(const std::string& name) {
  Dawdle(world_, server_, [this] { return !ended_; });
  if (name == kTransportService) (void)transport_.Stop();
  if (name == kFrontendService) frontend_.Stop();
  bool again = false;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    ++services_[name].ends;
    Set(name, ServiceState::kStopped);
    again = name == kTransportService && comes_back > 0 && !ended_;
  }
  if (!again) return;
  --comes_back;
  (void)StartNow(name);
}

absl::Status Services::Stop(const std::string& name,
                            absl::Time deadline,
                            const ServiceProgress& progress) {
  int ends = 0;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    const auto it = services_.find(name);
    if (it == services_.end()) return NoService(name);
    Service& service = it->second;
    if (service.state == ServiceState::kStopped) return absl::OkStatus();
    ends = service.ends;
    const std::vector<std::string> dependents = DependentsOf(name);
    if (!dependents.empty())
      return Error(absl::StatusCode::kFailedPrecondition, "DEPENDENTS_RUNNING",
                   absl::StrCat(dependents.front(), " depends on ", name, " and runs"));
    if (service.state == ServiceState::kRunning) {
      if (service.stopping.joinable()) service.stopping.join();
      Set(name, ServiceState::kStopPending);
      service.stopping = std::thread([this, name] { StopNow(name); });
    }
  }
  return Wait(name, ends, deadline, "SERVICE_STOP_TIMED_OUT", progress);
}

absl::Status Services::StartNow(const std::string& name) {
  const std::lock_guard<std::mutex> work(work_mu_);
  {
    const std::lock_guard<std::mutex> lock(mu_);
    if (services_[name].state != ServiceState::kStopped) return absl::OkStatus();
    Set(name, ServiceState::kStartPending);
  }
  absl::Status started = absl::OkStatus();
  if (name == kTransportService) started = transport_.Start();
  if (name == kFrontendService) frontend_.Start();
  const std::lock_guard<std::mutex> lock(mu_);
  services_[name].exit_code = started.ok() ? 0 : 1067;  // ERROR_PROCESS_ABORTED
  Set(name, started.ok() ? ServiceState::kRunning : ServiceState::kStopped);
  if (started.ok()) return started;
  return Error(absl::StatusCode::kAborted, "SERVICE_ENDED",
               absl::StrCat("the service ", name, " ended while it started: ", started.message()));
}

absl::Status Services::Start(const std::string& name,
                             absl::Time deadline,
                             const ServiceProgress& progress) {
  std::vector<std::string> needs;
  ServiceInfo info;
  int ends = 0;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    const auto it = services_.find(name);
    if (it == services_.end()) return NoService(name);
    if (it->second.state == ServiceState::kRunning) return absl::OkStatus();
    needs = it->second.depends_on;
    info = InfoOf(it->second);
    ends = it->second.ends;
  }
  for (const std::string& one : needs) MQ_RETURN_IF_ERROR(Start(one, deadline, progress));
  MQ_RETURN_IF_ERROR(progress(info, absl::ZeroDuration()));
  if (info.state == ServiceState::kStopPending)
    MQ_RETURN_IF_ERROR(Wait(name, ends, deadline, "SERVICE_START_TIMED_OUT", progress));
  return StartNow(name);
}

// Managed Availability: two of its services see to it, unless they are stopped, too.
void Services::Watch() {
  while (!ended_) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (settings_.Now()->Component("RecoveryActionsEnabled") != ComponentState::kActive) continue;
    for (const char* name : {kTransportService, kFrontendService}) {
      bool recover = false;
      {
        const std::lock_guard<std::mutex> lock(mu_);
        const auto it = services_.find(name);
        const auto watcher = services_.find("MSExchangeHMRecovery");
        recover = it != services_.end() && watcher != services_.end() &&
                  watcher->second.state == ServiceState::kRunning &&
                  it->second.state == ServiceState::kStopped &&
                  absl::Now() - it->second.since > recovers_after_;
      }
      if (!recover || ended_) continue;
      if (StartNow(name).ok()) ++recoveries_;
    }
  }
}

}  // namespace mailquench::simulation::exchange
