#include "agent/os/windows/surroundings.h"

#include <windows.h>

#include <algorithm>
#include <cwchar>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/os/wide.h"

namespace mailquench::agent {
namespace {

std::wstring WindowsFolder() {
  wchar_t folder[MAX_PATH + 1] = L"";
  const UINT length = ::GetSystemWindowsDirectoryW(folder, MAX_PATH);
  return std::wstring(folder, length);
}

// The system's folders only, whatever PATH and current directory this process was started with.
std::wstring SearchPath() {
  const std::wstring system = SystemFolder();
  return system + L";" + WindowsFolder() + L";" + system + L"\\Wbem;" + system +
         L"\\WindowsPowerShell\\v1.0;" + system + L"\\inetsrv";
}

std::wstring Variable(const wchar_t* name) {
  wchar_t value[MAX_PATH + 1] = L"";
  const DWORD length = ::GetEnvironmentVariableW(name, value, MAX_PATH);
  return length < MAX_PATH ? std::wstring(value, length) : std::wstring();
}
// By name without regard to case, as CreateProcessW() wants them sorted.
struct Less {
  bool operator()(const std::wstring& a, const std::wstring& b) const {
    return ::CompareStringOrdinal(a.data(), static_cast<int>(a.size()), b.data(),
                                  static_cast<int>(b.size()), TRUE) == CSTR_LESS_THAN;
  }
};
using Variables = std::map<std::wstring, std::wstring, Less>;

// With `more` ("NAME=value") added or replaced.
std::wstring Block(Variables values, const std::vector<std::string>& more) {
  for (const std::string& one : more) {
    const std::wstring wide = os::ToWide(one);
    const std::size_t equals = wide.find(L'=');
    if (equals != std::wstring::npos && equals > 0)
      values[wide.substr(0, equals)] = wide.substr(equals + 1);
  }
  std::wstring block;
  for (const auto& [name, value] : values) block += name + L"=" + value + L'\0';
  return block + L'\0';
}
}  // namespace

std::wstring SystemFolder() {
  wchar_t folder[MAX_PATH + 1] = L"";
  const UINT length = ::GetSystemDirectoryW(folder, MAX_PATH);
  return std::wstring(folder, length);
}

absl::StatusOr<std::wstring> LocateProgram(const std::string& program) {
  const auto missing = [&] {
    return absl::NotFoundError(absl::StrCat("cannot run ", program, ": no such program"));
  };
  // The system would run it in cmd.exe, which reads arguments as commands.
  if (absl::EndsWithIgnoreCase(program, ".bat") || absl::EndsWithIgnoreCase(program, ".cmd"))
    return absl::InvalidArgumentError(absl::StrCat(
        program, " is a batch file, whose arguments cannot be quoted; it was not run"));
  std::wstring wide = os::ToWide(program);
  std::replace(wide.begin(), wide.end(), L'/', L'\\');
  if (program.find_first_of("/\\:") != std::string::npos) {
    // Without "\\?\": that is no image path which every program can cope with.
    const DWORD attributes = ::GetFileAttributesW(os::LongPath(program).c_str());
    if (attributes == INVALID_FILE_ATTRIBUTES || (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0)
      return missing();
    return wide;
  }
  const std::wstring path = SearchPath();
  wchar_t found[MAX_PATH + 1] = L"";
  const DWORD length = ::SearchPathW(path.c_str(), wide.c_str(), L".exe", MAX_PATH, found, nullptr);
  if (length == 0 || length > MAX_PATH) return missing();
  return std::wstring(found, length);
}

std::wstring EnvironmentBlock(const std::vector<std::string>& more) {
  Variables values;
  for (const wchar_t* name :
       {L"ComSpec", L"TEMP", L"TMP", L"SystemDrive", L"ProgramData", L"ProgramFiles",
        L"ProgramFiles(x86)", L"CommonProgramFiles", L"ALLUSERSPROFILE", L"COMPUTERNAME",
        L"PROCESSOR_ARCHITECTURE", L"NUMBER_OF_PROCESSORS", L"OS", L"USERPROFILE", L"APPDATA",
        L"LOCALAPPDATA", L"PSModulePath"}) {
    const std::wstring value = Variable(name);
    if (!value.empty()) values[name] = value;
  }
  values[L"SystemRoot"] = WindowsFolder();
  values[L"windir"] = WindowsFolder();
  values[L"PATH"] = SearchPath();
  values[L"PATHEXT"] = L".COM;.EXE;.BAT;.CMD";
  return Block(std::move(values), more);
}

std::wstring InheritedEnvironmentBlock(const std::vector<std::string>& more) {
  Variables values;
  wchar_t* const ours = ::GetEnvironmentStringsW();
  for (const wchar_t* at = ours; at != nullptr && *at != L'\0'; at += std::wcslen(at) + 1) {
    const std::wstring one = at;
    // "=C:=C:\folder" is how cmd.exe keeps its folders: the name begins with "=".
    const std::size_t equals = one.find(L'=', 1);
    if (equals != std::wstring::npos) values[one.substr(0, equals)] = one.substr(equals + 1);
  }
  if (ours != nullptr) ::FreeEnvironmentStringsW(ours);
  return Block(std::move(values), more);
}

}  // namespace mailquench::agent
