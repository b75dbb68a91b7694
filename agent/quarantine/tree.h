// A folder with everything below it: measured, copied, compared and removed without ever following
// a link, whatever somebody has planted in it.
#ifndef MAILQUENCH_AGENT_QUARANTINE_TREE_H_
#define MAILQUENCH_AGENT_QUARANTINE_TREE_H_

#include <fcntl.h>

#include <cstdint>
#include <functional>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mailquench::agent {

// How a folder is opened that may have been replaced by a link.
inline constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

// One tree as it is held: the folder's descriptor, and names directly in it that do not belong to
// the tree.
struct Tree {
  int fd = -1;
  std::string path;  // For sentences only.
  std::set<std::string> without;
};

struct TreeSize {
  std::int64_t files = 0;    // All that is no folder.
  std::int64_t folders = 0;  // Without the tree's own.
  std::int64_t bytes = 0;
  // What a copy takes at most on a file system with blocks of 4096 bytes.
  std::int64_t Room() const { return bytes + (files + folders + 1) * 4096; }
};

// Asked between two files. An error of it ends the work.
using StillTime = std::function<absl::Status()>;

// Errors of all: those of the file system; kFailedPrecondition/TOO_DEEP, /STRANGE_FILE (a device).
absl::StatusOr<TreeSize> MeasureTree(const Tree& tree, const StillTime& still_time);

// Copies `from` into the folder `to`, with owner, group, mode and times; links and pipes as such.
// Every file and folder is on the disk when it returns. `copied` is told the bytes so far.
absl::Status CopyTree(const Tree& from,
                      const Tree& to,
                      const StillTime& still_time,
                      const std::function<void(std::int64_t)>& copied);

// Everything in `from` is in `copy`, and is the same but for its content, which is not read: kind,
// owner, group, mode, size, time of modification. kAborted/QUARANTINE_CHANGED names the first that
// is not.
absl::Status CompareTrees(const Tree& from, const Tree& copy, const StillTime& still_time);

// Removes what is in the tree, not the folder itself. Errors: those of the file system.
absl::Status EmptyTree(const Tree& tree, const StillTime& still_time);

// Copies one open file into the new file `name` of a folder: content, owner, group, mode, times,
// but no sync. Gives the copy's descriptor, which the caller closes.
absl::StatusOr<int> CopyFile(int from, int folder, const std::string& name);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_QUARANTINE_TREE_H_
