// Windows alone: the list of rights of what only SYSTEM, the Administrators and the user who made
// it may touch.
#ifndef MAILQUENCH_COMMON_OS_SECURITY_WINDOWS_H_
#define MAILQUENCH_COMMON_OS_SECURITY_WINDOWS_H_

#include <windows.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mailquench::os {

// Protected: what the folder hands down does not count. Full rights for SYSTEM and Administrators,
// and for this process's user where he is neither (an administrator who is not elevated is not
// one). `for_folder`: files and folders in it get the same.
class PrivateSecurity {
 public:
  // Errors: those of system calls.
  static absl::StatusOr<PrivateSecurity> Make(bool for_folder = false);
  // For CreateFileW() and CreateDirectoryW(); valid while this lives.
  SECURITY_ATTRIBUTES* attributes() { return &attributes_; }

 private:
  struct Free {
    void operator()(void* memory) const { ::LocalFree(memory); }
  };
  PrivateSecurity() = default;
  std::unique_ptr<void, Free> descriptor_;
  SECURITY_ATTRIBUTES attributes_{};
};

// Whether this process has an administrator's rights: elevated, where Windows asks for that.
bool IsAdministrator();

// The user of this process, as the bytes of a SID. Errors: those of system calls.
absl::StatusOr<std::vector<unsigned char>> UserSid();

}  // namespace mailquench::os

#endif  // MAILQUENCH_COMMON_OS_SECURITY_WINDOWS_H_
