#include <windows.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/os/wide.h"
#include "common/status/error.h"

namespace mailquench::os {

std::wstring ToWide(absl::string_view utf8) {
  if (utf8.empty()) return std::wstring();
  const int length = static_cast<int>(utf8.size());
  std::wstring wide(
      static_cast<std::size_t>(::MultiByteToWideChar(CP_UTF8, 0, utf8.data(), length, nullptr, 0)),
      L'\0');
  ::MultiByteToWideChar(CP_UTF8, 0, utf8.data(), length, wide.data(),
                        static_cast<int>(wide.size()));
  return wide;
}

std::string ToUtf8(const std::wstring& wide) {
  if (wide.empty()) return std::string();
  const int length = static_cast<int>(wide.size());
  std::string utf8(static_cast<std::size_t>(::WideCharToMultiByte(CP_UTF8, 0, wide.data(), length,
                                                                  nullptr, 0, nullptr, nullptr)),
                   '\0');
  ::WideCharToMultiByte(CP_UTF8, 0, wide.data(), length, utf8.data(), static_cast<int>(utf8.size()),
                        nullptr, nullptr);
  return utf8;
}

std::string ToUtf8(const wchar_t* wide) {
  return wide == nullptr ? std::string() : ToUtf8(std::wstring(wide));
}

std::wstring LongPath(const std::string& utf8) {
  std::wstring path = ToWide(utf8);
  std::replace(path.begin(), path.end(), L'/', L'\\');
  if (path.compare(0, 4, L"\\\\?\\") == 0 || path.compare(0, 4, L"\\\\.\\") == 0) return path;
  const DWORD room = ::GetFullPathNameW(path.c_str(), 0, nullptr, nullptr);
  if (room == 0) return path;
  std::wstring full(room, L'\0');
  const DWORD length = ::GetFullPathNameW(path.c_str(), room, full.data(), nullptr);
  if (length == 0 || length >= room) return path;
  full.resize(length);
  // That call takes dots and spaces off the end of a name, which "\\\\?\\" and other systems on the
  // network allow: such a name would become another file's.
  const std::size_t slash = path.find_last_of(L'\\');
  const std::wstring last = slash == std::wstring::npos
                                ? (path.find(L':') == 1 ? path.substr(2) : path)
                                : path.substr(slash + 1);
  const std::size_t kept = last.find_last_not_of(L". ");
  if (kept != std::wstring::npos && kept + 1 < last.size()) full += last.substr(kept + 1);
  // A device, "NUL" among them.
  if (full.compare(0, 4, L"\\\\.\\") == 0) return full;
  if (full.compare(0, 2, L"\\\\") == 0) return L"\\\\?\\UNC" + full.substr(1);
  return L"\\\\?\\" + full;
}

std::string WindowsErrorText(unsigned long error) {
  wchar_t* text = nullptr;
  const DWORD length = ::FormatMessageW(
      FORMAT_MESSAGE_ALLOCATE_BUFFER | FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS,
      nullptr, error, 0, reinterpret_cast<wchar_t*>(&text), 0, nullptr);
  std::string out = length == 0 ? "" : ToUtf8(std::wstring(text, length));
  if (text != nullptr) ::LocalFree(text);
  while (!out.empty() &&
         (out.back() == '\n' || out.back() == '\r' || out.back() == ' ' || out.back() == '.'))
    out.pop_back();
  return absl::StrCat(out.empty() ? "error" : out, " (", error, ")");
}

absl::Status WindowsError(unsigned long error, absl::string_view what) {
  absl::StatusCode code = absl::StatusCode::kInternal;
  std::string reason = "SYSTEM_CALL_FAILED";
  switch (error) {
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
      code = absl::StatusCode::kNotFound;
      break;
    case ERROR_ACCESS_DENIED:
    case ERROR_PRIVILEGE_NOT_HELD:
      code = absl::StatusCode::kPermissionDenied;
      break;
    case ERROR_SHARING_VIOLATION:
    case ERROR_LOCK_VIOLATION:
      code = absl::StatusCode::kUnavailable;
      reason = "SHARING_VIOLATION";
      break;
    case ERROR_FILE_EXISTS:
    case ERROR_ALREADY_EXISTS:
      code = absl::StatusCode::kAlreadyExists;
      break;
    case ERROR_DISK_FULL:
    case ERROR_HANDLE_DISK_FULL:
      code = absl::StatusCode::kResourceExhausted;
      break;
    case ERROR_NOT_SAME_DEVICE:
      code = absl::StatusCode::kFailedPrecondition;
      reason = "OTHER_FILE_SYSTEM";
      break;
    default:
      break;
  }
  return Error(code, reason, absl::StrCat(what, ": ", WindowsErrorText(error)),
               {{"windows_error", std::to_string(error)}});
}

}  // namespace mailquench::os
