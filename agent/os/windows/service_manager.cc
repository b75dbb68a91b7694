#include "agent/os/service_manager.h"

#include <windows.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "agent/os/windows/dependents.h"
#include "agent/os/windows/scm.h"
#include "common/os/wide.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
constexpr absl::Duration kLook = absl::Milliseconds(100);
constexpr absl::Duration kTell = absl::Milliseconds(500);

ServiceState StateOf(DWORD state) {
  switch (state) {
    case SERVICE_START_PENDING:
      return ServiceState::kStartPending;
    case SERVICE_STOP_PENDING:
      return ServiceState::kStopPending;
    case SERVICE_RUNNING:
      return ServiceState::kRunning;
    case SERVICE_CONTINUE_PENDING:
      return ServiceState::kContinuePending;
    case SERVICE_PAUSE_PENDING:
      return ServiceState::kPausePending;
    case SERVICE_PAUSED:
      return ServiceState::kPaused;
    default:
      return ServiceState::kStopped;
  }
}

StartType StartTypeOf(DWORD type) {
  switch (type) {
    case SERVICE_AUTO_START:
      return StartType::kAutomatic;
    case SERVICE_DEMAND_START:
      return StartType::kManual;
    case SERVICE_DISABLED:
      return StartType::kDisabled;
    default:
      return StartType::kOther;
  }
}

void Fill(const SERVICE_STATUS_PROCESS& status, ServiceInfo& info) {
  info.state = StateOf(status.dwCurrentState);
  info.process_id = status.dwProcessId;
  info.exit_code = status.dwWin32ExitCode == ERROR_SERVICE_SPECIFIC_ERROR
                       ? status.dwServiceSpecificExitCode
                       : status.dwWin32ExitCode;
  info.checkpoint = status.dwCheckPoint;
  info.wait_hint = absl::Milliseconds(status.dwWaitHint);
}

class Scm final : public ServiceManager {
 public:
  absl::StatusOr<ServiceInfo> Query(const std::string& name) override {
    MQ_ASSIGN_OR_RETURN(const ScHandle manager, OpenManager(SC_MANAGER_CONNECT));
    MQ_ASSIGN_OR_RETURN(
        const ScHandle service,
        OpenServiceOf(manager.get(), name, SERVICE_QUERY_STATUS | SERVICE_QUERY_CONFIG));
    ServiceInfo info;
    MQ_ASSIGN_OR_RETURN(const SERVICE_STATUS_PROCESS status, StatusOf(service.get(), name));
    Fill(status, info);
    MQ_ASSIGN_OR_RETURN(const ServiceConfig config, ServiceConfig::Of(service.get(), name));
    info.start_type = StartTypeOf(config.get().dwStartType);
    info.display_name = os::ToUtf8(config.get().lpDisplayName);
    return info;
  }

  absl::StatusOr<std::vector<std::string>> RunningDependents(const std::string& name) override {
    MQ_ASSIGN_OR_RETURN(const ScHandle manager,
                        OpenManager(SC_MANAGER_CONNECT | SC_MANAGER_ENUMERATE_SERVICE));
    return RunningDependentsOf(manager.get(), name);
  }

  absl::Status Stop(const std::string& name,
                    absl::Time deadline,
                    const ServiceProgress& progress) override {
    MQ_ASSIGN_OR_RETURN(const ScHandle manager, OpenManager(SC_MANAGER_CONNECT));
    MQ_ASSIGN_OR_RETURN(const ScHandle service,
                        OpenServiceOf(manager.get(), name, SERVICE_QUERY_STATUS | SERVICE_STOP));
    bool asked = false;
    return Wait(name, service.get(), progress,
                [&](const ServiceInfo& info, absl::Duration waited) -> absl::StatusOr<bool> {
                  if (info.state == ServiceState::kStopped) return true;
                  const bool pending = info.state == ServiceState::kStartPending ||
                                       info.state == ServiceState::kStopPending ||
                                       info.state == ServiceState::kContinuePending ||
                                       info.state == ServiceState::kPausePending;
                  // One that is just starting takes no stop yet.
                  if (!pending && !asked) {
                    MQ_ASSIGN_OR_RETURN(asked, AskToStop(name, service.get()));
                  }
                  if (absl::Now() < deadline) return false;
                  return Error(
                      absl::StatusCode::kDeadlineExceeded, "SERVICE_STOP_TIMED_OUT",
                      absl::StrCat("the service ", name, " has not stopped within ",
                                   absl::FormatDuration(absl::Trunc(waited, absl::Seconds(1))),
                                   " and may stop later; look at it again before anything else"));
                });
  }

