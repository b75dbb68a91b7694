#include "agent/os/service_host.h"

#include <windows.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "absl/strings/str_cat.h"
#include "agent/os/windows/handle.h"
#include "common/os/wide.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
constexpr DWORD kTellEvery = 1000;  // ms
constexpr DWORD kWaitHint = 10000;  // Of a step; the manager has patience while checkpoints grow.
constexpr DWORD kAccepted =
    SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_SHUTDOWN | SERVICE_ACCEPT_PRESHUTDOWN;

class Host final : public ServiceControl {
 public:
  explicit Host(const std::function<int(ServiceControl&)>& run)
      : run_(run),
        asked_(::CreateEventW(nullptr, TRUE, FALSE, nullptr)),
        settled_(::CreateEventW(nullptr, TRUE, FALSE, nullptr)) {}

  bool AwaitStop(absl::Duration most) override {
    const std::int64_t ms = std::clamp<std::int64_t>(absl::ToInt64Milliseconds(most), 0, 60000);
    return ::WaitForSingleObject(asked_.get(), static_cast<DWORD>(ms)) == WAIT_OBJECT_0;
  }
  void Serving() override {
    const std::lock_guard<std::mutex> lock(mu_);
    if (status_.dwCurrentState == SERVICE_START_PENDING) Tell(SERVICE_RUNNING, 0);
  }

  // On a thread of the manager's.
  void Main(const wchar_t* name) {
    handle_ = ::RegisterServiceCtrlHandlerExW(name, OnControl, this);
    if (handle_ == nullptr) return;
    {
      const std::lock_guard<std::mutex> lock(mu_);
      Tell(SERVICE_START_PENDING, 0);
    }
    std::thread teller([this] { KeepTelling(); });
    const int code = run_(*this);
    ::SetEvent(settled_.get());
    teller.join();
    const std::lock_guard<std::mutex> lock(mu_);
    Tell(SERVICE_STOPPED, code);
  }

 private:
  static DWORD WINAPI OnControl(DWORD control, DWORD, void*, void* context) {
    auto* const host = static_cast<Host*>(context);
    switch (control) {
      case SERVICE_CONTROL_STOP:
      case SERVICE_CONTROL_SHUTDOWN:
      case SERVICE_CONTROL_PRESHUTDOWN: {
        const std::lock_guard<std::mutex> lock(host->mu_);
        if (host->status_.dwCurrentState != SERVICE_STOPPED) host->Tell(SERVICE_STOP_PENDING, 0);
        ::SetEvent(host->asked_.get());
        return NO_ERROR;
      }
      case SERVICE_CONTROL_INTERROGATE:
        return NO_ERROR;
      default:
        return ERROR_CALL_NOT_IMPLEMENTED;
    }
  }
  // Under mu_.
  void Tell(DWORD state, int code) {
    const bool pending = state == SERVICE_START_PENDING || state == SERVICE_STOP_PENDING;
    const bool same = state == status_.dwCurrentState;
    status_.dwServiceType = SERVICE_WIN32_OWN_PROCESS;
    status_.dwCurrentState = state;
    status_.dwControlsAccepted = state == SERVICE_RUNNING ? kAccepted : 0;
    status_.dwWin32ExitCode = code == 0 ? NO_ERROR : ERROR_SERVICE_SPECIFIC_ERROR;
    status_.dwServiceSpecificExitCode = static_cast<DWORD>(code);
    status_.dwCheckPoint = !pending ? 0 : same ? status_.dwCheckPoint + 1 : 1;
    status_.dwWaitHint = pending ? kWaitHint : 0;
    ::SetServiceStatus(handle_, &status_);
  }
  void KeepTelling() {
    while (::WaitForSingleObject(settled_.get(), kTellEvery) == WAIT_TIMEOUT) {
      const std::lock_guard<std::mutex> lock(mu_);
      if (status_.dwCurrentState == SERVICE_START_PENDING ||
          status_.dwCurrentState == SERVICE_STOP_PENDING)
        Tell(status_.dwCurrentState, 0);
    }
  }

  const std::function<int(ServiceControl&)>& run_;
  const Handle asked_;
  const Handle settled_;
  std::mutex mu_;
  SERVICE_STATUS_HANDLE handle_ = nullptr;
  SERVICE_STATUS status_{};  // Guarded by mu_.
};

// The manager hands nothing on to ServiceMain().
Host* host = nullptr;

void WINAPI ServiceMain(DWORD count, LPWSTR* words) {
  host->Main(count > 0 ? words[0] : L"");
}
}  // namespace

absl::Status RunAsService(const std::string& name, const std::function<int(ServiceControl&)>& run) {
  // Never freed: the manager lets us go on as soon as it is told of the stop, when its own thread
  // has a few steps left in there.
  host = new Host(run);
  std::wstring wide = os::ToWide(name);
  const SERVICE_TABLE_ENTRYW table[] = {{wide.data(), ServiceMain}, {nullptr, nullptr}};
  if (::StartServiceCtrlDispatcherW(table)) return absl::OkStatus();
  const DWORD error = ::GetLastError();
  if (error == ERROR_FAILED_SERVICE_CONTROLLER_CONNECT)
    return Error(
        absl::StatusCode::kFailedPrecondition, "NOT_A_SERVICE",
        absl::StrCat("this command is for Windows' service manager, which starts it as the "
                     "service ",
                     name,
                     "; nothing was begun. Use 'mailquench-agent service start', or "
                     "'mailquench-agent run' in a console"));
  return os::WindowsError(error, absl::StrCat("become the service ", name));
}

}  // namespace mailquench::agent
