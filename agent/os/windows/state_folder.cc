#include <windows.h>
// After windows.h.
#include <aclapi.h>

#include "absl/strings/str_cat.h"
#include "agent/os/files.h"
#include "agent/os/folder.h"
#include "agent/os/windows/file_calls.h"
#include "agent/os/windows/handle.h"
#include "agent/os/windows/security.h"
#include "common/os/security_windows.h"
#include "common/os/whole_file.h"
#include "common/os/wide.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
constexpr int kDeepest = 8;

absl::StatusOr<Handle> OpenEntry(const std::string& path, DWORD access) {
  Handle entry(::CreateFileW(os::LongPath(path).c_str(), access | FILE_READ_ATTRIBUTES, kShareAll,
                             nullptr, OPEN_EXISTING,
                             FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, nullptr));
  if (!entry.valid()) return os::WindowsError(::GetLastError(), absl::StrCat("open ", path));
  return entry;
}

// An administrator's own becomes the administrators': the service, which is SYSTEM, does not know
// whether that user is one. Whoever is no administrator keeps his.
absl::Status ClaimOwner(const std::string& path) {
  MQ_ASSIGN_OR_RETURN(const Handle entry, OpenEntry(path, READ_CONTROL));
  MQ_RETURN_IF_ERROR(CheckOwner(entry.get(), path));
  MQ_ASSIGN_OR_RETURN(const bool own, IsOfThisUser(entry.get(), path));
  if (!own || !os::IsAdministrator()) return absl::OkStatus();
  EnablePrivilege(L"SeRestorePrivilege");
  MQ_ASSIGN_OR_RETURN(const Handle owned, OpenEntry(path, READ_CONTROL | WRITE_OWNER));
  return GiveToAdministrators(owned.get(), path);
}

// Links are judged, too, and not followed.
absl::Status ClaimEntries(const std::string& folder, int deep) {
  return ForEachEntry(folder, [&](const FolderEntry& entry) -> absl::StatusOr<bool> {
    const std::string path = absl::StrCat(folder, "\\", entry.name);
    const absl::Status claimed = ClaimOwner(path);
    if (!claimed.ok() &&
        ::GetFileAttributesW(os::LongPath(path).c_str()) != INVALID_FILE_ATTRIBUTES)
      return claimed;  // Else it has gone meanwhile.
    if (entry.kind == FolderEntry::Kind::kFolder && claimed.ok()) {
      if (deep == 0)
        return Error(absl::StatusCode::kFailedPrecondition, "TOO_DEEP",
                     absl::StrCat(path,
                                  " is deeper than any folder of the agent's; it was not "
                                  "looked at, and nothing was written. Move it away"));
      MQ_RETURN_IF_ERROR(ClaimEntries(path, deep - 1));
    }
    return true;
  });
}
}  // namespace

absl::Status MakeStateFolder(const std::string& path) {
  MQ_RETURN_IF_ERROR(MakeDirectories(path, 0700));  // Looks at the owner of one that was there.
  // %ProgramData% hands down that users may make files, and so may whoever made the folder first.
  {
    MQ_ASSIGN_OR_RETURN(const Handle folder, OpenFolder(path, READ_CONTROL | WRITE_DAC));
    MQ_RETURN_IF_ERROR(CheckOwner(folder.get(), path));  // The very folder of the handle.
    MQ_RETURN_IF_ERROR(MakePrivate(folder.get(), path));
  }
  MQ_RETURN_IF_ERROR(ClaimOwner(path));
  // Nobody else can add one now; whoever put one there before owns it.
  return ClaimEntries(path, kDeepest);
}

}  // namespace mailquench::agent
