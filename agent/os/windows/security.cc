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

// The owner is a part of `descriptor`.
absl::Status OwnerOf(HANDLE file,
                     const std::string& path,
                     PSID* owner,
                     PSECURITY_DESCRIPTOR* descriptor) {
  const DWORD error = ::GetSecurityInfo(file, SE_FILE_OBJECT, OWNER_SECURITY_INFORMATION, owner,
                                        nullptr, nullptr, nullptr, descriptor);
  if (error == ERROR_SUCCESS) return absl::OkStatus();
  return os::WindowsError(error, absl::StrCat("read the owner of ", path));
}

absl::StatusOr<bool> IsTrusted(PSID who) {
  // S-1-5-80-956008885-...: "NT SERVICE\TrustedInstaller", the same on every host.
  constexpr wchar_t kInstaller[] =
      L"S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464";
  MQ_ASSIGN_OR_RETURN(const std::vector<BYTE> user, os::UserSid());
  return Same(who, WellKnown(WinLocalSystemSid)) ||
         Same(who, WellKnown(WinBuiltinAdministratorsSid)) || Same(who, user) ||
         SidText(who) == kInstaller;
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

absl::StatusOr<std::string> ForeignOwner(HANDLE file, const std::string& path) {
  PSID owner = nullptr;
  LocalMemory<PSECURITY_DESCRIPTOR> descriptor;
  MQ_RETURN_IF_ERROR(OwnerOf(file, path, &owner, descriptor.put()));
  MQ_ASSIGN_OR_RETURN(const bool trusted, IsTrusted(owner));
  return trusted ? std::string() : os::ToUtf8(SidText(owner));
}

absl::Status CheckOwner(HANDLE folder, const std::string& path) {
  MQ_ASSIGN_OR_RETURN(const std::string owner, ForeignOwner(folder, path));
  if (owner.empty()) return absl::OkStatus();
  return Error(absl::StatusCode::kPermissionDenied, "FOLDER_NOT_OURS",
               absl::StrCat(path, " belongs to ", owner,
                            ", who is neither SYSTEM nor an administrator nor the user that runs "
                            "this; nothing was written there. Look at what it is, then remove it, "
                            "or take it over: icacls \"",
                            path, "\" /setowner *S-1-5-32-544"));
}

absl::StatusOr<std::string> ForeignWriter(HANDLE file,
                                          const std::string& path,
                                          ACCESS_MASK rights) {
  PACL dacl = nullptr;
  LocalMemory<PSECURITY_DESCRIPTOR> descriptor;
  const DWORD error = ::GetSecurityInfo(file, SE_FILE_OBJECT, DACL_SECURITY_INFORMATION, nullptr,
                                        nullptr, &dacl, nullptr, descriptor.put());
  if (error != ERROR_SUCCESS)
    return os::WindowsError(error, absl::StrCat("read the permissions of ", path));
  if (dacl == nullptr) return std::string("everybody");
  for (DWORD i = 0; i < dacl->AceCount; ++i) {
    void* entry = nullptr;
    if (!::GetAce(dacl, i, &entry))
      return os::WindowsError(::GetLastError(), absl::StrCat("read the permissions of ", path));
    auto* const one = static_cast<ACCESS_ALLOWED_ACE*>(entry);
    // What is only for what is made in it later. What denies is left out of account: that only
    // refuses more.
    if ((one->Header.AceFlags & INHERIT_ONLY_ACE) != 0) continue;
    // Callback ones have a condition behind the same beginning; they count as if it were met.
    const bool allows = one->Header.AceType == ACCESS_ALLOWED_ACE_TYPE ||
                        one->Header.AceType == ACCESS_ALLOWED_CALLBACK_ACE_TYPE;
    if (!allows || (one->Mask & rights) == 0) continue;
    PSID who = &one->SidStart;
    if (::IsWellKnownSid(who, WinCreatorOwnerRightsSid)) continue;  // The owner, who is judged.
    MQ_ASSIGN_OR_RETURN(const bool trusted, IsTrusted(who));
    if (!trusted) return os::ToUtf8(SidText(who));
  }
  return std::string();
}

absl::StatusOr<bool> IsOfThisUser(HANDLE file, const std::string& path) {
  PSID owner = nullptr;
  LocalMemory<PSECURITY_DESCRIPTOR> descriptor;
  MQ_RETURN_IF_ERROR(OwnerOf(file, path, &owner, descriptor.put()));
  MQ_ASSIGN_OR_RETURN(const std::vector<BYTE> user, os::UserSid());
  return Same(owner, user) && !Same(owner, WellKnown(WinLocalSystemSid));
}

absl::Status GiveToAdministrators(HANDLE file, const std::string& path) {
  std::vector<BYTE> administrators = WellKnown(WinBuiltinAdministratorsSid);
  const DWORD error = ::SetSecurityInfo(file, SE_FILE_OBJECT, OWNER_SECURITY_INFORMATION,
                                        administrators.data(), nullptr, nullptr, nullptr);
  if (error == ERROR_SUCCESS) return absl::OkStatus();
  return os::WindowsError(error, absl::StrCat("give ", path, " to the administrators"));
}

absl::Status MakePrivate(HANDLE folder, const std::string& path) {
  MQ_ASSIGN_OR_RETURN(os::PrivateSecurity secret, os::PrivateSecurity::Make(/*for_folder=*/true));
  PACL dacl = nullptr;
  BOOL present = FALSE;
  BOOL defaulted = FALSE;
  if (!::GetSecurityDescriptorDacl(secret.attributes()->lpSecurityDescriptor, &present, &dacl,
                                   &defaulted) ||
      !present || dacl == nullptr)
    return os::WindowsError(::GetLastError(), absl::StrCat("make the permissions of ", path));
  const DWORD error = ::SetSecurityInfo(
      folder, SE_FILE_OBJECT, DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION,
      nullptr, nullptr, dacl, nullptr);
  if (error != ERROR_SUCCESS)
    return os::WindowsError(error, absl::StrCat("set the permissions of ", path));
  // The same for the folder alone: Wine has added what the folder above hands down.
  if (!::SetKernelObjectSecurity(folder,
                                 DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION,
                                 secret.attributes()->lpSecurityDescriptor))
    return os::WindowsError(::GetLastError(), absl::StrCat("set the permissions of ", path));
  return absl::OkStatus();
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
