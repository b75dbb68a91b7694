// Files that are read and written as one piece, and who may read them. Paths are UTF-8. Everything
// here is thread-safe.
#ifndef MAILQUENCH_COMMON_OS_WHOLE_FILE_H_
#define MAILQUENCH_COMMON_OS_WHOLE_FILE_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mailquench::os {

// Private, from the first byte on: mode 0600. On Windows a protected list of rights that names
// SYSTEM, the Administrators and, where he is neither, the user who writes. Public: mode 0644; on
// Windows what the folder hands down.
enum class Privacy { kPrivate, kPublic };

// A reader sees the old file or the whole new one, also after a power cut. Errors: those of system
// calls; the old file is left then.
absl::Status ReplaceWhole(const std::string& path, const std::string& contents, Privacy privacy);
// The same for a file that must not be there yet. Error: ALREADY_EXISTS / FILE_EXISTS, what is
// there was left as it is. After another error there is no file; a crash may leave a part of one.
absl::Status CreateWhole(const std::string& path, const std::string& contents, Privacy privacy);
// Errors: NOT_FOUND and others of system calls; over `max_bytes` FAILED_PRECONDITION /
// FILE_TOO_LARGE.
absl::StatusOr<std::string> ReadWhole(const std::string& path, std::size_t max_bytes);

// Links are followed. kOther: a pipe, a device.
enum class FileKind { kMissing, kRegular, kFolder, kOther };
FileKind KindOf(const std::string& path);

// Whether somebody else than its owner (on Windows: and SYSTEM, the Administrators, this user) may
// read or write the file. Errors: those of system calls.
absl::StatusOr<bool> OpenToOthers(const std::string& path);
// What to do about it, for the end of a sentence: "chmod 600 it".
std::string HowToMakePrivate(const std::string& path);

// The folder and those above it that are missing. Errors: those of system calls.
absl::Status MakeFolders(const std::string& path);
// What a path has before its last separator, which is not part of it; "" where there is none.
std::string FolderOf(const std::string& path);

}  // namespace mailquench::os

#endif  // MAILQUENCH_COMMON_OS_WHOLE_FILE_H_
