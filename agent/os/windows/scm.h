// Handles of the service control manager, and its words.
#ifndef MAILQUENCH_AGENT_OS_WINDOWS_SCM_H_
#define MAILQUENCH_AGENT_OS_WINDOWS_SCM_H_

#include <windows.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/os/service_manager.h"

namespace mailquench::agent {

class ScHandle {
 public:
  ScHandle() = default;
  explicit ScHandle(SC_HANDLE handle) : handle_(handle) {}
  ScHandle(ScHandle&& other) noexcept : handle_(other.handle_) { other.handle_ = nullptr; }
  ScHandle& operator=(ScHandle&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~ScHandle() {
    if (handle_ != nullptr) ::CloseServiceHandle(handle_);
  }
  bool valid() const { return handle_ != nullptr; }
  SC_HANDLE get() const { return handle_; }

 private:
  SC_HANDLE handle_ = nullptr;
};

// Errors: kPermissionDenied, kInternal.
absl::StatusOr<ScHandle> OpenManager(DWORD access);
// Errors: kNotFound/NO_SERVICE, kPermissionDenied, kInternal.
absl::StatusOr<ScHandle> OpenServiceOf(SC_HANDLE manager, const std::string& name, DWORD access);

// A service's error as a status; `what` names the call and the service.
absl::Status ServiceError(DWORD error, const std::string& what);

absl::StatusOr<SERVICE_STATUS_PROCESS> StatusOf(SC_HANDLE service, const std::string& name);

// The configuration that is stored; the buffer owns what its pointers name.
class ServiceConfig {
 public:
  static absl::StatusOr<ServiceConfig> Of(SC_HANDLE service, const std::string& name);
  const QUERY_SERVICE_CONFIGW& get() const {
    return *reinterpret_cast<const QUERY_SERVICE_CONFIGW*>(buffer_.data());
  }
  // Names of services that it depends on; groups ("+...") are left out.
  std::vector<std::wstring> Dependencies() const;

 private:
  std::vector<std::uint64_t> buffer_;
};

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OS_WINDOWS_SCM_H_
