#include "agent/os/folder.h"

#include <windows.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/os/files.h"
#include "agent/os/windows/file_calls.h"
#include "agent/os/windows/handle.h"
#include "agent/os/windows/security.h"
#include "common/os/security_windows.h"
#include "common/os/whole_file.h"
#include "common/os/wide.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {

// FILE_ID_INFO, which headers for Windows before 8 leave out; so did those systems, and ReFS
// (learn.microsoft.com/windows/win32/api/winbase/ns-winbase-file_id_info).
struct FullId {
  std::uint64_t volume;
  std::uint64_t low, high;
};
constexpr auto kFullId = static_cast<FILE_INFO_BY_HANDLE_CLASS>(18);

absl::Time EntryTime(const LARGE_INTEGER& time) {
  FILETIME file_time;
  file_time.dwLowDateTime = time.LowPart;
  file_time.dwHighDateTime = static_cast<DWORD>(time.HighPart);
  return TimeOf(file_time);
}

FolderEntry EntryOf(const FILE_ID_BOTH_DIR_INFO& found) {
  FolderEntry entry;
  entry.name = os::ToUtf8(std::wstring(found.FileName, found.FileNameLength / sizeof(wchar_t)));
  const DWORD attributes = found.FileAttributes;
  if ((attributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0) {
    entry.kind = FolderEntry::Kind::kLink;
  } else if ((attributes & FILE_ATTRIBUTE_DIRECTORY) != 0) {
    entry.kind = FolderEntry::Kind::kFolder;
  } else if ((attributes & FILE_ATTRIBUTE_DEVICE) != 0) {
    entry.kind = FolderEntry::Kind::kOther;
  } else {
    entry.kind = FolderEntry::Kind::kFile;
    entry.bytes = found.EndOfFile.QuadPart;
  }
  entry.modified = EntryTime(found.LastWriteTime);
  return entry;
}

absl::Status MoveFailed(DWORD error, const std::string& from, const std::string& to) {
  if (error == ERROR_NOT_SAME_DEVICE)
    return Error(absl::StatusCode::kFailedPrecondition, "OTHER_FILE_SYSTEM",
                 absl::StrCat(to, " is on another volume than ", from, "; nothing was moved"));
  if (error == ERROR_ALREADY_EXISTS || error == ERROR_FILE_EXISTS)
    return absl::AlreadyExistsError(
        absl::StrCat(to, " is there already; ", from, " was left where it was"));
  // A folder below which something is open is "access denied" to rename; so is what one may not
  // touch. Told apart by asking for the very right, which fails in the second case alone.
  if (error == ERROR_ACCESS_DENIED) {
    const Handle may(
        ::CreateFileW(os::LongPath(from).c_str(), DELETE, kShareAll, nullptr, OPEN_EXISTING,
                      FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, nullptr));
    if (may.valid() || ::GetLastError() == ERROR_SHARING_VIOLATION)
      return Error(absl::StatusCode::kUnavailable, "SHARING_VIOLATION",
                   absl::StrCat(from,
                                ", or something in it, is open in another program; it was "
                                "left where it was"));
  }
  return os::WindowsError(error, absl::StrCat("rename ", from, " to ", to));
}

absl::Status SyncParent(const std::string& path) {
  const std::string parent = os::FolderOf(path);
  return SyncDirectory(parent.empty() ? "." : parent);
}
}  // namespace

// By the handle and not by the path: it is this very folder, wherever it is renamed to meanwhile
// and whatever is put in its place. The handle shares all, so that whoever looks keeps nobody from
// renaming the folder.
absl::Status ForEachEntry(const std::string& path, const EntryVisitor& visit) {
  MQ_ASSIGN_OR_RETURN(const Handle folder, OpenFolder(path, FILE_LIST_DIRECTORY));
  std::vector<std::uint64_t> block(8192);  // Aligned as the entries want it.
  auto what = FileIdBothDirectoryRestartInfo;
  while (::GetFileInformationByHandleEx(folder.get(), what, block.data(),
                                        static_cast<DWORD>(block.size() * sizeof block[0]))) {
    what = FileIdBothDirectoryInfo;
    const char* at = reinterpret_cast<const char*>(block.data());
    for (;;) {
      const auto& found = *reinterpret_cast<const FILE_ID_BOTH_DIR_INFO*>(at);
      const FolderEntry entry = EntryOf(found);
      if (entry.name != "." && entry.name != "..") {
        MQ_ASSIGN_OR_RETURN(const bool more, visit(entry));
        if (!more) return absl::OkStatus();
      }
      if (found.NextEntryOffset == 0) break;
      at += found.NextEntryOffset;
    }
  }
  const DWORD error = ::GetLastError();
  // The root of an empty drive has not even "." and "..".
  if (error == ERROR_NO_MORE_FILES || error == ERROR_FILE_NOT_FOUND) return absl::OkStatus();
  return os::WindowsError(error, absl::StrCat("read ", path));
}

