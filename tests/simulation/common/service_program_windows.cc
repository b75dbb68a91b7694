#include "tests/simulation/common/service_program_windows.h"

#include <windows.h>

#include <cstdio>

#include "common/os/wide.h"

namespace mailquench::simulation {
namespace {

constexpr DWORD kWaitHint = 5000;

std::wstring service_name;
ServiceWork service_work;
SERVICE_STATUS_HANDLE handle;
SERVICE_STATUS status{};
HANDLE stop_asked;

void Report(DWORD state) {
  const bool pending = state == SERVICE_START_PENDING || state == SERVICE_STOP_PENDING;
  status.dwServiceType = SERVICE_WIN32_OWN_PROCESS;
  status.dwCheckPoint =
      pending ? (state == status.dwCurrentState ? status.dwCheckPoint + 1 : 1) : 0;
  status.dwCurrentState = state;
  status.dwWaitHint = pending ? kWaitHint : 0;
  status.dwControlsAccepted =
      state == SERVICE_RUNNING ? SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_SHUTDOWN : 0;
  ::SetServiceStatus(handle, &status);
}

DWORD WINAPI Control(DWORD control, DWORD, void*, void*) {
  if (control == SERVICE_CONTROL_INTERROGATE) return NO_ERROR;
  if (control != SERVICE_CONTROL_STOP && control != SERVICE_CONTROL_SHUTDOWN)
    return ERROR_CALL_NOT_IMPLEMENTED;
  Report(SERVICE_STOP_PENDING);
  ::SetEvent(stop_asked);
  return NO_ERROR;
}

void WINAPI ServiceMain(DWORD, wchar_t**) {
  stop_asked = ::CreateEventW(nullptr, TRUE, FALSE, nullptr);
  handle = ::RegisterServiceCtrlHandlerExW(service_name.c_str(), Control, nullptr);
  Report(SERVICE_START_PENDING);
  if (service_work.start()) {
    Report(SERVICE_RUNNING);
    ::WaitForSingleObject(stop_asked, INFINITE);
    service_work.stop([] { Report(SERVICE_STOP_PENDING); });
  } else {
    status.dwWin32ExitCode = ERROR_PROCESS_ABORTED;
  }
  Report(SERVICE_STOPPED);
}

int Fail(const char* what) {
  std::fprintf(stderr, "%s: %s\n", what, os::WindowsErrorText(::GetLastError()).c_str());
  return 1;
}

}  // namespace

int InstallService(const std::string& name,
                   const std::string& display_name,
                   const std::vector<std::string>& arguments) {
  wchar_t program[MAX_PATH] = L"";
  ::GetModuleFileNameW(nullptr, program, MAX_PATH);
  std::wstring command = L"\"" + std::wstring(program) + L"\"";
  for (const std::string& one : arguments) command += L" \"" + os::ToWide(one) + L"\"";
  const SC_HANDLE manager = ::OpenSCManagerW(nullptr, nullptr, SC_MANAGER_ALL_ACCESS);
  if (manager == nullptr) return Fail("OpenSCManager");
  const SC_HANDLE made = ::CreateServiceW(
      manager, os::ToWide(name).c_str(), os::ToWide(display_name).c_str(), SERVICE_ALL_ACCESS,
      SERVICE_WIN32_OWN_PROCESS, SERVICE_DEMAND_START, SERVICE_ERROR_NORMAL, command.c_str(),
      nullptr, nullptr, nullptr, nullptr, nullptr);
  if (made == nullptr) return Fail("CreateService");
  ::CloseServiceHandle(made);
  ::CloseServiceHandle(manager);
  return 0;
}

int UninstallService(const std::string& name) {
  const SC_HANDLE manager = ::OpenSCManagerW(nullptr, nullptr, SC_MANAGER_ALL_ACCESS);
  const SC_HANDLE service =
      manager == nullptr ? nullptr : ::OpenServiceW(manager, os::ToWide(name).c_str(), DELETE);
  if (service == nullptr || !::DeleteService(service)) return Fail("DeleteService");
  return 0;
}

int RunService(const std::string& name, ServiceWork work) {
  service_name = os::ToWide(name);
  service_work = std::move(work);
  const SERVICE_TABLE_ENTRYW table[] = {{service_name.data(), ServiceMain}, {nullptr, nullptr}};
  return ::StartServiceCtrlDispatcherW(table) ? 0 : Fail("StartServiceCtrlDispatcher");
}

}  // namespace mailquench::simulation
