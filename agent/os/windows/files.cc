#include "agent/os/files.h"

#include <windows.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/os/windows/file_calls.h"
#include "agent/os/windows/handle.h"
#include "agent/os/windows/security.h"
#include "common/fault/fault_point.h"
#include "common/os/security_windows.h"
#include "common/os/wide.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
MQ_DEFINE_FAULT_POINT(kWritten, "files.write.before_rename");

// A scanner or a backup that has just opened a file lets go of it soon.
constexpr absl::Duration kPatience = absl::Seconds(2);

bool IsPrivate(unsigned mode) {
  return (mode & 077) == 0;
}

std::string Parent(const std::string& path) {
  const std::size_t slash = path.find_last_of("/\\");
  if (slash == std::string::npos) return ".";
  // "C:\x": the root keeps its backslash.
  return path.substr(0, slash == 0 || path[slash - 1] == ':' ? slash + 1 : slash);
}

bool HeldForTheMoment(DWORD error) {
  return error == ERROR_SHARING_VIOLATION || error == ERROR_ACCESS_DENIED ||
         error == ERROR_LOCK_VIOLATION || error == ERROR_USER_MAPPED_FILE;
}

// Until it succeeds, fails for good, or the patience ends. 0 or the error.
template <typename Call>
DWORD Patiently(const Call& call) {
  const absl::Time end = absl::Now() + kPatience;
  while (true) {
    if (call()) return ERROR_SUCCESS;
    const DWORD error = ::GetLastError();
    if (!HeldForTheMoment(error) || absl::Now() >= end) return error;
    absl::SleepFor(absl::Milliseconds(20));
  }
}

absl::Status WriteAll(HANDLE file, const std::string& content, const std::string& path) {
  std::size_t done = 0;
  while (done < content.size()) {
    const DWORD part = static_cast<DWORD>(std::min<std::size_t>(content.size() - done, 1U << 20));
    DWORD written = 0;
    if (!::WriteFile(file, content.data() + done, part, &written, nullptr))
      return os::WindowsError(::GetLastError(), absl::StrCat("write ", path));
    done += written;
  }
  if (!::FlushFileBuffers(file))
    return os::WindowsError(::GetLastError(), absl::StrCat("flush ", path));
  return absl::OkStatus();
}

// The temporary, whole and on the disk, with the rights that the file is to have.
absl::Status WriteTemporary(const std::string& temporary,
                            const std::string& content,
                            const std::string& replaced,
                            unsigned mode) {
  MQ_ASSIGN_OR_RETURN(os::PrivateSecurity secret, os::PrivateSecurity::Make());
  Handle old;
  DWORD attributes = FILE_ATTRIBUTE_NORMAL;
  if (!replaced.empty()) {
    old.Reset(::CreateFileW(os::LongPath(replaced).c_str(), READ_CONTROL | FILE_READ_ATTRIBUTES,
                            kShareAll, nullptr, OPEN_EXISTING, FILE_FLAG_OPEN_REPARSE_POINT,
                            nullptr));
    if (!old.valid()) return os::WindowsError(::GetLastError(), absl::StrCat("open ", replaced));
    BY_HANDLE_FILE_INFORMATION info;
    if (::GetFileInformationByHandle(old.get(), &info))
      attributes = info.dwFileAttributes & (FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM |
                                            FILE_ATTRIBUTE_NOT_CONTENT_INDEXED);
    if (attributes == 0) attributes = FILE_ATTRIBUTE_NORMAL;
  }
  // Until it has the rights of the file that it replaces, nobody else reads it.
  SECURITY_ATTRIBUTES* const rights =
      old.valid() || IsPrivate(mode) ? secret.attributes() : nullptr;
  const auto create = [&](DWORD access) {
    return ::CreateFileW(os::LongPath(temporary).c_str(), access, 0, rights, CREATE_NEW, attributes,
                         nullptr);
  };
  constexpr DWORD kAccess = GENERIC_WRITE | READ_CONTROL | WRITE_DAC;
  EnablePrivilege(L"SeRestorePrivilege");
  Handle file(create(kAccess | WRITE_OWNER));
  if (!file.valid()) file.Reset(create(kAccess));  // Nobody's owner is changed then.
  if (!file.valid()) return os::WindowsError(::GetLastError(), absl::StrCat("create ", temporary));
  MQ_RETURN_IF_ERROR(WriteAll(file.get(), content, temporary));
  if (old.valid()) MQ_RETURN_IF_ERROR(CopySecurity(old.get(), file.get(), temporary));
  return absl::OkStatus();
}
}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path, std::size_t max_bytes) {
  MQ_ASSIGN_OR_RETURN(const Handle file, OpenRegularFile(path, GENERIC_READ));
  std::string content;
  std::string buffer(65536, '\0');
  while (true) {
    DWORD n = 0;
    if (!::ReadFile(file.get(), buffer.data(), static_cast<DWORD>(buffer.size()), &n, nullptr))
      return os::WindowsError(::GetLastError(), absl::StrCat("read ", path));
    if (n == 0) return content;
    content.append(buffer, 0, n);
    if (content.size() > max_bytes)
      return absl::OutOfRangeError(absl::StrCat(path, " is larger than ", max_bytes, " bytes"));
  }
}

