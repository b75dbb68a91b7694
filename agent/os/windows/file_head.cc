#include <windows.h>

#include <algorithm>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "agent/os/folder.h"
#include "agent/os/windows/file_calls.h"
#include "agent/os/windows/handle.h"
#include "common/os/wide.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {

absl::StatusOr<std::string> HeadOf(HANDLE file, const std::string& name, std::size_t max_bytes) {
  std::string head;
  while (head.size() < max_bytes) {
    const std::size_t before = head.size();
    const std::size_t part = std::min<std::size_t>(max_bytes - before, 65536);
    head.resize(before + part);
    DWORD n = 0;
    if (!::ReadFile(file, head.data() + before, static_cast<DWORD>(part), &n, nullptr))
      return os::WindowsError(::GetLastError(), absl::StrCat("read ", name));
    head.resize(before + n);
    if (n == 0) break;
  }
  return head;
}

// ":PROPERTIES:$DATA" is PROPERTIES; "" for the file's own content and what is no data.
std::wstring NameOfStream(const std::wstring& full) {
  constexpr wchar_t kData[] = L":$DATA";
  constexpr std::size_t kLength = 6;
  if (full.size() <= kLength + 1 || full[0] != L':' ||
      full.compare(full.size() - kLength, kLength, kData) != 0)
    return std::wstring();
  return full.substr(1, full.size() - 1 - kLength);
}
}  // namespace

absl::StatusOr<std::string> ReadHead(const std::string& path, std::size_t max_bytes) {
  MQ_ASSIGN_OR_RETURN(const Handle file, OpenRegularFile(path, GENERIC_READ));
  return HeadOf(file.get(), path, max_bytes);
}

absl::StatusOr<std::vector<NamedStream>> ReadStreams(const std::string& path,
                                                     std::size_t max_bytes) {
  // Held: what is asked for by its name below is this file, and no link that took its place.
  MQ_ASSIGN_OR_RETURN(const Handle held, OpenRegularFile(path, FILE_READ_ATTRIBUTES));
  std::vector<NamedStream> streams;
  WIN32_FIND_STREAM_DATA found;
  HANDLE const search =
      ::FindFirstStreamW(os::LongPath(path).c_str(), FindStreamInfoStandard, &found, 0);
  if (search == INVALID_HANDLE_VALUE) {
    const DWORD error = ::GetLastError();
    // A file system without streams (FAT, a share, Wine).
    if (error == ERROR_HANDLE_EOF || error == ERROR_INVALID_PARAMETER ||
        error == ERROR_INVALID_FUNCTION || error == ERROR_NOT_SUPPORTED ||
        error == ERROR_CALL_NOT_IMPLEMENTED)
      return streams;
    return os::WindowsError(error, absl::StrCat("read the streams of ", path));
  }
  const absl::Cleanup closer = [search] { ::FindClose(search); };
  do {
    const std::wstring name = NameOfStream(found.cStreamName);
    if (name.empty()) continue;
    NamedStream stream;
    stream.name = os::ToUtf8(name);
    const std::string full = absl::StrCat(path, ":", stream.name);
    const Handle file(::CreateFileW((os::LongPath(path) + L":" + name).c_str(), GENERIC_READ,
                                    kShareAll, nullptr, OPEN_EXISTING, FILE_FLAG_OPEN_REPARSE_POINT,
                                    nullptr));
    if (!file.valid()) return os::WindowsError(::GetLastError(), absl::StrCat("open ", full));
    MQ_ASSIGN_OR_RETURN(stream.content, HeadOf(file.get(), full, max_bytes));
    streams.push_back(std::move(stream));
  } while (::FindNextStreamW(search, &found));
  const DWORD error = ::GetLastError();
  if (error != ERROR_HANDLE_EOF && error != ERROR_NO_MORE_FILES)
    return os::WindowsError(error, absl::StrCat("read the streams of ", path));
  return streams;
}

}  // namespace mailquench::agent
