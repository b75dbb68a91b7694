#include "common/os/security_windows.h"

#include <sddl.h>

#include "common/os/wide.h"

namespace mailquench::os {
namespace {

absl::Status Failed(const char* what) {
  return WindowsError(::GetLastError(), what);
}

}  // namespace

bool IsAdministrator() {
  unsigned char sid[SECURITY_MAX_SID_SIZE];
  DWORD size = sizeof sid;
  BOOL member = FALSE;
  return ::CreateWellKnownSid(WinBuiltinAdministratorsSid, nullptr, sid, &size) != 0 &&
         ::CheckTokenMembership(nullptr, sid, &member) != 0 && member != FALSE;
}

absl::StatusOr<std::vector<unsigned char>> UserSid() {
  HANDLE token = nullptr;
  if (::OpenProcessToken(::GetCurrentProcess(), TOKEN_QUERY, &token) == 0)
    return Failed("OpenProcessToken");
  alignas(TOKEN_USER) unsigned char user[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
  DWORD size = sizeof user;
  const BOOL told = ::GetTokenInformation(token, TokenUser, user, size, &size);
  const DWORD error = ::GetLastError();
  ::CloseHandle(token);
  if (told == 0) return WindowsError(error, "GetTokenInformation");
  PSID sid = reinterpret_cast<const TOKEN_USER*>(user)->User.Sid;
  const auto* bytes = static_cast<const unsigned char*>(sid);
  return std::vector<unsigned char>(bytes, bytes + ::GetLengthSid(sid));
}

absl::StatusOr<PrivateSecurity> PrivateSecurity::Make(bool for_folder) {
  const std::wstring flags = for_folder ? L"OICI" : L"";
  // learn.microsoft.com/windows/win32/secauthz/ace-strings: P protected, FA all rights, SY SYSTEM,
  // BA Administrators.
  std::wstring text = L"D:P(A;" + flags + L";FA;;;SY)(A;" + flags + L";FA;;;BA)";
  absl::StatusOr<std::vector<unsigned char>> user = UserSid();
  if (!user.ok()) return user.status();
  if (::IsWellKnownSid(user->data(), WinLocalSystemSid) == 0 && !IsAdministrator()) {
    wchar_t* name = nullptr;
    if (::ConvertSidToStringSidW(user->data(), &name) == 0) return Failed("ConvertSidToStringSid");
    text += L"(A;" + flags + L";FA;;;" + name + L")";
    ::LocalFree(name);
  }
  void* descriptor = nullptr;
  if (::ConvertStringSecurityDescriptorToSecurityDescriptorW(text.c_str(), SDDL_REVISION_1,
                                                             &descriptor, nullptr) == 0)
    return Failed("ConvertStringSecurityDescriptorToSecurityDescriptor");
  PrivateSecurity made;
  made.descriptor_.reset(descriptor);
  made.attributes_ = {sizeof(SECURITY_ATTRIBUTES), descriptor, FALSE};
  return made;
}

}  // namespace mailquench::os
