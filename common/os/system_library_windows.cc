#include <windows.h>

#include "common/os/system_library.h"
#include "common/os/wide.h"

namespace mailquench::os {

SystemLibrary::SystemLibrary(const wchar_t* name) : module_(nullptr) {
  wchar_t folder[MAX_PATH] = L"";
  const UINT length = ::GetSystemDirectoryW(folder, MAX_PATH);
  if (length == 0 || length >= MAX_PATH) return;
  const std::wstring path = std::wstring(folder, length) + L"\\" + name;
  module_ = ::LoadLibraryExW(path.c_str(), nullptr, LOAD_WITH_ALTERED_SEARCH_PATH);
}

SystemLibrary::~SystemLibrary() {
  if (module_ != nullptr) ::FreeLibrary(static_cast<HMODULE>(module_));
}

void (*SystemLibrary::Address(const char* name) const)() {
  if (module_ == nullptr) return nullptr;
  return reinterpret_cast<void (*)()>(::GetProcAddress(static_cast<HMODULE>(module_), name));
}

std::vector<std::string> SplitCommandLine(const wchar_t* line) {
  std::vector<std::string> out;
  const SystemLibrary shell(L"shell32.dll");
  auto* const split = shell.Get<wchar_t* * WINAPI(const wchar_t*, int*)>("CommandLineToArgvW");
  int count = 0;
  wchar_t** const words = split == nullptr ? nullptr : split(line, &count);
  if (words == nullptr) return out;
  for (int i = 0; i < count; ++i) out.push_back(ToUtf8(words[i]));
  ::LocalFree(words);
  return out;
}

}  // namespace mailquench::os
