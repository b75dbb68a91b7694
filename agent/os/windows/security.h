// Who may do what with a file or folder of ours, as security descriptors.
#ifndef MAILQUENCH_AGENT_OS_WINDOWS_SECURITY_H_
#define MAILQUENCH_AGENT_OS_WINDOWS_SECURITY_H_

#include <windows.h>

#include <string>

#include "absl/status/status.h"
#include "agent/os/windows/handle.h"

namespace mailquench::agent {

// For a new file or folder: full control for SYSTEM, the administrators and, where this process
// runs as neither, its user; nothing is inherited from above, all of it by what is made below. What
// mode 0600 and 0700 are on POSIX.
class PrivateAttributes {
 public:
  PrivateAttributes();
  // Null where the descriptor could not be made: then error() says why.
  SECURITY_ATTRIBUTES* get() { return error_.ok() ? &attributes_ : nullptr; }
  const absl::Status& error() const { return error_; }
  const wchar_t* sddl() const { return sddl_.c_str(); }

 private:
  std::wstring sddl_;
  LocalMemory<PSECURITY_DESCRIPTOR> descriptor_;
  SECURITY_ATTRIBUTES attributes_{};
  absl::Status error_;
};

// Gives `to`, opened with READ_CONTROL | WRITE_DAC (and WRITE_OWNER where the owners differ), the
// owner, the group and the DACL of `from`, protected as it is there. An owner other than this
// process' needs its SeRestorePrivilege, which is switched on.
absl::Status CopySecurity(HANDLE from, HANDLE to, const std::string& name);

// OK where `path` belongs to SYSTEM, the administrators, the system's installer or this process'
// user. Anybody may make folders in %ProgramData%: one of somebody else's must not become ours.
// Errors: kPermissionDenied/FOLDER_NOT_OURS, those of the file system.
absl::Status CheckOwner(HANDLE folder, const std::string& path);

// Switches on a privilege that this process' token has. False where it has none.
bool EnablePrivilege(const wchar_t* name);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OS_WINDOWS_SECURITY_H_
