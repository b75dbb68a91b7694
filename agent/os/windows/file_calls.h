// Opening files and folders without going through a reparse point.
#ifndef MAILQUENCH_AGENT_OS_WINDOWS_FILE_CALLS_H_
#define MAILQUENCH_AGENT_OS_WINDOWS_FILE_CALLS_H_

#include <windows.h>

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/os/windows/handle.h"

namespace mailquench::agent {

inline constexpr DWORD kShareAll = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

// The file itself, shared with whoever writes, renames or deletes it.
// Errors: kNotFound, kPermissionDenied, kUnavailable/SHARING_VIOLATION,
// kFailedPrecondition/NOT_A_REGULAR_FILE (a folder, a link, a device), kInternal.
absl::StatusOr<Handle> OpenRegularFile(const std::string& path, DWORD access);

// By the name alone. Who holds a handle that was opened without following links asks that; Wine's
// handle is of what the link leads to, so that both are asked.
bool IsLink(const std::string& path);

// A folder itself. Errors as above, and kFailedPrecondition/NOT_A_DIRECTORY.
absl::StatusOr<Handle> OpenFolder(const std::string& path, DWORD access);

absl::Time TimeOf(const FILETIME& time);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OS_WINDOWS_FILE_CALLS_H_
