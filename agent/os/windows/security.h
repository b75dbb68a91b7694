// Who may do what with a file or folder that was there before us. What is for nobody else is made
// with common/os/security_windows.h.
#ifndef MAILQUENCH_AGENT_OS_WINDOWS_SECURITY_H_
#define MAILQUENCH_AGENT_OS_WINDOWS_SECURITY_H_

#include <windows.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mailquench::agent {

// Gives `to`, opened with READ_CONTROL | WRITE_DAC (and WRITE_OWNER where the owners differ), the
// owner, the group and the DACL of `from`, protected as it is there. An owner other than this
// process' needs its SeRestorePrivilege, which is switched on.
absl::Status CopySecurity(HANDLE from, HANDLE to, const std::string& name);

// OK where `path` belongs to SYSTEM, the administrators, the system's installer or this process'
// user. Anybody may make folders in %ProgramData%: one of somebody else's must not become ours.
// Errors: kPermissionDenied/FOLDER_NOT_OURS, those of the file system.
absl::Status CheckOwner(HANDLE folder, const std::string& path);

// Whether it belongs to this process' user himself, and he is not SYSTEM.
absl::StatusOr<bool> IsOfThisUser(HANDLE file, const std::string& path);
// `file` is opened with WRITE_OWNER, and SeRestorePrivilege is on.
absl::Status GiveToAdministrators(HANDLE file, const std::string& path);

// Takes away from a folder, opened with READ_CONTROL | WRITE_DAC, what it was handed down, and all
// rights but those of SYSTEM, the administrators and this process' user where he is neither; what
// is in it is handed down the same.
absl::Status MakePrivate(HANDLE folder, const std::string& path);

// The SID as text of an owner that CheckOwner() would refuse; "" where it would not.
absl::StatusOr<std::string> ForeignOwner(HANDLE file, const std::string& path);
// The same of somebody whom the DACL gives any right of `rights` on the very file or folder;
// "everybody" where there is no DACL.
absl::StatusOr<std::string> ForeignWriter(HANDLE file, const std::string& path, ACCESS_MASK rights);

// Switches on a privilege that this process' token has. False where it has none.
bool EnablePrivilege(const wchar_t* name);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OS_WINDOWS_SECURITY_H_
