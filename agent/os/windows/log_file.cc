#include "agent/os/log_file.h"

#include <windows.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/os/folder.h"
#include "agent/os/windows/file_calls.h"
#include "agent/os/windows/handle.h"
#include "common/os/wide.h"
#include "common/status/error.h"

namespace mailquench::agent {

absl::StatusOr<std::unique_ptr<LogFile>> LogFile::Open(const std::string& path) {
  auto opened = OpenRegularFile(path, GENERIC_READ);
  if (ReasonOf(opened.status()) == "NOT_A_REGULAR_FILE")
    return Error(absl::StatusCode::kInvalidArgument, "NO_FILE",
                 absl::StrCat(path, " is no regular file; it was not read"));
  MQ_RETURN_IF_ERROR(opened.status());
  BY_HANDLE_FILE_INFORMATION info{};
  if (!::GetFileInformationByHandle(opened->get(), &info))
    return os::WindowsError(::GetLastError(), absl::StrCat("look at ", path));
  std::unique_ptr<LogFile> file(
      new LogFile(reinterpret_cast<std::intptr_t>(opened->Release()), path));
  file->identity_ =
      absl::StrCat(info.dwVolumeSerialNumber, ":", info.nFileIndexHigh, ":", info.nFileIndexLow);
  file->modified_ = TimeOf(info.ftLastWriteTime);
  file->size_ = static_cast<std::int64_t>(info.nFileSizeHigh) << 32 | info.nFileSizeLow;
  return file;
}

LogFile::~LogFile() {
  ::CloseHandle(reinterpret_cast<HANDLE>(handle_));
}

absl::Status LogFile::ReadAt(std::int64_t at, std::int64_t count, std::string& out) const {
  out.resize(static_cast<std::size_t>(count));
  std::size_t have = 0;
  while (have < out.size()) {
    const std::int64_t from = at + static_cast<std::int64_t>(have);
    OVERLAPPED where{};
    where.Offset = static_cast<DWORD>(from);
    where.OffsetHigh = static_cast<DWORD>(from >> 32);
    DWORD n = 0;
    if (!::ReadFile(reinterpret_cast<HANDLE>(handle_), out.data() + have,
                    static_cast<DWORD>(out.size() - have), &n, &where)) {
      const DWORD error = ::GetLastError();
      if (error != ERROR_HANDLE_EOF) return os::WindowsError(error, "read the log");
      n = 0;
    }
    if (n == 0) break;
    have += n;
  }
  out.resize(have);
  return absl::OkStatus();
}

std::vector<std::string> RotatedFiles(const std::string& path,
                                      absl::Time since,
                                      std::vector<std::string>* compressed) {
  const std::size_t slash = path.find_last_of("/\\");
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const std::string base = slash == std::string::npos ? path : path.substr(slash + 1);
  std::vector<std::pair<absl::Time, std::string>> found;
  // A folder that cannot be read has none, as on POSIX.
  (void)ForEachEntry(folder, [&](const FolderEntry& entry) -> absl::StatusOr<bool> {
    const std::string& name = entry.name;
    if (entry.kind != FolderEntry::Kind::kFile || entry.modified < since ||
        name.size() <= base.size() + 1 || !absl::StartsWithIgnoreCase(name, base) ||
        (name[base.size()] != '.' && name[base.size()] != '-'))
      return true;
    const std::string full = slash == std::string::npos ? name : absl::StrCat(folder, name);
    const bool packed = absl::EndsWith(name, ".gz") || absl::EndsWith(name, ".xz") ||
                        absl::EndsWith(name, ".bz2") || absl::EndsWith(name, ".zst") ||
                        absl::EndsWithIgnoreCase(name, ".zip");
    if (packed)
      compressed->push_back(full);
    else
      found.emplace_back(entry.modified, full);
    return true;
  });
  std::sort(found.rbegin(), found.rend());
  std::sort(compressed->begin(), compressed->end());
  std::vector<std::string> paths;
  for (auto& [modified, full] : found) paths.push_back(std::move(full));
  return paths;
}

}  // namespace mailquench::agent
