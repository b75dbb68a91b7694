// Folders as somebody hostile may have left them: read, renamed and made without ever following a
// link. A link is a symbolic link, a junction, or any other reparse point of NTFS. Implementations
// under posix/ and windows/.
#ifndef MAILQUENCH_AGENT_OS_FOLDER_H_
#define MAILQUENCH_AGENT_OS_FOLDER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace mailquench::agent {

struct FolderEntry {
  enum class Kind { kFile, kFolder, kLink, kOther };
  std::string name;  // UTF-8. Of a name that is none, what can be told; it then cannot be opened.
  Kind kind = Kind::kOther;
  std::int64_t bytes = 0;
  absl::Time modified;
};

// False ends the walk; so does an error.
using EntryVisitor = std::function<absl::StatusOr<bool>(const FolderEntry&)>;

// All entries but "." and "..", in the file system's order, in bounded memory, however many there
// are. What is added or removed meanwhile may be seen or not. Errors: kNotFound, kPermissionDenied,
// kFailedPrecondition/NOT_A_DIRECTORY
// (`path` itself is a link or no folder), those of `visit`.
absl::Status ForEachEntry(const std::string& path, const EntryVisitor& visit);

// Names one folder or file whatever it is called at the moment: its volume and its number there, as
// text. Does not follow a link. Errors: kNotFound, kPermissionDenied, kInternal.
struct FileIdentity {
  std::uint64_t volume = 0;
  std::uint64_t number = 0;  // ReFS has 128 bits; what is over 64 is folded in.
  bool operator==(const FileIdentity&) const = default;
};
absl::StatusOr<FileIdentity> IdentityOf(const std::string& path);

// Renames a file or a folder within one volume, with all that belongs to it (owner, ACL, streams),
// and makes that durable. Never replaces. Errors: kNotFound, kAlreadyExists, kPermissionDenied,
// kUnavailable/SHARING_VIOLATION (it, or a file below it, is open; Windows alone),
// kFailedPrecondition/OTHER_FILE_SYSTEM.
absl::Status MoveEntry(const std::string& from, const std::string& to);

// Makes one folder with the owner, the group and the permissions of `model` (Windows: its security
// descriptor with what is protected, and its attributes), and makes that durable. It has its
// permissions before anybody can see it under its name. kAlreadyExists where `path` is there,
// whatever it is.
absl::Status MakeFolderLike(const std::string& path, const std::string& model);

// An empty folder. A missing one is OK; one that is not empty is kFailedPrecondition/NOT_EMPTY.
absl::Status RemoveFolder(const std::string& path);

// Where a volume is mounted at a folder, which cannot be renamed then: a path by which
// ForEachEntry() reads the volume's root. "" of any other folder, of a missing one and of a link.
absl::StatusOr<std::string> MountedVolume(const std::string& path);

// For whom this process writes, quotas included.
absl::StatusOr<std::int64_t> FreeBytes(const std::string& path);

// The first `max_bytes` of a regular file. Does not follow a link in the last component, and shares
// the file with whoever writes, renames or deletes it. Errors as ReadFile().
absl::StatusOr<std::string> ReadHead(const std::string& path, std::size_t max_bytes);

// The named streams that NTFS keeps beside a file's content. Empty where the file system has none.
struct NamedStream {
  std::string name;     // "PROPERTIES", without colons and type.
  std::string content;  // At most the `max_bytes` asked for.
};
absl::StatusOr<std::vector<NamedStream>> ReadStreams(const std::string& path,
                                                     std::size_t max_bytes);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OS_FOLDER_H_
