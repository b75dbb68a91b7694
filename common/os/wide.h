// Windows alone: texts between UTF-8, which Mailquench uses everywhere, and UTF-16, which Windows'
// calls take; and failed calls as statuses. Thread-safe.
#ifndef MAILQUENCH_COMMON_OS_WIDE_H_
#define MAILQUENCH_COMMON_OS_WIDE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace mailquench::os {

// Bytes that are no UTF-8 become U+FFFD.
std::wstring ToWide(absl::string_view utf8);
// Lone surrogates, which file names may have, become U+FFFD.
std::string ToUtf8(const std::wstring& wide);
std::string ToUtf8(const wchar_t* wide);

// The path as calls take it whatever its length: absolute, with backslashes and "\\?\" (or
// "\\?\UNC\") before it where it is a full path of a drive or a share. Slashes are accepted. ".."
// and "." are resolved before; dots and spaces at the end of the last name stay. Devices stay
// "\\\\.\\". learn.microsoft.com/windows/win32/fileio/maximum-file-path-limitation
std::wstring LongPath(const std::string& utf8);

// The status of a failed call: `error` is what GetLastError() gave, `what` names the call and its
// object. ERROR_FILE_NOT_FOUND and _PATH_NOT_FOUND are kNotFound, _ACCESS_DENIED kPermissionDenied,
// _SHARING_VIOLATION and _LOCK_VIOLATION kUnavailable with the reason SHARING_VIOLATION,
// _FILE_EXISTS and _ALREADY_EXISTS kAlreadyExists, _DISK_FULL and _HANDLE_DISK_FULL
// kResourceExhausted, _NOT_SAME_DEVICE kFailedPrecondition with the reason OTHER_FILE_SYSTEM;
// others kInternal. The reason of all others is SYSTEM_CALL_FAILED.
absl::Status WindowsError(unsigned long error, absl::string_view what);
// The system's own words for it, without a line end.
std::string WindowsErrorText(unsigned long error);

}  // namespace mailquench::os

#endif  // MAILQUENCH_COMMON_OS_WIDE_H_