absl::Status TouchFile(const std::string& path) {
  MQ_ASSIGN_OR_RETURN(os::PrivateSecurity secret, os::PrivateSecurity::Make());
  const Handle file(::CreateFileW(os::LongPath(path).c_str(), FILE_WRITE_ATTRIBUTES, kShareAll,
                                  secret.attributes(), OPEN_ALWAYS, FILE_FLAG_OPEN_REPARSE_POINT,
                                  nullptr));
  if (!file.valid()) return os::WindowsError(::GetLastError(), absl::StrCat("open ", path));
  FILETIME now;
  ::GetSystemTimeAsFileTime(&now);
  if (!::SetFileTime(file.get(), nullptr, nullptr, &now))
    return os::WindowsError(::GetLastError(), absl::StrCat("set the time of ", path));
  return absl::OkStatus();
}

absl::StatusOr<absl::Time> ModificationTime(const std::string& path) {
  WIN32_FILE_ATTRIBUTE_DATA info;
  if (!::GetFileAttributesExW(os::LongPath(path).c_str(), GetFileExInfoStandard, &info))
    return os::WindowsError(::GetLastError(), absl::StrCat("look at ", path));
  return TimeOf(info.ftLastWriteTime);
}

// NTFS journals what is in a folder; what is asked for here is that the journal is written out.
absl::Status SyncDirectory(const std::string& path) {
  const Handle folder(::CreateFileW(os::LongPath(path).c_str(), GENERIC_READ | FILE_ADD_FILE,
                                    kShareAll, nullptr, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS,
                                    nullptr));
  if (folder.valid()) {
    // Not every file system flushes a folder; then the writes through have to do.
    (void)::FlushFileBuffers(folder.get());
    return absl::OkStatus();
  }
  const DWORD error = ::GetLastError();
  if (error == ERROR_ACCESS_DENIED) return absl::OkStatus();  // To read is all that we may there.
  return os::WindowsError(error, absl::StrCat("open ", path));
}

absl::Status WriteFileAtomically(const std::string& path,
                                 const std::string& content,
                                 unsigned mode) {
  const std::string temporary = absl::StrCat(path, ".mailquench-tmp");
  const std::wstring to = os::LongPath(path);
  const std::wstring from = os::LongPath(temporary);
  const DWORD old = ::GetFileAttributesW(to.c_str());
  const bool replaces = old != INVALID_FILE_ATTRIBUTES;
  if (replaces && (old & (FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT)) != 0)
    return Error(absl::StatusCode::kFailedPrecondition, "NOT_A_REGULAR_FILE",
                 absl::StrCat(path, " is no regular file; it was left as it was"));
  (void)::DeleteFileW(from.c_str());  // Left by a crash.
  const absl::Status written =
      WriteTemporary(temporary, content, replaces ? path : std::string(), mode);
  if (!written.ok()) {
    (void)::DeleteFileW(from.c_str());
    return written;
  }
  MQ_FAULT_POINT(kWritten);
  // One rename within the volume, not ReplaceFile(), which has a moment with neither name.
  const DWORD error = Patiently([&] {
    return ::MoveFileExW(from.c_str(), to.c_str(),
                         MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH) != 0;
  });
  if (error == ERROR_SUCCESS) return SyncDirectory(Parent(path));
  (void)::DeleteFileW(from.c_str());
  return os::WindowsError(error, absl::StrCat("rename ", temporary));
}

absl::Status RemoveFile(const std::string& path) {
  const std::wstring name = os::LongPath(path);
  const DWORD error = Patiently([&] { return ::DeleteFileW(name.c_str()) != 0; });
  if (error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND) return absl::OkStatus();
  if (error != ERROR_SUCCESS) return os::WindowsError(error, absl::StrCat("delete ", path));
  return SyncDirectory(Parent(path));
}

absl::Status MakeDirectories(const std::string& path, unsigned mode) {
  MQ_ASSIGN_OR_RETURN(os::PrivateSecurity secret, os::PrivateSecurity::Make(/*for_folder=*/true));
  SECURITY_ATTRIBUTES* const rights = IsPrivate(mode) ? secret.attributes() : nullptr;
  const std::wstring name = os::LongPath(path);
  if (::CreateDirectoryW(name.c_str(), rights)) return SyncDirectory(Parent(path));
  DWORD error = ::GetLastError();
  if (error == ERROR_PATH_NOT_FOUND && Parent(path) != path && Parent(path) != ".") {
    MQ_RETURN_IF_ERROR(MakeDirectories(Parent(path), 0755));
    if (::CreateDirectoryW(name.c_str(), rights)) return SyncDirectory(Parent(path));
    error = ::GetLastError();
  }
  if (error != ERROR_ALREADY_EXISTS) return os::WindowsError(error, absl::StrCat("make ", path));
  if (!IsPrivate(mode)) return absl::OkStatus();
  MQ_ASSIGN_OR_RETURN(const Handle folder, OpenFolder(path, READ_CONTROL | FILE_READ_ATTRIBUTES));
  return CheckOwner(folder.get(), path);
}

}  // namespace mailquench::agent
