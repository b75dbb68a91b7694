#include "agent/mail/exchange/folder_files.h"

#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/mail/folders/check_time.h"
#include "agent/mail/folders/paths.h"
#include "agent/os/files.h"
#include "agent/os/folder.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
constexpr int kDeepest = 8;  // Of folders that Transport itself makes below its queue.

absl::Status EmptyBelow(const std::string& folder, int depth, const CallContext& context) {
  if (depth > kDeepest)
    return Error(absl::StatusCode::kFailedPrecondition, "TOO_DEEP",
                 absl::StrCat(folder,
                              " is nested deeper than anything Transport makes; it was "
                              "left, look at it by hand"));
  std::vector<FolderEntry> entries;
  MQ_RETURN_IF_ERROR(ForEachEntry(folder, [&](const FolderEntry& entry) -> absl::StatusOr<bool> {
    entries.push_back(entry);
    return true;
  }));
  for (const FolderEntry& entry : entries) {
    MQ_RETURN_IF_ERROR(CheckTime(context));
    const std::string path = JoinPath(folder, entry.name);
    if (entry.kind == FolderEntry::Kind::kFolder) {
      MQ_RETURN_IF_ERROR(EmptyBelow(path, depth + 1, context));
      MQ_RETURN_IF_ERROR(RemoveFolder(path));
    } else if (entry.kind == FolderEntry::Kind::kFile) {
      MQ_RETURN_IF_ERROR(RemoveFile(path));
    }  // A link is nothing of Transport's, and is left.
  }
  return absl::OkStatus();
}

std::filesystem::path Native(const std::string& utf8) {
  return std::filesystem::path(std::u8string(utf8.begin(), utf8.end()));
}
}  // namespace

absl::Status EmptyFolder(const std::string& folder, const CallContext& context) {
  return EmptyBelow(folder, 0, context);
}

absl::StatusOr<std::int64_t> BytesIn(const std::string& folder) {
  std::int64_t bytes = 0;
  MQ_RETURN_IF_ERROR(ForEachEntry(folder, [&](const FolderEntry& entry) -> absl::StatusOr<bool> {
    if (entry.kind == FolderEntry::Kind::kFile) bytes += entry.bytes;
    return true;
  }));
  return bytes;
}

absl::Status CopyFiles(const std::string& from, const std::string& to, const CallContext& context) {
  return ForEachEntry(from, [&](const FolderEntry& entry) -> absl::StatusOr<bool> {
    if (entry.kind != FolderEntry::Kind::kFile) return true;
    MQ_RETURN_IF_ERROR(CheckTime(context));
    std::error_code error;
    std::filesystem::copy_file(Native(JoinPath(from, entry.name)), Native(JoinPath(to, entry.name)),
                               std::filesystem::copy_options::overwrite_existing, error);
    if (error)
      return Error(absl::StatusCode::kUnavailable, "CANNOT_COPY",
                   absl::StrCat(JoinPath(from, entry.name), " could not be copied to ", to, " (",
                                error.message(), ")"));
    return true;
  });
}

}  // namespace mailquench::agent::exchange