absl::StatusOr<FileIdentity> IdentityOf(const std::string& path) {
  const Handle file(::CreateFileW(
      os::LongPath(path).c_str(), FILE_READ_ATTRIBUTES, kShareAll, nullptr, OPEN_EXISTING,
      FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, nullptr));
  if (!file.valid()) return os::WindowsError(::GetLastError(), absl::StrCat("open ", path));
  // Always by the same call: its numbers are kept in manifests. ReFS alone has more than 64 bits,
  // and this call gives their lower half there
  // (learn.microsoft.com/windows/win32/api/fileapi/ns-fileapi-by_handle_file_information).
  BY_HANDLE_FILE_INFORMATION info{};
  if (!::GetFileInformationByHandle(file.get(), &info))
    return os::WindowsError(::GetLastError(), absl::StrCat("look at ", path));
  if ((info.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) == 0 && IsLink(path))
    return absl::InternalError(
        absl::StrCat(path, " is a link, and its own number cannot be told here"));
  FileIdentity identity;
  identity.volume = info.dwVolumeSerialNumber;
  identity.number = static_cast<std::uint64_t>(info.nFileIndexHigh) << 32 | info.nFileIndexLow;
  FullId full{};
  if (::GetFileInformationByHandleEx(file.get(), kFullId, &full, sizeof full))
    identity.number ^= full.high * 0x9E3779B97F4A7C15ULL;  // 0 on NTFS.
  return identity;
}

absl::Status MoveEntry(const std::string& from, const std::string& to) {
  const std::wstring source = os::LongPath(from);
  const std::wstring target = os::LongPath(to);
  if (!::MoveFileExW(source.c_str(), target.c_str(), MOVEFILE_WRITE_THROUGH))
    return MoveFailed(::GetLastError(), from, to);
  // The write-through is of a copy's content; a rename is in the journal of the volume alone.
  MQ_RETURN_IF_ERROR(SyncParent(to));
  return os::FolderOf(from) == os::FolderOf(to) ? absl::OkStatus() : SyncParent(from);
}

absl::Status MakeFolderLike(const std::string& path, const std::string& model) {
  MQ_ASSIGN_OR_RETURN(const Handle like, OpenFolder(model, READ_CONTROL));
  BY_HANDLE_FILE_INFORMATION info{};
  if (!::GetFileInformationByHandle(like.get(), &info))
    return os::WindowsError(::GetLastError(), absl::StrCat("look at ", model));
  MQ_ASSIGN_OR_RETURN(os::PrivateSecurity secret, os::PrivateSecurity::Make(/*for_folder=*/true));
  // Made under another name for nobody else: under its own nobody sees it with other permissions.
  // What its parent would have it inherit is left out; the copy has what the model has.
  const std::string making = absl::StrCat(path, ".mailquench-tmp");
  const std::wstring name = os::LongPath(making);
  (void)::RemoveDirectoryW(name.c_str());  // Left by a crash.
  if (!::CreateDirectoryW(name.c_str(), secret.attributes()))
    return os::WindowsError(::GetLastError(), absl::StrCat("make ", making));
  absl::Status status;
  {
    EnablePrivilege(L"SeRestorePrivilege");
    auto made = OpenFolder(making, READ_CONTROL | WRITE_DAC | WRITE_OWNER);
    if (!made.ok()) made = OpenFolder(making, READ_CONTROL | WRITE_DAC);
    status = made.ok() ? CopySecurity(like.get(), made->get(), making) : made.status();
  }
  // Not FILE_ATTRIBUTE_READONLY: of a folder it says nothing about its files, and one that has it
  // is not deleted any more.
  constexpr DWORD kKept =
      FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM | FILE_ATTRIBUTE_NOT_CONTENT_INDEXED;
  const DWORD attributes = info.dwFileAttributes & kKept;
  if (status.ok() && attributes != 0 && !::SetFileAttributesW(name.c_str(), attributes))
    status = os::WindowsError(::GetLastError(), absl::StrCat("set the attributes of ", making));
  if (status.ok()) status = MoveEntry(making, path);
  if (!status.ok()) (void)::RemoveDirectoryW(name.c_str());
  return status;
}

absl::Status RemoveFolder(const std::string& path) {
  const std::wstring name = os::LongPath(path);
  const DWORD attributes = ::GetFileAttributesW(name.c_str());
  // RemoveDirectoryW() would take a junction away.
  if (attributes != INVALID_FILE_ATTRIBUTES && ((attributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0 ||
                                                (attributes & FILE_ATTRIBUTE_DIRECTORY) == 0))
    return Error(absl::StatusCode::kFailedPrecondition, "NOT_A_DIRECTORY",
                 absl::StrCat(path, " is no folder, or a link to one; it was left as it was"));
  if (::RemoveDirectoryW(name.c_str())) return SyncParent(path);
  const DWORD error = ::GetLastError();
  if (error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND) return absl::OkStatus();
  if (error == ERROR_DIR_NOT_EMPTY)
    return Error(absl::StatusCode::kFailedPrecondition, "NOT_EMPTY",
                 absl::StrCat(path, " is not empty; it was left as it was"));
  return os::WindowsError(error, absl::StrCat("remove ", path));
}

absl::StatusOr<std::string> MountedVolume(const std::string& path) {
  std::wstring folder = os::ToWide(path);
  if (!folder.empty() && folder.back() != L'\\') folder.push_back(L'\\');
  wchar_t volume[64];  // "\\\\?\\Volume{GUID}\\"
  if (!::GetVolumeNameForVolumeMountPointW(folder.c_str(), volume, 64)) return "";
  return os::ToUtf8(volume);
}

absl::StatusOr<std::int64_t> FreeBytes(const std::string& path) {
  ULARGE_INTEGER bytes;
  if (!::GetDiskFreeSpaceExW(os::LongPath(path).c_str(), &bytes, nullptr, nullptr))
    return os::WindowsError(::GetLastError(), absl::StrCat("look at the volume of ", path));
  return static_cast<std::int64_t>(bytes.QuadPart);
}
}  // namespace mailquench::agent
