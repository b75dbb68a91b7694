#include "agent/os/lock.h"

#include <windows.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/os/windows/file_calls.h"
#include "agent/os/windows/handle.h"
#include "agent/os/windows/security.h"
#include "common/os/security_windows.h"
#include "common/os/wide.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
// Nobody holds a folder for longer than a rename or two: then it is a foreign program's file.
constexpr absl::Duration kFolderWait = absl::Seconds(30);
}  // namespace

// A lock on a byte of the file; the kernel lets go of it when it closes a dead process' handles
// (learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-lockfileex).
absl::StatusOr<std::unique_ptr<FileLock>> FileLock::Acquire(
    const std::string& path,
    absl::Duration wait,
    const std::function<absl::Status()>& while_waiting) {
  MQ_ASSIGN_OR_RETURN(os::PrivateSecurity secret, os::PrivateSecurity::Make());
  Handle file(::CreateFileW(os::LongPath(path).c_str(), GENERIC_READ | GENERIC_WRITE, kShareAll,
                            secret.attributes(), OPEN_ALWAYS, FILE_FLAG_OPEN_REPARSE_POINT,
                            nullptr));
  if (!file.valid()) return os::WindowsError(::GetLastError(), absl::StrCat("open ", path));
  BY_HANDLE_FILE_INFORMATION info{};
  if (::GetFileInformationByHandle(file.get(), &info) &&
      (info.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0)
    return Error(absl::StatusCode::kFailedPrecondition, "NOT_A_REGULAR_FILE",
                 absl::StrCat(path, " is a link; it was not locked"));
  const absl::Time deadline = absl::Now() + wait;
  OVERLAPPED where{};
  while (!::LockFileEx(file.get(), LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0,
                       &where)) {
    const DWORD error = ::GetLastError();
    if (error != ERROR_LOCK_VIOLATION && error != ERROR_IO_PENDING)
      return os::WindowsError(error, absl::StrCat("lock ", path));
    if (absl::Now() >= deadline)
      return Error(absl::StatusCode::kDeadlineExceeded, "HOST_BUSY",
                   absl::StrCat("another change is under way on this host (", path,
                                " is held); nothing was done, try again when it has ended"));
    if (while_waiting) MQ_RETURN_IF_ERROR(while_waiting());
    absl::SleepFor(absl::Milliseconds(10));
  }
  return std::unique_ptr<FileLock>(new FileLock(reinterpret_cast<std::intptr_t>(file.Release())));
}

FileLock::~FileLock() {
  ::CloseHandle(reinterpret_cast<HANDLE>(handle_));
}

absl::StatusOr<std::unique_ptr<FolderLock>> FolderLock::Acquire(const std::string& folder) {
  MQ_RETURN_IF_ERROR(OpenFolder(folder, FILE_READ_ATTRIBUTES).status());
  MQ_ASSIGN_OR_RETURN(os::PrivateSecurity secret, os::PrivateSecurity::Make());
  const std::string path = absl::StrCat(folder, "\\", kFolderLockFile);
  const absl::Time deadline = absl::Now() + kFolderWait;
  while (true) {
    // Shared with nobody, and gone with its last handle.
    Handle file(::CreateFileW(os::LongPath(path).c_str(), GENERIC_WRITE | DELETE, 0,
                              secret.attributes(), OPEN_ALWAYS,
                              FILE_FLAG_DELETE_ON_CLOSE | FILE_FLAG_OPEN_REPARSE_POINT |
                                  FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_TEMPORARY,
                              nullptr));
    if (file.valid())
      return std::unique_ptr<FolderLock>(
          new FolderLock(reinterpret_cast<std::intptr_t>(file.Release())));
    const DWORD error = ::GetLastError();
    // "Access denied" is one that is about to go away; it is also what it says, hence the question.
    const bool held =
        error == ERROR_SHARING_VIOLATION || error == ERROR_DELETE_PENDING ||
        (error == ERROR_ACCESS_DENIED &&
         ::GetFileAttributesW(os::LongPath(path).c_str()) == INVALID_FILE_ATTRIBUTES &&
         (::GetLastError() == ERROR_ACCESS_DENIED || ::GetLastError() == ERROR_DELETE_PENDING));
    if (!held) return os::WindowsError(error, absl::StrCat("lock ", folder));
    if (absl::Now() >= deadline)
      return Error(absl::StatusCode::kDeadlineExceeded, "FOLDER_BUSY",
                   absl::StrCat(path, " has been held by another program for ",
                                absl::FormatDuration(kFolderWait), "; nothing was changed in ",
                                folder, ". Find out who holds it, and try again"));
    absl::SleepFor(absl::Milliseconds(10));
  }
}

FolderLock::~FolderLock() {
  ::CloseHandle(reinterpret_cast<HANDLE>(handle_));
}

}  // namespace mailquench::agent
