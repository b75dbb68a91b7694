#include "agent/os/windows/security.h"

// After windows.h.
#include <aclapi.h>
#include <sddl.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/os/windows/handle.h"
#include "common/os/security_windows.h"
#include "common/os/wide.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
constexpr SECURITY_INFORMATION kParts =
    OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;

std::vector<BYTE> WellKnown(WELL_KNOWN_SID_TYPE type) {
  std::vector<BYTE> sid(SECURITY_MAX_SID_SIZE);
  DWORD size = SECURITY_MAX_SID_SIZE;
  if (!::CreateWellKnownSid(type, nullptr, sid.data(), &size)) return {};
  sid.resize(size);
  return sid;
}

bool Same(PSID a, std::vector<BYTE> b) {
  return a != nullptr && !b.empty() && ::EqualSid(a, b.data());
}

std::wstring SidText(PSID sid) {
  LocalMemory<LPWSTR> text;
  if (sid == nullptr || !::ConvertSidToStringSidW(sid, text.put())) return std::wstring();
  return text.get();
}
}  // namespace

absl::Status CopySecurity(HANDLE from, HANDLE to, const std::string& name) {
  PSID owner = nullptr;
  PSID group = nullptr;
  PACL dacl = nullptr;
  LocalMemory<PSECURITY_DESCRIPTOR> descriptor;
  DWORD error = ::GetSecurityInfo(from, SE_FILE_OBJECT, kParts, &owner, &group, &dacl, nullptr,
                                  descriptor.put());
  if (error != ERROR_SUCCESS)
    return os::WindowsError(error, absl::StrCat("read the permissions of ", name));
  PSID present = nullptr;
  LocalMemory<PSECURITY_DESCRIPTOR> present_descriptor;
  error = ::GetSecurityInfo(to, SE_FILE_OBJECT, OWNER_SECURITY_INFORMATION, &present, nullptr,
                            nullptr, nullptr, present_descriptor.put());
  SECURITY_DESCRIPTOR_CONTROL control = 0;
  DWORD revision = 0;
  ::GetSecurityDescriptorControl(descriptor.get(), &control, &revision);
  SECURITY_INFORMATION parts =
      DACL_SECURITY_INFORMATION |
      ((control & SE_DACL_PROTECTED) != 0 ? PROTECTED_DACL_SECURITY_INFORMATION
                                          : UNPROTECTED_DACL_SECURITY_INFORMATION);
  if (error != ERROR_SUCCESS || owner == nullptr || present == nullptr ||
      !::EqualSid(owner, present)) {
    EnablePrivilege(L"SeRestorePrivilege");
    parts |= OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION;
  }
  error = ::SetSecurityInfo(to, SE_FILE_OBJECT, parts, owner, group, dacl, nullptr);
  if (error != ERROR_SUCCESS)
    return os::WindowsError(error, absl::StrCat("set the permissions of ", name));
  return absl::OkStatus();
}

absl::Status CheckOwner(HANDLE folder, const std::string& path) {
  PSID owner = nullptr;
  LocalMemory<PSECURITY_DESCRIPTOR> descriptor;
  const DWORD error = ::GetSecurityInfo(folder, SE_FILE_OBJECT, OWNER_SECURITY_INFORMATION, &owner,
                                        nullptr, nullptr, nullptr, descriptor.put());
  if (error != ERROR_SUCCESS)
    return os::WindowsError(error, absl::StrCat("read the owner of ", path));
  MQ_ASSIGN_OR_RETURN(const std::vector<BYTE> user, os::UserSid());
  // S-1-5-80-956008885-...: "NT SERVICE\TrustedInstaller", the same on every host.
  constexpr wchar_t kInstaller[] =
      L"S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464";
  if (Same(owner, WellKnown(WinLocalSystemSid)) ||
      Same(owner, WellKnown(WinBuiltinAdministratorsSid)) || Same(owner, user) ||
      SidText(owner) == kInstaller)
    return absl::OkStatus();
  return Error(absl::StatusCode::kPermissionDenied, "FOLDER_NOT_OURS",
               absl::StrCat(path, " belongs to ", os::ToUtf8(SidText(owner)),
                            ", who is neither SYSTEM nor an administrator nor the user that runs "
                            "this; nothing was written there, take it over or remove it"));
}

bool EnablePrivilege(const wchar_t* name) {
  HANDLE opened = nullptr;
  if (!::OpenProcessToken(::GetCurrentProcess(), TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY, &opened))
    return false;
  const Handle token(opened);
  TOKEN_PRIVILEGES wanted{};
  wanted.PrivilegeCount = 1;
  wanted.Privileges[0].Attributes = SE_PRIVILEGE_ENABLED;
  if (!::LookupPrivilegeValueW(nullptr, name, &wanted.Privileges[0].Luid)) return false;
  return ::AdjustTokenPrivileges(token.get(), FALSE, &wanted, 0, nullptr, nullptr) &&
         ::GetLastError() == ERROR_SUCCESS;
}

}  // namespace mailquench::agent
