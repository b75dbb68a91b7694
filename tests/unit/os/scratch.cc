#include "tests/unit/os/scratch.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <vector>

#include "agent/os/files.h"
#include "agent/os/folder.h"
#include "agent/os/host.h"

#ifdef _WIN32
#include <windows.h>
// After windows.h.
#include <winioctl.h>

#include "agent/os/process.h"
#include "common/os/wide.h"
#else
#include <unistd.h>
#endif

namespace mailquench::agent {
namespace {

// A link to a folder is one for Windows.
void RemoveLink(const std::string& path) {
#ifdef _WIN32
  (void)::RemoveDirectoryW(os::LongPath(path).c_str());
#else
  ADD_FAILURE() << path;
#endif
}

void Empty(const std::string& folder) {
  std::vector<FolderEntry> entries;
  (void)ForEachEntry(folder, [&](const FolderEntry& entry) -> absl::StatusOr<bool> {
    entries.push_back(entry);
    return true;
  });
  for (const FolderEntry& entry : entries) {
    const std::string path = folder + "/" + entry.name;
    if (entry.kind == FolderEntry::Kind::kFolder) {
      Empty(path);
      (void)RemoveFolder(path);
    } else if (!RemoveFile(path).ok()) {
      RemoveLink(path);
    }
  }
}
}  // namespace

Scratch::Scratch() {
  static int count = 0;
  path_ = std::filesystem::temp_directory_path().string() + "/mailquench-test-" +
          std::to_string(ProcessId()) + "-" + std::to_string(++count);
  EXPECT_TRUE(MakeDirectories(path_, 0755).ok());
}

Scratch::~Scratch() {
  Empty(path_);
  (void)RemoveFolder(path_);
}

#ifdef _WIN32
// Wine 8 makes no junctions, and shows symbolic links of the system below as what they are.
bool MakeWineLink(const std::string& target, const std::string& link) {
  using ToUnix = char*(CDECL*)(const wchar_t*);
  const auto to_unix = reinterpret_cast<ToUnix>(reinterpret_cast<void*>(
      ::GetProcAddress(::GetModuleHandleW(L"kernel32.dll"), "wine_get_unix_file_name")));
  if (to_unix == nullptr) return false;
  const auto native = [&](const std::string& path) {
    std::wstring wide = os::LongPath(path).substr(4);
    char* const name = to_unix(wide.c_str());
    std::string out = name == nullptr ? "" : name;
    ::HeapFree(::GetProcessHeap(), 0, name);
    return out;
  };
  ProcessOptions options;
  options.capture = false;
  const auto made = RunProcess({"Z:\\usr\\bin\\ln", "-s", native(target), native(link)}, options);
  for (int i = 0; i < 100; ++i) {  // It is not waited for.
    const DWORD attributes = ::GetFileAttributesW(os::LongPath(link).c_str());
    if (attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0)
      return true;
    ::Sleep(20);
  }
  ADD_FAILURE() << "ln: " << made.status();
  return false;
}

bool MakeLink(const std::string& target, const std::string& link) {
  // A junction: what anybody may make.
  const std::wstring to = L"\\??\\" + os::LongPath(target).substr(4);
  if (!::CreateDirectoryW(os::LongPath(link).c_str(), nullptr)) return false;
  HANDLE const folder =
      ::CreateFileW(os::LongPath(link).c_str(), GENERIC_WRITE, 0, nullptr, OPEN_EXISTING,
                    FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, nullptr);
  // REPARSE_DATA_BUFFER for mount points: tag, length, and two names, each with a final zero.
  const auto bytes = static_cast<WORD>(to.size() * sizeof(wchar_t));
  std::vector<BYTE> buffer(16 + bytes + 2 * sizeof(wchar_t));
  const DWORD tag = 0xA0000003;  // IO_REPARSE_TAG_MOUNT_POINT
  const auto length = static_cast<WORD>(buffer.size() - 8);
  const WORD names[4] = {0, bytes, static_cast<WORD>(bytes + sizeof(wchar_t)), 0};
  std::copy_n(reinterpret_cast<const BYTE*>(&tag), 4, buffer.data());
  std::copy_n(reinterpret_cast<const BYTE*>(&length), 2, buffer.data() + 4);
  std::copy_n(reinterpret_cast<const BYTE*>(names), 8, buffer.data() + 8);
  std::copy_n(reinterpret_cast<const BYTE*>(to.data()), bytes, buffer.data() + 16);
  DWORD returned = 0;
  const BOOL made =
      ::DeviceIoControl(folder, FSCTL_SET_REPARSE_POINT, buffer.data(),
                        static_cast<DWORD>(buffer.size()), nullptr, 0, &returned, nullptr);
  ::CloseHandle(folder);
  const DWORD attributes = ::GetFileAttributesW(os::LongPath(link).c_str());
  if (made && (attributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0) return true;
  ::RemoveDirectoryW(os::LongPath(link).c_str());
  return MakeWineLink(target, link);
}
#else
bool MakeLink(const std::string& target, const std::string& link) {
  return symlink(target.c_str(), link.c_str()) == 0;
}
#endif

}  // namespace mailquench::agent
