#include <windows.h>
// After windows.h.
#include <aclapi.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/os/random.h"
#include "common/os/security_windows.h"
#include "common/os/whole_file.h"
#include "common/os/wide.h"
#include "common/status/error.h"

namespace mailquench::os {
namespace {

// A reader that does not share the file's deletion, a virus scanner for example, is soon done.
constexpr int kMoves = 20;
constexpr DWORD kBetweenMoves = 50;  // Milliseconds.

struct Close {
  void operator()(HANDLE handle) const { ::CloseHandle(handle); }
};
using Handle = std::unique_ptr<void, Close>;

Handle Owned(HANDLE handle) {
  return Handle(handle == INVALID_HANDLE_VALUE ? nullptr : handle);
}

absl::Status Failed(absl::string_view call, const std::string& path) {
  return WindowsError(::GetLastError(), absl::StrCat(call, " ", path));
}

absl::Status WriteAndFlush(HANDLE file, const std::string& contents, const std::string& path) {
  for (std::size_t done = 0; done < contents.size();) {
    const auto size = static_cast<DWORD>(std::min<std::size_t>(contents.size() - done, 1 << 20));
    DWORD written = 0;
    if (::WriteFile(file, contents.data() + done, size, &written, nullptr) == 0)
      return Failed("write", path);
    done += written;
  }
  return ::FlushFileBuffers(file) == 0 ? Failed("flush", path) : absl::OkStatus();
}

// Makes the file, which must not be there, and writes all of it. What it has begun is left.
absl::Status WriteNew(const std::string& path,
                      const std::string& contents,
                      Privacy privacy,
                      bool* made) {
  SECURITY_ATTRIBUTES* attributes = nullptr;
  absl::StatusOr<PrivateSecurity> security = absl::InternalError("");
  if (privacy == Privacy::kPrivate) {
    security = PrivateSecurity::Make();
    if (!security.ok()) return Prepend(security.status(), path);
    attributes = security->attributes();
  }
  const Handle file = Owned(::CreateFileW(LongPath(path).c_str(), GENERIC_WRITE, 0, attributes,
                                          CREATE_NEW, FILE_ATTRIBUTE_NORMAL, nullptr));
  if (file == nullptr) return Failed("create", path);
  *made = true;
  return WriteAndFlush(file.get(), contents, path);
}

bool MovedOver(const std::wstring& from, const std::wstring& to) {
  for (int move = 1;; ++move) {
    if (::MoveFileExW(from.c_str(), to.c_str(),
                      MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH) != 0)
      return true;
    const DWORD error = ::GetLastError();
    const bool in_use = error == ERROR_ACCESS_DENIED || error == ERROR_SHARING_VIOLATION;
    if (!in_use || move == kMoves) return false;
    ::Sleep(kBetweenMoves);
    ::SetLastError(error);
  }
}

// So that the rename is on the disk. Where the folder cannot be opened for that, or its file system
// flushes none, the write-through has to do.
void SyncFolderOf(const std::string& path) {
  const std::string folder = FolderOf(path);
  const Handle handle = Owned(
      ::CreateFileW(LongPath(folder.empty() ? "." : folder).c_str(), GENERIC_READ | FILE_ADD_FILE,
                    FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr, OPEN_EXISTING,
                    FILE_FLAG_BACKUP_SEMANTICS, nullptr));
  if (handle != nullptr) (void)::FlushFileBuffers(handle.get());
}

bool IsOneOfUs(PSID sid, PSID owner, PSID user) {
  return ::IsWellKnownSid(sid, WinLocalSystemSid) != 0 ||
         ::IsWellKnownSid(sid, WinBuiltinAdministratorsSid) != 0 ||
         ::IsWellKnownSid(sid, WinCreatorOwnerRightsSid) != 0 || ::EqualSid(sid, owner) != 0 ||
         ::EqualSid(sid, user) != 0;
}

}  // namespace

absl::Status ReplaceWhole(const std::string& path, const std::string& contents, Privacy privacy) {
  std::uint64_t number = 0;
  if (!FillRandom(&number, sizeof number))
    return absl::InternalError("the system has no random numbers");
  const std::string temporary = absl::StrCat(path, ".", absl::Hex(number), ".tmp");
  bool made = false;
  absl::Status status = WriteNew(temporary, contents, privacy, &made);
  if (status.ok() && !MovedOver(LongPath(temporary), LongPath(path)))
    status = Failed(absl::StrCat("rename ", temporary, " to"), path);
  else if (status.ok())
    SyncFolderOf(path);
  if (!status.ok() && made) ::DeleteFileW(LongPath(temporary).c_str());
  return status;
}

absl::Status CreateWhole(const std::string& path, const std::string& contents, Privacy privacy) {
  bool made = false;
  absl::Status status = WriteNew(path, contents, privacy, &made);
  if (status.ok()) return status;
  if (made) {
    ::DeleteFileW(LongPath(path).c_str());
  } else if (absl::IsAlreadyExists(status)) {
    return Error(absl::StatusCode::kAlreadyExists, "FILE_EXISTS",
                 absl::StrCat(path,
                              " is there already and was left as it is. Choose another name or "
                              "folder, or move it away"));
  }
  return status;
}

absl::StatusOr<std::string> ReadWhole(const std::string& path, std::size_t max_bytes) {
  const Handle file = Owned(::CreateFileW(
      LongPath(path).c_str(), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
      nullptr, OPEN_EXISTING, FILE_FLAG_SEQUENTIAL_SCAN, nullptr));
  if (file == nullptr) return Failed("open", path);
  std::string contents;
  std::vector<char> buffer(16384);
  while (true) {
    DWORD read = 0;
    if (::ReadFile(file.get(), buffer.data(), static_cast<DWORD>(buffer.size()), &read, nullptr) ==
        0) {
      if (::GetLastError() == ERROR_BROKEN_PIPE) return contents;
      return Failed("read", path);
    }
    if (read == 0) return contents;
    contents.append(buffer.data(), read);
    if (contents.size() > max_bytes) {
      return Error(absl::StatusCode::kFailedPrecondition, "FILE_TOO_LARGE",
                   absl::StrCat(path, " is larger than ", max_bytes, " bytes; it was not read"));
    }
  }
}

FileKind KindOf(const std::string& path) {
  const std::wstring wide = LongPath(path);
  const DWORD attributes = ::GetFileAttributesW(wide.c_str());
  if (wide.compare(0, 4, L"\\\\.\\") == 0) return FileKind::kOther;  // NUL, CON, a pipe.
  if (attributes == INVALID_FILE_ATTRIBUTES) return FileKind::kMissing;
  if ((attributes & FILE_ATTRIBUTE_DIRECTORY) != 0) return FileKind::kFolder;
  return (attributes & FILE_ATTRIBUTE_DEVICE) != 0 ? FileKind::kOther : FileKind::kRegular;
}

absl::StatusOr<bool> OpenToOthers(const std::string& path) {
  MQ_ASSIGN_OR_RETURN(std::vector<unsigned char> user, UserSid());
  PSID owner = nullptr;
  PACL rights = nullptr;
  PSECURITY_DESCRIPTOR descriptor = nullptr;
  const DWORD error =
      ::GetNamedSecurityInfoW(LongPath(path).c_str(), SE_FILE_OBJECT,
                              OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION, &owner,
                              nullptr, &rights, nullptr, &descriptor);
  if (error != ERROR_SUCCESS) return WindowsError(error, "read the rights of " + path);
  constexpr ACCESS_MASK kTouch = FILE_READ_DATA | FILE_WRITE_DATA | FILE_APPEND_DATA |
                                 GENERIC_READ | GENERIC_WRITE | GENERIC_ALL;
  bool open = rights == nullptr;  // Without a list everybody may do everything.
  for (DWORD i = 0; rights != nullptr && i < rights->AceCount; ++i) {
    void* entry = nullptr;
    if (::GetAce(rights, i, &entry) == 0) continue;
    auto* const allowed = static_cast<ACCESS_ALLOWED_ACE*>(entry);
    if (allowed->Header.AceType != ACCESS_ALLOWED_ACE_TYPE ||
        (allowed->Header.AceFlags & INHERIT_ONLY_ACE) != 0 || (allowed->Mask & kTouch) == 0)
      continue;
    if (!IsOneOfUs(&allowed->SidStart, owner, user.data())) open = true;
  }
  ::LocalFree(descriptor);
  return open;
}

std::string HowToMakePrivate(const std::string& path) {
  return absl::StrCat("run icacls \"", path,
                      "\" /inheritance:r /grant:r \"%USERNAME%:F\" \"*S-1-5-18:F\"");
}

absl::Status MakeFolders(const std::string& path) {
  const FileKind kind = KindOf(path);
  if (kind == FileKind::kFolder) return absl::OkStatus();
  if (kind != FileKind::kMissing)
    return WindowsError(ERROR_ALREADY_EXISTS, absl::StrCat("cannot make ", path));
  const std::string above = FolderOf(path);
  if (!above.empty() && above != path) MQ_RETURN_IF_ERROR(MakeFolders(above));
  if (::CreateDirectoryW(LongPath(path).c_str(), nullptr) == 0 &&
      ::GetLastError() != ERROR_ALREADY_EXISTS)
    return Failed("cannot make", path);
  return absl::OkStatus();
}

std::string FolderOf(const std::string& path) {
  const std::size_t separator = path.find_last_of("/\\");
  if (separator == std::string::npos) return std::string();
  // "C:\" is a folder, "C:" is not.
  if (separator == 0 || path[separator - 1] == ':') return path.substr(0, separator + 1);
  return path.substr(0, separator);
}

}  // namespace mailquench::os
