// Files that survive a crash, and folders that nobody can lead out of. Implementations under posix/
// and windows/.
#ifndef MAILQUENCH_AGENT_OS_FILES_H_
#define MAILQUENCH_AGENT_OS_FILES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace mailquench::agent {

// Whole content, at most `max_bytes`. Does not follow a link in the last component.
// Errors: kNotFound, kPermissionDenied, kOutOfRange (larger), kInternal.
absl::StatusOr<std::string> ReadFile(const std::string& path,
                                     std::size_t max_bytes = std::size_t{64} * 1024 * 1024);

// Replaces a file whole: a temporary beside it, fsync, rename, fsync of the folder. Keeps the owner
// and mode of the file that it replaces; a new one gets `mode` and the folder's owner. Either the
// old or the new content is there at any time.
absl::Status WriteFileAtomically(const std::string& path,
                                 const std::string& content,
                                 unsigned mode = 0644);

// Removes a file and makes that durable. A missing file is OK.
absl::Status RemoveFile(const std::string& path);

// Sets a file's time of modification to now; makes it with mode 0600 where it is missing. Not
// durable.
absl::Status TouchFile(const std::string& path);

// Errors: kNotFound, kPermissionDenied, kInternal.
absl::StatusOr<absl::Time> ModificationTime(const std::string& path);

absl::Status SyncDirectory(const std::string& path);
absl::Status MakeDirectories(const std::string& path, unsigned mode);

// The folder of the agent's state, for this process' user alone. Windows: for SYSTEM and the
// administrators (and the user, where he is none), also where it was there and others could write;
// what an administrator has as his own becomes the administrators'. Error, besides those of
// MakeDirectories(): kPermissionDenied/FOLDER_NOT_OURS, it or something in it belongs to another.
absl::Status MakeStateFolder(const std::string& path);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OS_FILES_H_
