#include "agent/os/windows/file_calls.h"

#include "absl/strings/str_cat.h"
#include "common/os/wide.h"
#include "common/status/error.h"

namespace mailquench::agent {

absl::StatusOr<Handle> OpenRegularFile(const std::string& path, DWORD access) {
  const std::wstring name = os::LongPath(path);
  Handle file(::CreateFileW(name.c_str(), access | FILE_READ_ATTRIBUTES, kShareAll, nullptr,
                            OPEN_EXISTING, FILE_FLAG_OPEN_REPARSE_POINT, nullptr));
  const DWORD error = file.valid() ? ERROR_SUCCESS : ::GetLastError();
  BY_HANDLE_FILE_INFORMATION info{};
  // By its name too: a folder is not opened without FILE_FLAG_BACKUP_SEMANTICS, where "access
  // denied" would mislead; and Wine opens what a link leads to.
  DWORD attributes = ::GetFileAttributesW(name.c_str());
  if (attributes == INVALID_FILE_ATTRIBUTES) attributes = 0;
  if (file.valid() && ::GetFileInformationByHandle(file.get(), &info))
    attributes |= info.dwFileAttributes;
  if (((attributes & (FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT)) != 0) ||
      (file.valid() && ::GetFileType(file.get()) != FILE_TYPE_DISK))
    return Error(absl::StatusCode::kFailedPrecondition, "NOT_A_REGULAR_FILE",
                 absl::StrCat(path, " is no regular file; it was not opened"));
  if (!file.valid()) return os::WindowsError(error, absl::StrCat("open ", path));
  return file;
}

bool IsLink(const std::string& path) {
  const DWORD attributes = ::GetFileAttributesW(os::LongPath(path).c_str());
  return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0;
}

absl::StatusOr<Handle> OpenFolder(const std::string& path, DWORD access) {
  Handle folder(::CreateFileW(os::LongPath(path).c_str(), access | FILE_READ_ATTRIBUTES, kShareAll,
                              nullptr, OPEN_EXISTING,
                              FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, nullptr));
  if (!folder.valid()) return os::WindowsError(::GetLastError(), absl::StrCat("open ", path));
  BY_HANDLE_FILE_INFORMATION info{};
  if (!::GetFileInformationByHandle(folder.get(), &info))
    return os::WindowsError(::GetLastError(), absl::StrCat("look at ", path));
  if ((info.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) == 0 ||
      (info.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0 || IsLink(path))
    return Error(absl::StatusCode::kFailedPrecondition, "NOT_A_DIRECTORY",
                 absl::StrCat(path, " is no folder, or a link to one; it was not opened"));
  return folder;
}

absl::Time TimeOf(const FILETIME& time) {
  ULARGE_INTEGER ticks;
  ticks.LowPart = time.dwLowDateTime;
  ticks.HighPart = time.dwHighDateTime;
  // Steps of 100 ns since 1601; 11644473600 s before 1970.
  constexpr std::int64_t kUnixEpoch = std::int64_t{11644473600} * 10000000;
  const std::int64_t since = static_cast<std::int64_t>(ticks.QuadPart) - kUnixEpoch;
  return absl::FromUnixSeconds(since / 10000000) + absl::Nanoseconds(since % 10000000 * 100);
}

}  // namespace mailquench::agent
