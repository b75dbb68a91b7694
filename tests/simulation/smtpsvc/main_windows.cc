// The simulated SMTP service as a service of Windows' SCM, named SMTPSVC.
//
//   smtpsvc_sim install FOLDER   makes the service; FOLDER holds metabase.json and simulation.json
//   smtpsvc_sim uninstall
//   smtpsvc_sim prepare FOLDER MAILROOT ADDRESS PORT FQDN DOMAIN NUMBER open|shut   writes one
//   virtual server smtpsvc_sim service FOLDER   what the SCM starts
//
// FOLDER\stop.txt, read at each stop: "slow SECONDS" reports progress for so long before it ends,
// "never" reports progress and never ends, "silent SECONDS" reports nothing meanwhile.
#include <windows.h>
// After windows.h.
#include <shellapi.h>

#include <atomic>
#include <cstdio>
#include <string>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/mail/smtpsvc/metabase_file.h"
#include "agent/os/files.h"
#include "common/os/wide.h"
#include "tests/simulation/smtpsvc/prepare.h"
#include "tests/simulation/smtpsvc/smtp_service.h"

namespace mailquench::simulation {
namespace {

constexpr wchar_t kName[] = L"SMTPSVC";
constexpr DWORD kWaitHint = 5000;

std::string folder;
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

void DawdleAsTold() {
  const std::string told = agent::ReadFile(folder + "/stop.txt").value_or("");
  const bool never = absl::StartsWith(told, "never");
  const bool silent = absl::StartsWith(told, "silent ");
  const int seconds = absl::StartsWith(told, "slow ") ? std::atoi(told.c_str() + 5)
                      : silent                        ? std::atoi(told.c_str() + 7)
                                                      : 0;
  for (int tick = 0; never || tick < seconds * 4; ++tick) {
    ::Sleep(250);
    if (!silent) Report(SERVICE_STOP_PENDING);
  }
}

void WINAPI ServiceMain(DWORD, wchar_t**) {
  stop_asked = ::CreateEventW(nullptr, TRUE, FALSE, nullptr);
  handle = ::RegisterServiceCtrlHandlerExW(kName, Control, nullptr);
  Report(SERVICE_START_PENDING);
  agent::smtpsvc::MetabaseFile metabase(folder + "/metabase.json");
  SmtpService service(metabase, ReadOptions(folder + "/simulation.json"));
  const std::string problems = service.Start();
  if (!problems.empty()) (void)agent::WriteFileAtomically(folder + "/events.txt", problems);
  Report(SERVICE_RUNNING);
  ::WaitForSingleObject(stop_asked, INFINITE);
  DawdleAsTold();
  int files = 0;
  service.Stop([&] {
    if (++files % 10000 == 0) Report(SERVICE_STOP_PENDING);
  });
  Report(SERVICE_STOPPED);
}

int Fail(const char* what) {
  std::fprintf(stderr, "smtpsvc_sim: %s: %s\n", what,
               os::WindowsErrorText(::GetLastError()).c_str());
  return 1;
}

int Install(const std::wstring& where) {
  wchar_t program[MAX_PATH] = L"";
  ::GetModuleFileNameW(nullptr, program, MAX_PATH);
  const std::wstring command = L"\"" + std::wstring(program) + L"\" service \"" + where + L"\"";
  const SC_HANDLE manager = ::OpenSCManagerW(nullptr, nullptr, SC_MANAGER_ALL_ACCESS);
  if (manager == nullptr) return Fail("OpenSCManager");
  const SC_HANDLE made = ::CreateServiceW(
      manager, kName, L"Simple Mail Transfer Protocol (simulated)", SERVICE_ALL_ACCESS,
      SERVICE_WIN32_OWN_PROCESS, SERVICE_DEMAND_START, SERVICE_ERROR_NORMAL, command.c_str(),
      nullptr, nullptr, nullptr, nullptr, nullptr);
  if (made == nullptr) return Fail("CreateService");
  ::CloseServiceHandle(made);
  ::CloseServiceHandle(manager);
  return 0;
}

int Uninstall() {
  const SC_HANDLE manager = ::OpenSCManagerW(nullptr, nullptr, SC_MANAGER_ALL_ACCESS);
  const SC_HANDLE service = manager == nullptr ? nullptr : ::OpenServiceW(manager, kName, DELETE);
  if (service == nullptr || !::DeleteService(service)) return Fail("DeleteService");
  return 0;
}

int PrepareServer(wchar_t** argv) {
  VirtualServerPlan plan;
  plan.mailroot = os::ToUtf8(argv[3]);
  plan.address = os::ToUtf8(argv[4]);
  plan.port = std::atoi(os::ToUtf8(argv[5]).c_str());
  plan.fqdn = os::ToUtf8(argv[6]);
  plan.domains = {os::ToUtf8(argv[7])};
  plan.number = os::ToUtf8(argv[8]);
  plan.open_relay = std::wstring(argv[9]) == L"open";
  const absl::Status done = Prepare(os::ToUtf8(argv[2]) + "/metabase.json", plan);
  if (done.ok()) return 0;
  std::fprintf(stderr, "smtpsvc_sim: %s\n", std::string(done.message()).c_str());
  return 1;
}

int Main(int argc, wchar_t** argv) {
  const std::wstring verb = argc > 1 ? argv[1] : L"";
  if (verb == L"install" && argc == 3) return Install(argv[2]);
  if (verb == L"uninstall" && argc == 2) return Uninstall();
  if (verb == L"prepare" && argc == 10) return PrepareServer(argv);
  if (verb != L"service" || argc != 3) {
    std::fputs("smtpsvc_sim: its usage is at the head of main_windows.cc\n", stderr);
    return 1;
  }
  folder = os::ToUtf8(argv[2]);
  std::wstring name = kName;
  const SERVICE_TABLE_ENTRYW table[] = {{name.data(), ServiceMain}, {nullptr, nullptr}};
  return ::StartServiceCtrlDispatcherW(table) ? 0 : Fail("StartServiceCtrlDispatcher");
}

}  // namespace
}  // namespace mailquench::simulation

int main() {
  int argc = 0;
  wchar_t** argv = ::CommandLineToArgvW(::GetCommandLineW(), &argc);
  return mailquench::simulation::Main(argc, argv);
}
