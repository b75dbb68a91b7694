#include <windows.h>
// After windows.h.

#include "absl/strings/str_cat.h"
#include "agent/os/service_host.h"
#include "agent/os/windows/command_line.h"
#include "agent/os/windows/handle.h"
#include "agent/os/windows/scm.h"
#include "common/os/system_library.h"
#include "common/os/wide.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {

// The program in quotes whatever it is: without them "C:\Program Files\..." may start
// C:\Program.exe.
std::wstring ImagePath(const std::vector<std::string>& command) {
  const std::vector<std::string> arguments(command.begin() + 1, command.end());
  std::wstring path = L"\"" + os::ToWide(command.front()) + L"\"";
  if (!arguments.empty()) {
    // Its first word is a program's name, with other rules than an argument's.
    std::vector<std::string> words = {"x"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    path += CommandLine(words).substr(1);
  }
  return path;
}

class Extras {
 public:
  Extras(SC_HANDLE service, std::vector<std::string>& notes) : service_(service), notes_(notes) {}
  void Set(DWORD level, void* value, const char* what) {
    if (::ChangeServiceConfig2W(service_, level, value)) return;
    notes_.push_back(
        absl::StrCat(what, " could not be set: ", os::WindowsErrorText(::GetLastError())));
  }

 private:
  SC_HANDLE service_;
  std::vector<std::string>& notes_;
};
}  // namespace

absl::StatusOr<std::vector<std::string>> InstallService(const ServiceSetup& setup) {
  MQ_ASSIGN_OR_RETURN(const ScHandle manager,
                      OpenManager(SC_MANAGER_CONNECT | SC_MANAGER_CREATE_SERVICE));
  const ScHandle service(::CreateServiceW(
      manager.get(), os::ToWide(setup.name).c_str(), os::ToWide(setup.display_name).c_str(),
      SERVICE_ALL_ACCESS, SERVICE_WIN32_OWN_PROCESS, SERVICE_AUTO_START, SERVICE_ERROR_NORMAL,
      ImagePath(setup.command).c_str(), nullptr, nullptr, nullptr, nullptr, nullptr));
  if (!service.valid()) {
    const DWORD error = ::GetLastError();
    if (error == ERROR_SERVICE_EXISTS || error == ERROR_DUPLICATE_SERVICE_NAME)
      return Error(absl::StatusCode::kAlreadyExists, "ALREADY_INSTALLED",
                   absl::StrCat("there is a service ", setup.name,
                                " on this host; it was left as it was. Uninstall it first, or give "
                                "another --name"));
    return ServiceError(error, absl::StrCat("make the service ", setup.name));
  }
  std::vector<std::string> notes;
  Extras extras(service.get(), notes);
  std::wstring text = os::ToWide(setup.description);
  SERVICE_DESCRIPTIONW description{text.data()};
  extras.Set(SERVICE_CONFIG_DESCRIPTION, &description, "its description");
  SERVICE_DELAYED_AUTO_START_INFO delayed{TRUE};
  extras.Set(SERVICE_CONFIG_DELAYED_AUTO_START_INFO, &delayed, "its delayed start");
  SC_ACTION restarts[] = {
      {SC_ACTION_RESTART, 5000}, {SC_ACTION_RESTART, 30000}, {SC_ACTION_RESTART, 60000}};
  SERVICE_FAILURE_ACTIONSW failure{};
  failure.dwResetPeriod = 86400;  // s
  failure.cActions = 3;
  failure.lpsaActions = restarts;
  extras.Set(SERVICE_CONFIG_FAILURE_ACTIONS, &failure, "its restart after a failure");
  SERVICE_FAILURE_ACTIONS_FLAG also{TRUE};  // Not only after a crash: also after an exit code.
  extras.Set(SERVICE_CONFIG_FAILURE_ACTIONS_FLAG, &also, "its restart after an error");
  // All that LocalSystem keeps of its privileges: to pass through folders, and to give a new file
  // the owner of the one that it replaces (agent/os/windows/security.cc). Nothing else that
  // it does needs one: it opens what SYSTEM may open
  // (learn.microsoft.com/windows/win32/api/winsvc/ns-winsvc-service_required_privileges_infow).
  wchar_t kept[] = L"SeChangeNotifyPrivilege\0SeRestorePrivilege\0";
  SERVICE_REQUIRED_PRIVILEGES_INFOW privileges{kept};
  extras.Set(SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO, &privileges, "its short list of privileges");
  // A change that goes on is brought to a point where it can rest. Since Windows 10 1703, Server
  // 2019 among them, ten seconds are all that is given where nothing is said; before, this
  // (learn.microsoft.com/windows/win32/api/winsvc/ns-winsvc-service_preshutdown_info).
  SERVICE_PRESHUTDOWN_INFO last_minutes{180000};  // ms
  extras.Set(SERVICE_CONFIG_PRESHUTDOWN_INFO, &last_minutes, "its time before a shutdown");
  SERVICE_SID_INFO sid{SERVICE_SID_TYPE_UNRESTRICTED};
  extras.Set(SERVICE_CONFIG_SERVICE_SID_INFO, &sid, "its own SID");
  return notes;
}

absl::Status DeleteServiceNamed(const std::string& name) {
  MQ_ASSIGN_OR_RETURN(const ScHandle manager, OpenManager(SC_MANAGER_CONNECT));
  MQ_ASSIGN_OR_RETURN(const ScHandle service, OpenServiceOf(manager.get(), name, DELETE));
  if (::DeleteService(service.get())) return absl::OkStatus();
  return ServiceError(::GetLastError(), absl::StrCat("take away the service ", name));
}

absl::StatusOr<std::vector<std::string>> CommandOfService(const std::string& name) {
  MQ_ASSIGN_OR_RETURN(const ScHandle manager, OpenManager(SC_MANAGER_CONNECT));
  MQ_ASSIGN_OR_RETURN(const ScHandle service,
                      OpenServiceOf(manager.get(), name, SERVICE_QUERY_CONFIG));
  MQ_ASSIGN_OR_RETURN(const ServiceConfig config, ServiceConfig::Of(service.get(), name));
  std::vector<std::string> command = os::SplitCommandLine(config.get().lpBinaryPathName);
  if (command.empty())
    return Error(absl::StatusCode::kInternal, "BAD_COMMAND",
                 absl::StrCat("the command of the service ", name, " cannot be read"));
  return command;
}

std::string OwnProgram() {
  std::wstring path(512, L'\0');
  while (true) {
    const DWORD length =
        ::GetModuleFileNameW(nullptr, path.data(), static_cast<DWORD>(path.size()));
    if (length == 0) return "";
    if (length < path.size()) return os::ToUtf8(path.substr(0, length));
    path.resize(path.size() * 2);
  }
}

}  // namespace mailquench::agent
