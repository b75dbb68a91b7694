#include <windows.h>

#include <cstdlib>

#include "common/os/program.h"
#include "common/os/system_library.h"
#include "common/os/wide.h"

namespace mailquench::os {
namespace {

constexpr UINT kKilled = 137;

}  // namespace

std::vector<std::string> Arguments(int, char**) {
  std::vector<std::string> out = SplitCommandLine(::GetCommandLineW());
  if (!out.empty()) out.erase(out.begin());
  return out;
}

std::string Environment(const std::string& name) {
  const std::wstring wide = ToWide(name);
  std::wstring value(256, L'\0');
  while (true) {
    const DWORD length =
        ::GetEnvironmentVariableW(wide.c_str(), value.data(), static_cast<DWORD>(value.size()));
    if (length < value.size()) {
      value.resize(length);
      return ToUtf8(value);
    }
    value.resize(length);  // With the final zero.
  }
}

void SetEnvironment(const std::string& name, const std::string& value) {
  // The C library's own copy and the system's: gRPC reads the one, others the other.
  ::_wputenv_s(ToWide(name).c_str(), ToWide(value).c_str());
}

std::string UserSettingsFile(const std::string& program, const std::string& file) {
  return Environment("APPDATA") + "\\" + program + "\\" + file;
}

void LoadSystemLibrariesOnly() {
  // learn.microsoft.com/windows/win32/api/libloaderapi/nf-libloaderapi-setdefaultdlldirectories;
  // headers for Windows 7 have none of it.
  constexpr DWORD kSystem32 = 0x00000800;
  using Set = BOOL(WINAPI*)(DWORD);
  const HMODULE kernel = ::GetModuleHandleW(L"kernel32.dll");
  const auto set = kernel == nullptr ? nullptr
                                     : reinterpret_cast<Set>(reinterpret_cast<void*>(
                                           ::GetProcAddress(kernel, "SetDefaultDllDirectories")));
  if (set != nullptr) (void)set(kSystem32);
  (void)::SetDllDirectoryW(L"");  // What there is without it: not from the current folder.
}

void EndAtOnce() {
  ::TerminateProcess(::GetCurrentProcess(), kKilled);
  std::abort();  // Never reached; the compiler does not know.
}

}  // namespace mailquench::os
