// What the files of the identity folder share: one writer at a time, what may be there
// already, and times as text.
#ifndef MAILQUENCH_CONTROLLER_IDENTITY_FOLDER_H_
#define MAILQUENCH_CONTROLLER_IDENTITY_FOLDER_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace mailquench::controller {

// Held while a file of the folder is read, changed and written. Other processes wait for it; it is
// gone with the process.
class FolderLock {
 public:
  // Errors: those of open(2) and flock(2).
  static absl::StatusOr<FolderLock> Take(const std::string& dir);
  FolderLock(FolderLock&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock();

 private:
  explicit FolderLock(int fd) : fd_(fd) {}
  int fd_;
};

// False only where nothing, not even a dangling link, is at `path` for certain.
bool MayExist(const std::string& path);

// "2026-01-31T12:00:00Z", and back. A certificate's dates are whole seconds too.
std::string TimeText(absl::Time time);
bool ParseTimeText(const std::string& text, absl::Time* time);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_IDENTITY_FOLDER_H_