  absl::Status Start(const std::string& name,
                     absl::Time deadline,
                     const ServiceProgress& progress) override {
    MQ_ASSIGN_OR_RETURN(const ScHandle manager, OpenManager(SC_MANAGER_CONNECT));
    MQ_ASSIGN_OR_RETURN(const ScHandle service,
                        OpenServiceOf(manager.get(), name, SERVICE_QUERY_STATUS | SERVICE_START));
    bool asked = false;
    return Wait(
        name, service.get(), progress,
        [&](const ServiceInfo& info, absl::Duration waited) -> absl::StatusOr<bool> {
          if (info.state == ServiceState::kRunning || info.state == ServiceState::kPaused)
            return true;
          if (info.state == ServiceState::kStopped) {
            if (asked)
              return Error(
                  absl::StatusCode::kAborted, "SERVICE_ENDED",
                  absl::StrCat("the service ", name, " ended while it started, with exit code ",
                               info.exit_code, "; its own log says why"));
            asked = true;
            const BOOL started = ::StartServiceW(service.get(), 0, nullptr);
            const DWORD error = ::GetLastError();
            if (!started && error != ERROR_SERVICE_ALREADY_RUNNING)
              return ServiceError(error, absl::StrCat("start the service ", name));
          }
          if (absl::Now() < deadline) return false;
          return Error(absl::StatusCode::kDeadlineExceeded, "SERVICE_START_TIMED_OUT",
                       absl::StrCat("the service ", name, " does not run after ",
                                    absl::FormatDuration(absl::Trunc(waited, absl::Seconds(1))),
                                    " and may run later; look at it again before anything else"));
        });
  }

 private:
  // True: it was asked. False: it cannot be asked just now.
  static absl::StatusOr<bool> AskToStop(const std::string& name, SC_HANDLE service) {
    SERVICE_STATUS status{};
    if (::ControlService(service, SERVICE_CONTROL_STOP, &status)) return true;
    const DWORD error = ::GetLastError();
    if (error == ERROR_SERVICE_NOT_ACTIVE) return true;
    if (error == ERROR_SERVICE_CANNOT_ACCEPT_CTRL) return false;  // Between two states.
    // While Windows itself goes down it stops everything.
    return ServiceError(error, absl::StrCat("stop the service ", name));
  }

  template <typename Step>
  static absl::Status Wait(const std::string& name,
                           SC_HANDLE service,
                           const ServiceProgress& progress,
                           const Step& step) {
    const absl::Time begin = absl::Now();
    absl::Time told = begin;
    while (true) {
      MQ_ASSIGN_OR_RETURN(const SERVICE_STATUS_PROCESS status, StatusOf(service, name));
      ServiceInfo info;
      Fill(status, info);
      const absl::Time now = absl::Now();
      MQ_ASSIGN_OR_RETURN(const bool done, step(info, now - begin));
      if (done) return absl::OkStatus();
      if (progress && now - told >= kTell) {
        told = now;
        MQ_RETURN_IF_ERROR(progress(info, now - begin));
      }
      absl::SleepFor(kLook);
    }
  }
};
}  // namespace

std::unique_ptr<ServiceManager> MakeServiceManager() {
  return std::make_unique<Scm>();
}

}  // namespace mailquench::agent
