#include "agent/os/windows/scm.h"

#include "absl/strings/str_cat.h"
#include "common/os/wide.h"
#include "common/status/error.h"

namespace mailquench::agent {

absl::Status ServiceError(DWORD error, const std::string& what) {
  switch (error) {
    case ERROR_SERVICE_DOES_NOT_EXIST:
      return Error(absl::StatusCode::kNotFound, "NO_SERVICE",
                   absl::StrCat(what, ": there is no such service on this host"));
    case ERROR_SERVICE_MARKED_FOR_DELETE:
      return Error(absl::StatusCode::kNotFound, "NO_SERVICE",
                   absl::StrCat(what, ": the service is being deleted"));
    case ERROR_SERVICE_DISABLED:
      return Error(absl::StatusCode::kFailedPrecondition, "SERVICE_DISABLED",
                   absl::StrCat(what, ": the service is disabled"));
    case ERROR_DEPENDENT_SERVICES_RUNNING:
      return Error(absl::StatusCode::kFailedPrecondition, "DEPENDENTS_RUNNING",
                   absl::StrCat(what, ": services that depend on it run"));
    case ERROR_INVALID_SERVICE_CONTROL:
      return Error(absl::StatusCode::kFailedPrecondition, "SERVICE_REFUSES_STOP",
                   absl::StrCat(what, ": the service takes no such request"));
    default:
      return os::WindowsError(error, what);
  }
}

absl::StatusOr<ScHandle> OpenManager(DWORD access) {
  ScHandle manager(::OpenSCManagerW(nullptr, nullptr, access));
  if (!manager.valid())
    return os::WindowsError(::GetLastError(), "open the service control manager");
  return manager;
}

absl::StatusOr<ScHandle> OpenServiceOf(SC_HANDLE manager, const std::string& name, DWORD access) {
  ScHandle service(::OpenServiceW(manager, os::ToWide(name).c_str(), access));
  if (!service.valid())
    return ServiceError(::GetLastError(), absl::StrCat("open the service ", name));
  return service;
}

absl::StatusOr<SERVICE_STATUS_PROCESS> StatusOf(SC_HANDLE service, const std::string& name) {
  SERVICE_STATUS_PROCESS status{};
  DWORD needed = 0;
  if (!::QueryServiceStatusEx(service, SC_STATUS_PROCESS_INFO, reinterpret_cast<BYTE*>(&status),
                              sizeof status, &needed))
    return ServiceError(::GetLastError(), absl::StrCat("ask for the state of ", name));
  return status;
}

absl::StatusOr<ServiceConfig> ServiceConfig::Of(SC_HANDLE service, const std::string& name) {
  ServiceConfig config;
  DWORD needed = 0;
  ::QueryServiceConfigW(service, nullptr, 0, &needed);
  config.buffer_.resize(needed / sizeof(std::uint64_t) + 1);
  if (!::QueryServiceConfigW(
          service, reinterpret_cast<QUERY_SERVICE_CONFIGW*>(config.buffer_.data()),
          static_cast<DWORD>(config.buffer_.size() * sizeof(std::uint64_t)), &needed))
    return ServiceError(::GetLastError(), absl::StrCat("read the configuration of ", name));
  return config;
}

std::vector<std::wstring> ServiceConfig::Dependencies() const {
  std::vector<std::wstring> names;
  // Each ends with a zero, the list with one more.
  for (const wchar_t* at = get().lpDependencies; at != nullptr && *at != L'\0';) {
    const std::wstring name = at;
    if (name[0] != SC_GROUP_IDENTIFIERW) names.push_back(name);
    at += name.size() + 1;
  }
  return names;
}

}  // namespace mailquench::agent
